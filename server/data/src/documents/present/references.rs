//! The ids that a document holds by a reference's path.

use std::collections::HashSet;

use basalt_core::{DocumentId, FieldPath};
use serde_json::{Map, Value};

/// What a reference leads to, as far as it is known without reading.
#[derive(Debug, PartialEq)]
pub(super) enum Held {
    /// `None`: nothing is there, or no id.
    One(Option<DocumentId>),
    /// In the order of the list, each once.
    Many(Vec<DocumentId>),
}

pub(super) fn held(document: &Map<String, Value>, path: &FieldPath) -> Held {
    let mut found = Found { ids: Vec::new(), seen: HashSet::new(), listed: false };
    let Some((first, rest)) = path.names().split_first() else { return Held::One(None) };
    if let Some(value) = document.get(first) {
        found.walk(value, rest);
    }
    if found.listed { Held::Many(found.ids) } else { Held::One(found.ids.pop()) }
}

struct Found {
    ids: Vec<DocumentId>,
    seen: HashSet<DocumentId>,
    listed: bool,
}

impl Found {
    fn walk(&mut self, value: &Value, names: &[String]) {
        match (value, names.split_first()) {
            (Value::Array(items), _) => {
                self.listed = true;
                for item in items {
                    self.walk(item, names);
                }
            }
            (Value::Object(map), Some((first, rest))) => {
                if let Some(inner) = map.get(first) {
                    self.walk(inner, rest);
                }
            }
            (Value::String(text), None) => {
                if let Ok(id) = DocumentId::parse(text)
                    && self.seen.insert(id.clone())
                {
                    self.ids.push(id);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn ids(document: Value, path: &str) -> Held {
        let Value::Object(map) = document else { panic!("an object") };
        held(&map, &FieldPath::parse(path).unwrap())
    }

    fn many(ids: &[&str]) -> Held {
        Held::Many(ids.iter().map(|id| DocumentId::parse(id).unwrap()).collect())
    }

    #[test]
    fn ids_lists_and_ids_in_elements_are_found() {
        let one = |id| Held::One(Some(DocumentId::parse(id).unwrap()));
        assert_eq!(ids(json!({"a": "x"}), "a"), one("x"));
        assert_eq!(ids(json!({"m": {"a": "x"}}), "m.a"), one("x"));
        assert_eq!(ids(json!({"a": ["x", 1, "y", "x", "not an id"]}), "a"), many(&["x", "y"]));
        assert_eq!(ids(json!({"c": [{"by": "x"}, {}, 7, {"by": ["y"]}]}), "c.by"), many(&["x", "y"]));
        for nothing in [json!({}), json!({"a": null}), json!({"a": 7}), json!({"a": {"b": "x"}}), json!({"a": "?!"})] {
            assert_eq!(ids(nothing.clone(), "a"), Held::One(None), "{nothing}");
        }
    }
}
