//! Which queries a change may concern: found by its values, so that a change costs what it touches and not what is
//! watched.
//!
//! A query of which every branch asks for one of some values of a field is filed under those values; a change looks up
//! what its document holds and held. The rest is asked at each change of the collection, and bounded.

use std::collections::{BTreeSet, HashMap, HashSet};

use basalt_core::filter::{Filter, Leaf, Place, Root, Scalar};
use basalt_core::{Change, CollectionName, FieldPath, key};
use serde_json::{Map, Value};

use super::QueryId;

/// Values that one query is filed under at most.
const MOST_VALUES: usize = 100;

/// Where a query is filed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Filing {
    /// One of these holds for each document that it shows.
    Values(Vec<Anchor>),
    /// Nothing is known: asked at each change.
    Rest,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Anchor {
    path: FieldPath,
    /// Of the value itself, or of an element of the list (or a name of the map) that it is.
    kind: Kind,
    key: Box<[u8]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Equal,
    Contains,
}

impl Filing {
    pub(crate) fn of(filter: &Filter) -> Self {
        match anchors(filter) {
            Some(anchors) if anchors.len() <= MOST_VALUES => Self::Values(anchors),
            _ => Self::Rest,
        }
    }
}

/// `None`: there are no such values.
fn anchors(filter: &Filter) -> Option<Vec<Anchor>> {
    match filter {
        Filter::False | Filter::Error => Some(Vec::new()),
        // Any one part will do: the one with the fewest values.
        Filter::And(parts) => parts.iter().filter_map(anchors).min_by_key(Vec::len),
        Filter::Or(parts) => {
            let all: Option<Vec<Vec<Anchor>>> = parts.iter().map(anchors).collect();
            Some(all?.into_iter().flatten().collect())
        }
        Filter::Leaf(Leaf::Equal { place, value }) => Some(vec![anchor(place, Kind::Equal, value)?]),
        Filter::Leaf(Leaf::In { place, values }) => {
            values.iter().map(|value| anchor(place, Kind::Equal, value)).collect()
        }
        Filter::Leaf(Leaf::IsTrue { place }) => Some(vec![anchor(place, Kind::Equal, &Scalar::Bool(true))?]),
        Filter::Leaf(Leaf::Contains { place, value }) => Some(vec![anchor(place, Kind::Contains, value)?]),
        Filter::True | Filter::Not(_) | Filter::Leaf(_) => None,
    }
}

fn anchor(place: &Place, kind: Kind, value: &Scalar) -> Option<Anchor> {
    (place.root == Root::Document).then(|| Anchor { path: place.path.clone(), kind, key: key::of_scalar(value).into() })
}

/// All queries by what they watch.
#[derive(Default)]
pub(crate) struct Index {
    shelves: HashMap<CollectionName, Shelf>,
}

/// Queries by the key of a value.
type ByKey = HashMap<Box<[u8]>, HashSet<QueryId>>;

#[derive(Default)]
struct Shelf {
    values: HashMap<(FieldPath, Kind), ByKey>,
    rest: BTreeSet<QueryId>,
}

impl Index {
    pub(crate) fn file(&mut self, collection: &CollectionName, filing: &Filing, query: QueryId) {
        let own = self.shelves.entry(collection.clone()).or_default();
        match filing {
            Filing::Rest => {
                own.rest.insert(query);
            }
            Filing::Values(anchors) => {
                for Anchor { path, kind, key } in anchors {
                    let values = own.values.entry((path.clone(), *kind)).or_default();
                    values.entry(key.clone()).or_default().insert(query);
                }
            }
        }
    }

    pub(crate) fn remove(&mut self, collection: &CollectionName, filing: &Filing, query: QueryId) {
        let Some(own) = self.shelves.get_mut(collection) else { return };
        match filing {
            Filing::Rest => {
                own.rest.remove(&query);
            }
            Filing::Values(anchors) => anchors.iter().for_each(|anchor| own.take_out(anchor, query)),
        }
        if own.rest.is_empty() && own.values.is_empty() {
            self.shelves.remove(collection);
        }
    }

    /// The queries that may show the document or have shown it, each once.
    pub(crate) fn concerned(&self, change: &Change) -> Vec<QueryId> {
        let Some(own) = self.shelves.get(&change.collection) else { return Vec::new() };
        let mut found: Vec<QueryId> = own.rest.iter().copied().collect();
        for ((path, kind), values) in &own.values {
            for version in [&change.after, &change.before].into_iter().flatten() {
                look_up(values, *kind, key::at(version, path), &mut found);
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Queries that are asked at each change of their collection.
    pub(crate) fn unfiled(&self) -> usize {
        self.shelves.values().map(|own| own.rest.len()).sum()
    }
}

impl Shelf {
    fn take_out(&mut self, anchor: &Anchor, query: QueryId) {
        let place = (anchor.path.clone(), anchor.kind);
        let Some(values) = self.values.get_mut(&place) else { return };
        if let Some(queries) = values.get_mut(&anchor.key) {
            queries.remove(&query);
            if queries.is_empty() {
                values.remove(&anchor.key);
            }
        }
        if values.is_empty() {
            self.values.remove(&place);
        }
    }
}

/// Of an update, `before` holds the fields that changed: the others are found by what `after` holds.
fn look_up(values: &HashMap<Box<[u8]>, HashSet<QueryId>>, kind: Kind, value: Option<&Value>, found: &mut Vec<QueryId>) {
    let mut one = |key: &[u8]| found.extend(values.get(key).into_iter().flatten());
    match (kind, value) {
        (Kind::Equal, Some(value)) => one(&key::of(Some(value))),
        (Kind::Contains, Some(Value::Array(items))) => items.iter().for_each(|item| one(&key::of(Some(item)))),
        (Kind::Contains, Some(Value::Object(map))) => names(map).for_each(|name| one(&name)),
        (_, None) | (Kind::Contains, Some(_)) => {}
    }
}

fn names(map: &Map<String, Value>) -> impl Iterator<Item = Vec<u8>> {
    map.keys().map(|name| key::of_scalar(&Scalar::Text(name.clone())))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::common::sample;

    fn place(path: &str) -> Place {
        Place::document(FieldPath::parse(path).unwrap())
    }

    fn equal(path: &str, value: &str) -> Filter {
        Filter::Leaf(Leaf::Equal { place: place(path), value: Scalar::Text(value.into()) })
    }

    fn contains(path: &str, value: &str) -> Filter {
        Filter::Leaf(Leaf::Contains { place: place(path), value: Scalar::Text(value.into()) })
    }

    fn more(path: &str) -> Filter {
        let order = basalt_core::filter::Order::Gt;
        Filter::Leaf(Leaf::Order { place: place(path), order, value: Scalar::Int(1) })
    }

    fn collection() -> CollectionName {
        CollectionName::parse("notes").unwrap()
    }

    fn change(before: &Value, after: &Value) -> Change {
        Change {
            after: after.as_object().cloned().map(Into::into),
            before: before.as_object().cloned().map(Into::into),
            ..sample::change(&collection(), "a", 1)
        }
    }

    #[test]
    fn every_branch_needs_a_value() {
        let rest = |filter: &Filter| Filing::of(filter) == Filing::Rest;
        assert!(!rest(&Filter::or([equal("owner", "u"), contains("members", "u")])));
        assert!(!rest(&Filter::and([equal("owner", "u"), more("n")])));
        assert!(rest(&Filter::or([equal("owner", "u"), more("n")])));
        assert!(rest(&!equal("owner", "u")));
        assert!(rest(&Filter::True));
    }

    #[test]
    fn a_change_finds_those_it_may_concern_by_old_and_new_values() {
        let mut index = Index::default();
        let filters = [
            equal("owner", "u1"),
            equal("owner", "u2"),
            Filter::or([equal("owner", "u3"), contains("members", "u1")]),
            more("n"),
        ];
        for (id, filter) in filters.iter().enumerate() {
            index.file(&collection(), &Filing::of(filter), QueryId(id as u64));
        }
        let found = |before: Value, after: Value| -> Vec<u64> {
            index.concerned(&change(&before, &after)).into_iter().map(|id| id.0).collect()
        };
        assert_eq!(found(json!({}), json!({"owner": "u1"})), [0, 3]);
        assert_eq!(found(json!({"owner": "u1"}), json!({"owner": "u2"})), [0, 1, 3]);
        assert_eq!(found(json!({"members": ["u9", "u1"]}), json!({"members": {"u1": true}})), [2, 3]);
        assert_eq!(found(json!({"owner": "u2"}), Value::Null), [1, 3], "a delete");
        index.remove(&collection(), &Filing::of(&filters[2]), QueryId(2));
        assert_eq!(index.concerned(&change(&json!({}), &json!({"owner": "u3"}))).len(), 1);
    }

    #[test]
    fn ten_thousand_owners_cost_a_change_one_evaluation() {
        let mut index = Index::default();
        for id in 0..10_000 {
            index.file(&collection(), &Filing::of(&equal("owner", &format!("u{id}"))), QueryId(id));
        }
        assert_eq!(index.concerned(&change(&json!({"n": 1}), &json!({"owner": "u77", "n": 2}))), [QueryId(77)]);
        assert_eq!(index.unfiled(), 0);
    }
}
