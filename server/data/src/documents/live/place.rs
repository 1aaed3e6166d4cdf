//! Where a document stands in an order, as bytes: the order of the bytes is the database's order of the rows.

use basalt_core::document::ID;
use basalt_core::key;
use basalt_store::{Collection, SortField};
use serde_json::{Map, Value};

/// The order of a query.
#[derive(Clone, Debug)]
pub(super) struct Sorting {
    fields: Vec<Field>,
    id_descending: bool,
}

#[derive(Clone, Debug)]
struct Field {
    field: SortField,
    /// Whether the database orders it by whole keys; else long texts count by their beginning alone.
    keyed: bool,
}

impl Sorting {
    pub(super) fn new(sort: &[SortField], collection: &Collection) -> Self {
        let is_keyed = |field: &SortField| collection.key_column(&field.path).is_some_and(|column| column.ready);
        Self {
            fields: sort.iter().map(|field| Field { field: field.clone(), keyed: is_keyed(field) }).collect(),
            id_descending: sort.last().is_some_and(|field| field.descending),
        }
    }

    pub(super) fn by_id() -> Self {
        Self { fields: Vec::new(), id_descending: false }
    }

    pub(super) fn place(&self, flat: &Map<String, Value>) -> Box<[u8]> {
        let mut place = Vec::with_capacity(32);
        for Field { field, keyed } in &self.fields {
            let mut key = key::of(key::at(flat, &field.path));
            if !keyed && key.first() == Some(&key::TEXT) {
                key.truncate(1 + key::TEXT_PREFIX);
            }
            append(&mut place, &key, field.descending);
        }
        let id = flat.get(ID).and_then(Value::as_str).unwrap_or_default();
        append(&mut place, id.as_bytes(), self.id_descending);
        place.into_boxed_slice()
    }
}

/// Ends with `00 00`, which nothing within begins with, so that a beginning comes before what goes on; all of it
/// turned round for a descending field.
fn append(place: &mut Vec<u8>, key: &[u8], descending: bool) {
    let flip = if descending { 0xff } else { 0 };
    for byte in key {
        place.push(byte ^ flip);
        if *byte == 0 {
            place.push(0xff ^ flip);
        }
    }
    place.extend_from_slice(&[flip, flip]);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use basalt_core::{CollectionName, FieldPath};
    use serde_json::json;

    use super::*;

    fn sorting(terms: &[(&str, bool)]) -> Sorting {
        let collection = Collection {
            name: CollectionName::parse("notes").unwrap(),
            short_id: "1".into(),
            definition: Arc::new(Value::Null),
            indexes: Vec::new(),
            key_columns: Vec::new(),
        };
        let sort: Vec<SortField> = terms
            .iter()
            .map(|(path, descending)| SortField { path: FieldPath::parse(path).unwrap(), descending: *descending })
            .collect();
        Sorting::new(&sort, &collection)
    }

    fn order(terms: &[(&str, bool)], documents: &[Value]) -> Vec<String> {
        let sorting = sorting(terms);
        let mut placed: Vec<_> = documents
            .iter()
            .map(|document| (sorting.place(document.as_object().unwrap()), document["id"].to_string()))
            .collect();
        placed.sort();
        placed.into_iter().map(|(_, id)| id.trim_matches('"').to_owned()).collect()
    }

    #[test]
    fn types_come_in_their_order_and_ties_by_id() {
        let documents = [
            json!({"id": "a", "x": "b"}),
            json!({"id": "b", "x": 10}),
            json!({"id": "c", "x": null}),
            json!({"id": "d"}),
            json!({"id": "e", "x": 2}),
            json!({"id": "f", "x": "ba"}),
            json!({"id": "g", "x": true}),
            json!({"id": "h", "x": 2}),
        ];
        assert_eq!(order(&[("x", false)], &documents), ["d", "c", "g", "e", "h", "b", "a", "f"]);
        assert_eq!(order(&[("x", true)], &documents), ["f", "a", "b", "h", "e", "g", "c", "d"]);
        assert_eq!(order(&[], &documents), ["a", "b", "c", "d", "e", "f", "g", "h"]);
    }

    #[test]
    fn a_beginning_comes_first_and_last_when_turned_round() {
        let documents = [json!({"id": "a1", "x": ""}), json!({"id": "a", "x": ""}), json!({"id": "b", "x": "\u{1}"})];
        assert_eq!(order(&[("x", false)], &documents), ["a", "a1", "b"]);
        assert_eq!(order(&[("x", true)], &documents), ["b", "a1", "a"]);
    }

    /// The cases of `tests/vectors/order.json`, which clients that sort what they hold have to agree with.
    #[test]
    fn the_vectors_stand_in_their_order() {
        let file = basalt_core::json::parse(include_bytes!("../../../../../tests/vectors/order.json")).unwrap();
        let (documents, cases) = (file["documents"].as_array().unwrap(), file["cases"].as_array().unwrap());
        assert!(documents.len() >= 40 && cases.len() >= 20);
        for case in cases {
            let terms: Vec<(&str, bool)> = case["sort"]
                .as_array()
                .unwrap()
                .iter()
                .map(|term| term.as_str().unwrap())
                .map(|term| term.strip_prefix('-').map_or((term, false), |name| (name, true)))
                .collect();
            assert_eq!(json!(order(&terms, documents)), case["expected"], "{}", case["sort"]);
        }
    }
}
