//! What filters mean, said once more and plainly: true, false, or `None` for an error.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use basalt_core::CollectionName;
use basalt_core::filter::{Filter, IdPart, Leaf, LookupId, Order, Place, Root, Scalar, SizeTest, TextTest};
use basalt_core::geo::Point;
use serde_json::{Map, Number, Value};

pub(super) type Collections = BTreeMap<CollectionName, BTreeMap<String, Map<String, Value>>>;

pub(super) struct Naive<'a> {
    pub(super) collections: &'a Collections,
}

#[derive(Clone)]
struct Context<'a> {
    document: &'a Value,
    elements: Vec<&'a Value>,
}

impl<'a> Naive<'a> {
    pub(super) fn evaluate(&'a self, filter: &Filter, document: &'a Value) -> Option<bool> {
        self.filter(filter, &Context { document, elements: Vec::new() })
    }

    fn filter(&'a self, filter: &Filter, context: &Context<'a>) -> Option<bool> {
        match filter {
            Filter::True => Some(true),
            Filter::False => Some(false),
            Filter::Error => None,
            Filter::And(parts) => strongest(parts.iter().map(|part| self.filter(part, context)), false),
            Filter::Or(parts) => strongest(parts.iter().map(|part| self.filter(part, context)), true),
            Filter::Not(inner) => self.filter(inner, context).map(|value| !value),
            Filter::Leaf(leaf) => self.leaf(leaf, context),
        }
    }

    fn leaf(&'a self, leaf: &Leaf, context: &Context<'a>) -> Option<bool> {
        match leaf {
            Leaf::Equal { place, value } => find(place, context).map(|found| equal(found, value)),
            Leaf::In { place, values } => {
                let found = find(place, context)?;
                Some(values.iter().any(|value| equal(found, value)))
            }
            Leaf::Order { place, order, value } => ordered(find(place, context)?, *order, value),
            Leaf::Contains { place, value } => match find(place, context)? {
                Value::Array(items) => Some(items.iter().any(|item| equal(item, value))),
                Value::Object(map) => Some(matches!(value, Scalar::Text(name) if map.contains_key(name))),
                _ => None,
            },
            Leaf::Has { place } => {
                let (last, holder) = place.path.names().split_last()?;
                let mut value = start(place.root, context)?;
                for name in holder {
                    value = value.as_object()?.get(name)?;
                }
                Some(value.as_object()?.contains_key(last))
            }
            Leaf::Distance { place, point, order, metres } => {
                let found = Point::of(find(place, context)?)?.distance(*point);
                let order_of = found.partial_cmp(metres)?;
                Some(match order {
                    Order::Lt => order_of.is_lt(),
                    Order::Le => order_of.is_le(),
                    Order::Gt => order_of.is_gt(),
                    Order::Ge => order_of.is_ge(),
                })
            }
            Leaf::IsTrue { place } => find(place, context)?.as_bool(),
            Leaf::Text { place, test, value } => {
                let text = find(place, context)?.as_str()?;
                Some(match test {
                    TextTest::StartsWith => text.starts_with(value.as_str()),
                    TextTest::EndsWith => text.ends_with(value.as_str()),
                    TextTest::Contains => text.contains(value.as_str()),
                })
            }
            Leaf::Size { place, test, value } => {
                let size = match find(place, context)? {
                    Value::String(text) => text.chars().count(),
                    Value::Array(items) => items.len(),
                    Value::Object(map) => map.len(),
                    _ => return None,
                };
                let size = i64::try_from(size).unwrap();
                Some(match test {
                    SizeTest::Equal => size == *value,
                    SizeTest::Order(order) => in_order(size.cmp(value), *order),
                })
            }
            Leaf::Any { place, filter } => self.elements(place, filter, context, true),
            Leaf::All { place, filter } => self.elements(place, filter, context, false),
            Leaf::Exists { collection, id } => {
                let id = joined(id, context)?;
                Some(self.collections.get(collection).is_some_and(|documents| documents.contains_key(&id)))
            }
            Leaf::Lookup { collection, id, filter } => {
                let id = joined(id, context)?;
                let document = Value::Object(self.collections.get(collection)?.get(&id)?.clone());
                let elements = context.elements.iter().map(|element| (*element).clone()).collect::<Vec<_>>();
                let naive = Naive { collections: self.collections };
                naive.filter(filter, &Context { document: &document, elements: elements.iter().collect() })
            }
        }
    }

    fn elements(&'a self, place: &Place, filter: &Filter, context: &Context<'a>, decisive: bool) -> Option<bool> {
        let items = find(place, context)?.as_array()?;
        let each = items.iter().map(|item| {
            let mut inner = context.clone();
            inner.elements.push(item);
            self.filter(filter, &inner)
        });
        strongest(each, decisive)
    }
}

/// The decisive value wins over errors, errors over the other one.
fn strongest(values: impl Iterator<Item = Option<bool>>, decisive: bool) -> Option<bool> {
    let values: Vec<_> = values.collect();
    if values.contains(&Some(decisive)) {
        Some(decisive)
    } else if values.contains(&None) {
        None
    } else {
        Some(!decisive)
    }
}

fn start<'a>(root: Root, context: &Context<'a>) -> Option<&'a Value> {
    match root {
        Root::Document => Some(context.document),
        Root::Element(level) => context.elements.get(level).copied(),
    }
}

fn find<'a>(place: &Place, context: &Context<'a>) -> Option<&'a Value> {
    place.path.names().iter().try_fold(start(place.root, context)?, |value, name| value.as_object()?.get(name))
}

fn joined(id: &LookupId, context: &Context<'_>) -> Option<String> {
    let mut joined = String::new();
    for part in &id.0 {
        joined.push_str(match part {
            IdPart::Text(text) => text,
            IdPart::Place(place) => find(place, context)?.as_str()?,
        });
    }
    Some(joined)
}

fn equal(value: &Value, scalar: &Scalar) -> bool {
    match (value, scalar) {
        (Value::Null, Scalar::Null) => true,
        (Value::Bool(a), Scalar::Bool(b)) => a == b,
        (Value::String(a), Scalar::Text(b)) => a == b,
        (Value::Number(number), Scalar::Int(_) | Scalar::Float(_)) => compare(number, scalar) == Some(Ordering::Equal),
        _ => false,
    }
}

fn ordered(value: &Value, order: Order, scalar: &Scalar) -> Option<bool> {
    match (value, scalar) {
        (Value::String(text), Scalar::Text(other)) => Some(in_order(text.chars().cmp(other.chars()), order)),
        (Value::Number(number), Scalar::Int(_) | Scalar::Float(_)) => {
            compare(number, scalar).map(|ordering| in_order(ordering, order))
        }
        _ => None,
    }
}

fn in_order(ordering: Ordering, order: Order) -> bool {
    match order {
        Order::Lt => ordering.is_lt(),
        Order::Le => ordering.is_le(),
        Order::Gt => ordering.is_gt(),
        Order::Ge => ordering.is_ge(),
    }
}

/// By value; `None` with what is not a number.
fn compare(number: &Number, scalar: &Scalar) -> Option<Ordering> {
    match (number.as_i64(), scalar) {
        (Some(a), Scalar::Int(b)) => Some(a.cmp(b)),
        (Some(a), Scalar::Float(b)) => integer_with_float(a, *b),
        (None, Scalar::Int(b)) => integer_with_float(*b, number.as_f64()?).map(Ordering::reverse),
        (None, Scalar::Float(b)) => number.as_f64()?.partial_cmp(b),
        _ => None,
    }
}

fn integer_with_float(integer: i64, float: f64) -> Option<Ordering> {
    if float.is_nan() {
        return None;
    }
    if float.abs() >= 1e19 {
        return 0.0.partial_cmp(&float);
    }
    #[expect(clippy::cast_possible_truncation, reason = "an integral float below 1e19")]
    let whole = i128::from(integer).cmp(&(float.trunc() as i128));
    Some(whole.then(0.0.partial_cmp(&float.fract())?))
}
