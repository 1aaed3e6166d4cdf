//! The meaning of a filter, written down as plainly as it is told at [`basalt_core::filter::Leaf`].

use std::cmp::Ordering;

use basalt_core::CollectionName;
use basalt_core::filter::{Filter, IdPart, Leaf, LookupId, Order, Place, Root, Scalar, SizeTest, TextTest};
use basalt_core::geo::Point;
use serde_json::Value;

/// Finds a document by collection and id.
pub type Find<'f> = dyn Fn(&CollectionName, &str) -> Option<Value> + 'f;

/// Whether a filter is true or false of a flat document; `None`: an error.
pub fn matches(filter: &Filter, document: &Value, find: &Find<'_>) -> Option<bool> {
    judge(filter, &View { document, elements: Vec::new(), find })
}

#[derive(Clone)]
struct View<'v> {
    document: &'v Value,
    elements: Vec<&'v Value>,
    find: &'v Find<'v>,
}

fn judge(filter: &Filter, view: &View<'_>) -> Option<bool> {
    match filter {
        Filter::True => Some(true),
        Filter::False => Some(false),
        Filter::Error => None,
        Filter::And(parts) => all(parts.iter().map(|part| judge(part, view))),
        Filter::Or(parts) => any(parts.iter().map(|part| judge(part, view))),
        Filter::Not(inner) => judge(inner, view).map(|value| !value),
        Filter::Leaf(leaf) => judge_leaf(leaf, view),
    }
}

fn any(values: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let values: Vec<_> = values.collect();
    if values.contains(&Some(true)) {
        return Some(true);
    }
    if values.contains(&None) { None } else { Some(false) }
}

fn all(values: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    any(values.map(|value| value.map(|value| !value))).map(|value| !value)
}

fn judge_leaf(leaf: &Leaf, view: &View<'_>) -> Option<bool> {
    match leaf {
        Leaf::Equal { place, value } => Some(equal(at(place, view)?, value)),
        Leaf::Order { place, order, value } => Some(ordered(compare(at(place, view)?, value)?, *order)),
        Leaf::In { place, values } => {
            let found = at(place, view)?;
            Some(values.iter().any(|value| equal(found, value)))
        }
        Leaf::Contains { place, value } => match at(place, view)? {
            Value::Array(items) => Some(items.iter().any(|item| equal(item, value))),
            Value::Object(map) => Some(matches!(value, Scalar::Text(key) if map.contains_key(key))),
            _ => None,
        },
        Leaf::Has { place } => {
            let (name, holder) = place.path.names().split_last()?;
            Some(walk(place.root, holder, view)?.as_object()?.contains_key(name))
        }
        Leaf::IsTrue { place } => at(place, view)?.as_bool(),
        Leaf::Text { place, test, value } => {
            let text = at(place, view)?.as_str()?;
            Some(match test {
                TextTest::StartsWith => text.get(..value.len()) == Some(value),
                TextTest::EndsWith => text.ends_with(value.as_str()),
                TextTest::Contains => text.find(value.as_str()).is_some(),
            })
        }
        Leaf::Size { place, test, value } => {
            let size = match at(place, view)? {
                Value::String(text) => text.chars().count(),
                Value::Array(items) => items.len(),
                Value::Object(map) => map.len(),
                _ => return None,
            };
            let found = i64::try_from(size).ok()?.cmp(value);
            match test {
                SizeTest::Equal => Some(found == Ordering::Equal),
                SizeTest::Order(order) => Some(ordered(found, *order)),
            }
        }
        Leaf::Distance { place, point, order, metres } => {
            let found = Point::of(at(place, view)?)?;
            Some(ordered(found.distance(*point).partial_cmp(metres)?, *order))
        }
        Leaf::Any { place, filter } => any(elements(place, view)?.iter().map(|element| within(filter, element, view))),
        Leaf::All { place, filter } => all(elements(place, view)?.iter().map(|element| within(filter, element, view))),
        Leaf::Exists { collection, id } => Some((view.find)(collection, &id_text(id, view)?).is_some()),
        Leaf::Lookup { collection, id, filter } => {
            let document = (view.find)(collection, &id_text(id, view)?)?;
            judge(filter, &View { document: &document, elements: view.elements.clone(), find: view.find })
        }
    }
}

fn within(filter: &Filter, element: &Value, view: &View<'_>) -> Option<bool> {
    let mut elements = view.elements.clone();
    elements.push(element);
    judge(filter, &View { document: view.document, elements, find: view.find })
}

fn elements<'v>(place: &Place, view: &View<'v>) -> Option<&'v Vec<Value>> {
    at(place, view)?.as_array()
}

fn id_text(id: &LookupId, view: &View<'_>) -> Option<String> {
    let parts = id.0.iter().map(|part| match part {
        IdPart::Text(text) => Some(text.as_str()),
        IdPart::Place(place) => at(place, view)?.as_str(),
    });
    parts.collect()
}

fn at<'v>(place: &Place, view: &View<'v>) -> Option<&'v Value> {
    walk(place.root, place.path.names(), view)
}

fn walk<'v>(root: Root, names: &[String], view: &View<'v>) -> Option<&'v Value> {
    let start = match root {
        Root::Document => view.document,
        Root::Element(index) => view.elements.get(index)?,
    };
    names.iter().try_fold(start, |value, name| value.as_object()?.get(name))
}

fn equal(found: &Value, wanted: &Scalar) -> bool {
    match (found, wanted) {
        (Value::Null, Scalar::Null) => true,
        (Value::Bool(found), Scalar::Bool(wanted)) => found == wanted,
        (Value::Number(_), Scalar::Int(_) | Scalar::Float(_)) => compare(found, wanted) == Some(Ordering::Equal),
        (Value::String(found), Scalar::Text(wanted)) => found == wanted,
        _ => false,
    }
}

/// Numbers and texts only.
fn compare(found: &Value, wanted: &Scalar) -> Option<Ordering> {
    match (found, wanted) {
        (Value::String(found), Scalar::Text(wanted)) => Some(found.chars().cmp(wanted.chars())),
        (Value::Number(found), Scalar::Int(wanted)) => match found.as_i64() {
            Some(found) => Some(found.cmp(wanted)),
            None => float_with_integer(found.as_f64()?, *wanted),
        },
        (Value::Number(found), Scalar::Float(wanted)) => match found.as_i64() {
            Some(found) => float_with_integer(*wanted, found).map(Ordering::reverse),
            None => found.as_f64()?.partial_cmp(wanted),
        },
        _ => None,
    }
}

/// Rounding keeps the order, so only where the rounded integer equals the float the rest is asked.
fn float_with_integer(float: f64, integer: i64) -> Option<Ordering> {
    let rounded = integer as f64;
    match float.partial_cmp(&rounded)? {
        Ordering::Equal => {
            #[expect(clippy::cast_possible_truncation, reason = "equal to a rounded i64, so integral and within i128")]
            let exact = float as i128;
            Some(exact.cmp(&i128::from(integer)))
        }
        other => Some(other),
    }
}

fn ordered(found: Ordering, order: Order) -> bool {
    match order {
        Order::Lt => found == Ordering::Less,
        Order::Le => found != Ordering::Greater,
        Order::Gt => found == Ordering::Greater,
        Order::Ge => found != Ordering::Less,
    }
}
