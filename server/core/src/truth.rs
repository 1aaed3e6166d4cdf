//! What a filter says of one document in memory: the same three-valued answer that the database gives.
//!
//! Documents that a filter looks up are asked of [`LookUps`]; what isn't known there leaves the answer open unless the
//! rest of the filter decides.

use std::cmp::Ordering;

use serde_json::{Map, Value};

use crate::filter::{Filter, IdPart, Leaf, LookupId, Order, Place, Root, Scalar, SizeTest, TextTest};
use crate::geo::Point;
use crate::ids::CollectionName;

/// What a filter comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    True,
    False,
    /// Neither: doesn't match.
    Error,
    /// It depends on a document that isn't known.
    Open,
}

/// A document that a filter looks up.
pub enum Found<'a> {
    Unknown,
    Missing,
    Document(&'a Map<String, Value>),
}

/// The documents that filters look up, by collection and id.
pub trait LookUps {
    fn find(&self, collection: &CollectionName, id: &str) -> Found<'_>;
}

/// Nothing is known.
pub struct NothingKnown;

impl LookUps for NothingKnown {
    fn find(&self, _: &CollectionName, _: &str) -> Found<'_> {
        Found::Unknown
    }
}

/// The answer for a flat document.
pub fn of(filter: &Filter, document: &Map<String, Value>, known: &dyn LookUps) -> Truth {
    View { document, elements: Elements::Outside, known }.judge(filter)
}

#[derive(Clone, Copy)]
struct View<'v> {
    document: &'v Map<String, Value>,
    elements: Elements<'v>,
    known: &'v dyn LookUps,
}

/// The elements of the enclosing lists, from the inside out.
#[derive(Clone, Copy)]
enum Elements<'v> {
    Outside,
    Within { depth: usize, element: &'v Value, outer: &'v Elements<'v> },
}

impl<'v> Elements<'v> {
    fn depth(&self) -> usize {
        match self {
            Self::Outside => 0,
            Self::Within { depth, .. } => *depth,
        }
    }

    /// The element of the n-th enclosing list, the outermost being 0.
    fn at(&self, index: usize) -> Option<&'v Value> {
        match self {
            Self::Outside => None,
            Self::Within { depth, element, outer } => {
                if *depth == index + 1 {
                    Some(element)
                } else {
                    outer.at(index)
                }
            }
        }
    }
}

impl View<'_> {
    fn judge(&self, filter: &Filter) -> Truth {
        match filter {
            Filter::True => Truth::True,
            Filter::False => Truth::False,
            Filter::Error => Truth::Error,
            Filter::And(parts) => all(parts.iter().map(|part| self.judge(part))),
            Filter::Or(parts) => any(parts.iter().map(|part| self.judge(part))),
            Filter::Not(inner) => negated(self.judge(inner)),
            Filter::Leaf(leaf) => self.leaf(leaf).unwrap_or(Truth::Error),
        }
    }

    /// `None`: an error.
    fn leaf(&self, leaf: &Leaf) -> Option<Truth> {
        Some(match leaf {
            Leaf::Equal { place, value } => truth(equal(self.at(place)?, value)),
            Leaf::Order { place, order, value } => truth(ordered(compare(self.at(place)?, value)?, *order)),
            Leaf::In { place, values } => {
                let found = self.at(place)?;
                truth(values.iter().any(|value| equal(found, value)))
            }
            Leaf::Contains { place, value } => truth(contains(self.at(place)?, value)?),
            Leaf::Has { place } => truth(self.has(place)?),
            Leaf::IsTrue { place } => truth(self.at(place)?.as_bool()?),
            Leaf::Text { place, test, value } => truth(text(self.at(place)?.as_str()?, *test, value)),
            Leaf::Size { place, test, value } => truth(size(self.at(place)?, *test, *value)?),
            Leaf::Distance { place, point, order, metres } => {
                let found = Point::of(self.at(place)?)?;
                truth(ordered(found.distance(*point).partial_cmp(metres)?, *order))
            }
            Leaf::Any { place, filter } => {
                any(self.elements(place)?.iter().map(|element| self.within(element, filter)))
            }
            Leaf::All { place, filter } => {
                all(self.elements(place)?.iter().map(|element| self.within(element, filter)))
            }
            Leaf::Exists { collection, id } => match self.known.find(collection, &self.id(id)?) {
                Found::Unknown => Truth::Open,
                Found::Missing => Truth::False,
                Found::Document(_) => Truth::True,
            },
            Leaf::Lookup { collection, id, filter } => match self.known.find(collection, &self.id(id)?) {
                Found::Unknown => Truth::Open,
                Found::Missing => Truth::Error,
                Found::Document(document) => View { document, ..*self }.judge(filter),
            },
        })
    }

    fn within(&self, element: &Value, filter: &Filter) -> Truth {
        let outer = self.elements;
        let elements = Elements::Within { depth: outer.depth() + 1, element, outer: &outer };
        View { document: self.document, elements, known: self.known }.judge(filter)
    }

    fn elements(&self, place: &Place) -> Option<&Vec<Value>> {
        self.at(place)?.as_array()
    }

    fn id(&self, id: &LookupId) -> Option<String> {
        let parts = id.0.iter().map(|part| match part {
            IdPart::Text(text) => Some(text.as_str()),
            IdPart::Place(place) => self.at(place)?.as_str(),
        });
        parts.collect()
    }

    fn has(&self, place: &Place) -> Option<bool> {
        let (name, holder) = place.path.names().split_last()?;
        if holder.is_empty() && place.root == Root::Document {
            return Some(self.document.contains_key(name));
        }
        Some(self.walk(place.root, holder)?.as_object()?.contains_key(name))
    }

    fn at(&self, place: &Place) -> Option<&Value> {
        self.walk(place.root, place.path.names())
    }

    fn walk(&self, root: Root, names: &[String]) -> Option<&Value> {
        let (start, rest) = match root {
            Root::Document => {
                let (first, rest) = names.split_first()?;
                (self.document.get(first)?, rest)
            }
            Root::Element(index) => (self.elements.at(index)?, names),
        };
        rest.iter().try_fold(start, |value, name| value.as_object()?.get(name))
    }
}

fn truth(value: bool) -> Truth {
    if value { Truth::True } else { Truth::False }
}

fn negated(truth: Truth) -> Truth {
    match truth {
        Truth::True => Truth::False,
        Truth::False => Truth::True,
        Truth::Error | Truth::Open => truth,
    }
}

/// True if one is; else open if one is; else an error if one is.
fn any(truths: impl Iterator<Item = Truth>) -> Truth {
    let mut sum = Truth::False;
    for truth in truths {
        match (truth, sum) {
            (Truth::True, _) => return Truth::True,
            (Truth::Open, _) => sum = Truth::Open,
            (Truth::Error, Truth::False) => sum = Truth::Error,
            _ => {}
        }
    }
    sum
}

fn all(truths: impl Iterator<Item = Truth>) -> Truth {
    negated(any(truths.map(negated)))
}

fn contains(found: &Value, value: &Scalar) -> Option<bool> {
    match found {
        Value::Array(items) => Some(items.iter().any(|item| equal(item, value))),
        Value::Object(map) => Some(matches!(value, Scalar::Text(key) if map.contains_key(key))),
        _ => None,
    }
}

fn text(found: &str, test: TextTest, value: &str) -> bool {
    match test {
        TextTest::StartsWith => found.starts_with(value),
        TextTest::EndsWith => found.ends_with(value),
        TextTest::Contains => found.contains(value),
    }
}

fn size(found: &Value, test: SizeTest, value: i64) -> Option<bool> {
    let size = match found {
        Value::String(found) => found.chars().count(),
        Value::Array(items) => items.len(),
        Value::Object(map) => map.len(),
        _ => return None,
    };
    let found = i64::try_from(size).ok()?.cmp(&value);
    Some(match test {
        SizeTest::Equal => found == Ordering::Equal,
        SizeTest::Order(order) => ordered(found, order),
    })
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

/// Numbers and texts only. The order of UTF-8 bytes is that of code points.
fn compare(found: &Value, wanted: &Scalar) -> Option<Ordering> {
    match (found, wanted) {
        (Value::String(found), Scalar::Text(wanted)) => Some(found.as_bytes().cmp(wanted.as_bytes())),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::FieldPath;
    use serde_json::json;

    fn judge(filter: &Filter, document: Value) -> Truth {
        let Value::Object(map) = document else { panic!("an object") };
        of(filter, &map, &NothingKnown)
    }

    fn place(path: &str) -> Place {
        Place::document(FieldPath::parse(path).unwrap())
    }

    #[test]
    fn what_is_missing_is_an_error_unless_the_rest_decides() {
        let a = Filter::Leaf(Leaf::Equal { place: place("a"), value: Scalar::Int(1) });
        let b = Filter::Leaf(Leaf::IsTrue { place: place("b.c") });
        assert_eq!(judge(&a, json!({"a": 1.0})), Truth::True);
        assert_eq!(judge(&a, json!({"a": "1"})), Truth::False);
        assert_eq!(judge(&a, json!({})), Truth::Error);
        assert_eq!(judge(&Filter::or([a.clone(), b.clone()]), json!({"a": 1})), Truth::True);
        assert_eq!(judge(&Filter::or([a.clone(), b.clone()]), json!({"a": 2})), Truth::Error);
        assert_eq!(judge(&Filter::and([a, b]), json!({"a": 2})), Truth::False);
    }

    #[test]
    fn an_unknown_look_up_leaves_it_open_unless_the_rest_decides() {
        let collection = CollectionName::parse("rooms").unwrap();
        let exists = Filter::Leaf(Leaf::Exists { collection, id: LookupId(vec![IdPart::Place(place("room"))]) });
        let a = Filter::Leaf(Leaf::Equal { place: place("a"), value: Scalar::Int(1) });
        assert_eq!(judge(&exists, json!({"room": "r"})), Truth::Open);
        assert_eq!(judge(&exists, json!({"room": 1})), Truth::Error, "no text is no id");
        let both = Filter::and([exists.clone(), a.clone()]);
        assert_eq!(judge(&both, json!({"room": "r", "a": 2})), Truth::False);
        assert_eq!(judge(&both, json!({"room": "r"})), Truth::Open, "the look-up may be false");
        assert_eq!(judge(&Filter::or([exists, a]), json!({"room": "r", "a": 1})), Truth::True);
    }

    #[test]
    fn elements_are_those_of_their_list() {
        let element = |index, path: &[&str]| Place {
            root: Root::Element(index),
            path: FieldPath::from_names(path.iter().map(ToString::to_string).collect()),
        };
        let equal = |place, value: i64| Filter::Leaf(Leaf::Equal { place, value: Scalar::Int(value) });
        let inner = Filter::Leaf(Leaf::All {
            place: element(0, &["ys"]),
            filter: Box::new(Filter::and([equal(element(1, &[]), 2), equal(element(0, &["x"]), 1)])),
        });
        let filter = Filter::Leaf(Leaf::Any { place: place("xs"), filter: Box::new(inner) });
        assert_eq!(judge(&filter, json!({"xs": [{"x": 0, "ys": [2]}, {"x": 1, "ys": [2, 2]}]})), Truth::True);
        assert_eq!(judge(&filter, json!({"xs": [{"x": 1, "ys": [2, 3]}, {"x": 0, "ys": [2]}]})), Truth::False);
        assert_eq!(judge(&filter, json!({"xs": [{"ys": [2]}]})), Truth::Error);
    }
}
