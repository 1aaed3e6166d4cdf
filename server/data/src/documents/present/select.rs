//! `select`: the fields that an answer shows.

use std::collections::BTreeMap;

use basalt_core::document::{ID, REV};
use basalt_core::{Code, Error, FieldError, FieldPath, Result};
use serde_json::{Map, Value};

/// Fields of one `select`.
const MOST: usize = 100;

/// The wanted fields as a tree of names. `id` and `rev` always stay.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Selection(BTreeMap<String, Wanted>);

#[derive(Clone, Debug, PartialEq)]
enum Wanted {
    Whole,
    /// These members of a map, or of the maps in a list.
    Within(Selection),
}

impl Selection {
    pub(crate) fn parse(names: &[String]) -> Result<Self> {
        Self::check_count(names)?;
        let paths = names.iter().map(|name| Self::parse_path(name)).collect::<Result<Vec<_>>>()?;
        Ok(Self::of(paths.iter().map(FieldPath::names)))
    }

    pub(super) fn check_count(names: &[String]) -> Result<()> {
        if names.len() > MOST { Err(refuse(format!("select names at most {MOST} fields."))) } else { Ok(()) }
    }

    pub(super) fn parse_path(name: &str) -> Result<FieldPath> {
        FieldPath::parse(name).map_err(|_| refuse(format!("{name:?} is not the path of a field.")))
    }

    pub(super) fn of<'a>(paths: impl Iterator<Item = &'a [String]>) -> Self {
        let mut selection = Self::default();
        for name in [ID, REV] {
            selection.0.insert(name.to_owned(), Wanted::Whole);
        }
        paths.for_each(|names| selection.add(names));
        selection
    }

    fn add(&mut self, names: &[String]) {
        let Some((first, rest)) = names.split_first() else { return };
        if rest.is_empty() {
            self.0.insert(first.clone(), Wanted::Whole);
            return;
        }
        let wanted = self.0.entry(first.clone()).or_insert_with(|| Wanted::Within(Self::default()));
        if let Wanted::Within(inner) = wanted {
            inner.add(rest);
        }
    }

    /// Whether a top-level field was named.
    pub(crate) fn names(&self, field: &str) -> bool {
        self.0.contains_key(field)
    }

    /// The wanted fields of a map that others use, too.
    pub(crate) fn pick(&self, map: &Map<String, Value>) -> Map<String, Value> {
        let named = map.iter().filter(|(name, _)| self.0.contains_key(*name));
        self.apply(named.map(|(name, value)| (name.clone(), value.clone())).collect())
    }

    pub(crate) fn apply(&self, mut map: Map<String, Value>) -> Map<String, Value> {
        let mut kept = Map::new();
        for (name, wanted) in &self.0 {
            let Some(value) = map.remove(name) else { continue };
            match wanted {
                Wanted::Whole => {
                    kept.insert(name.clone(), value);
                }
                Wanted::Within(inner) => {
                    if let Some(value) = inner.within(value) {
                        kept.insert(name.clone(), value);
                    }
                }
            }
        }
        kept
    }

    /// `None` where there is nothing to look into.
    fn within(&self, value: Value) -> Option<Value> {
        match value {
            Value::Object(map) => Some(Value::Object(self.apply(map))),
            Value::Array(items) => Some(items.into_iter().filter_map(|item| self.within(item)).collect()),
            _ => None,
        }
    }
}

fn refuse(detail: String) -> Error {
    let fault = FieldError::new("/select", "bad_select", detail.clone());
    Error::new(Code::BadParameter, detail).with_errors(vec![fault])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn select(names: &[&str], document: Value) -> Value {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let Value::Object(map) = document else { panic!("an object") };
        Value::Object(Selection::parse(&names).unwrap().apply(map))
    }

    #[test]
    fn id_and_rev_stay_and_paths_narrow() {
        let document = || {
            json!({"id": "x", "rev": "r", "createdAt": "t", "title": "T", "author": {"name": "N", "age": 1},
                   "comments": [{"by": "a", "text": "…"}, "odd", {"text": "…"}]})
        };
        assert_eq!(select(&[], document()), json!({"id": "x", "rev": "r"}));
        assert_eq!(
            select(&["title", "author.name", "missing", "title.inner"], document()),
            json!({"id": "x", "rev": "r", "title": "T", "author": {"name": "N"}})
        );
        assert_eq!(select(&["comments.by"], document()), json!({"id": "x", "rev": "r", "comments": [{"by": "a"}, {}]}));
        assert_eq!(
            select(&["author.name", "author"], document())["author"],
            json!({"name": "N", "age": 1}),
            "the wider wins"
        );
        assert_eq!(select(&["author", "author.name"], document())["author"], json!({"name": "N", "age": 1}));
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for bad in ["", "a..b", "$a", "."] {
            assert_eq!(Selection::parse(&[bad.to_owned()]).unwrap_err().code(), Code::BadParameter, "{bad}");
        }
        assert!(Selection::parse(&vec!["a".to_owned(); MOST + 1]).is_err());
    }
}
