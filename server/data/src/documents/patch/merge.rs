//! RFC 7396 merge patches whose values may be operators, at any depth of maps.

use std::collections::BTreeSet;

use basalt_core::document::{OWN_FIELDS, pointer_token};
use basalt_core::{FieldPath, Result, Timestamp};
use serde_json::{Map, Value};

use super::operator::{Effect, Operator};
use super::{Base, bad_patch, needs_reading};

#[derive(Clone, Debug)]
pub(crate) struct MergePatch(Vec<(String, Change)>);

/// What a patch wants of one field.
#[derive(Clone, Debug)]
enum Change {
    /// A scalar or a list, as it is.
    Value(Value),
    /// `null`.
    Remove,
    Operator(Operator),
    /// A map is merged into what is there; what is no map is replaced by an empty one first.
    Merge(Vec<(String, Change)>),
}

struct Applying<'a> {
    now: Timestamp,
    is_time: &'a dyn Fn(&FieldPath) -> bool,
}

impl MergePatch {
    pub(super) fn parse(body: Map<String, Value>) -> Result<Self> {
        if body.keys().any(|name| name.starts_with('$')) {
            return Err(bad_patch("An operator stands in a field, as {\"field\":{\"$increment\":1}}."));
        }
        parse_members(body, "").map(Self)
    }

    pub(super) fn reading(&self) -> Vec<&str> {
        self.0.iter().filter(|(_, change)| change.reads()).map(|(name, _)| name.as_str()).collect()
    }

    pub(super) fn names(&self, field: &str) -> bool {
        self.0.iter().any(|(name, _)| name == field)
    }

    pub(super) fn apply(&self, base: Base<'_>) -> Result<(Map<String, Value>, BTreeSet<String>)> {
        let Base { mut readable, unreadable, now, is_time } = base;
        let applying = Applying { now, is_time };
        let mut overridden = BTreeSet::new();
        for (name, change) in &self.0 {
            if OWN_FIELDS.contains(&name.as_str()) && name != basalt_core::document::ID {
                continue;
            }
            if unreadable.contains(name) {
                if change.reads() {
                    return Err(needs_reading(name));
                }
                overridden.insert(name.clone());
            }
            let mut path = vec![name.clone()];
            applying.change(&mut readable, change, &mut path)?;
        }
        Ok((readable, overridden))
    }
}

impl Change {
    fn parse(value: Value, path: &str) -> Result<Self> {
        match value {
            Value::Null => Ok(Self::Remove),
            Value::Object(map) => match Operator::parse(&map, path)? {
                Some(operator) => Ok(Self::Operator(operator)),
                None => parse_members(map, path).map(Self::Merge),
            },
            value => Ok(Self::Value(value)),
        }
    }

    fn reads(&self) -> bool {
        match self {
            Self::Value(_) | Self::Remove => false,
            Self::Operator(operator) => operator.reads(),
            Self::Merge(_) => true,
        }
    }
}

fn parse_members(map: Map<String, Value>, path: &str) -> Result<Vec<(String, Change)>> {
    map.into_iter()
        .map(|(name, value)| {
            let change = Change::parse(value, &format!("{path}/{}", pointer_token(&name)))?;
            Ok((name, change))
        })
        .collect()
}

impl Applying<'_> {
    /// `path` names the field within the document; its last name is a member of `holder`.
    fn change(&self, holder: &mut Map<String, Value>, change: &Change, path: &mut Vec<String>) -> Result<()> {
        let Some(name) = path.last().cloned() else { return Ok(()) };
        match change {
            Change::Value(value) => {
                holder.insert(name, value.clone());
            }
            Change::Remove => {
                holder.remove(&name);
            }
            Change::Operator(operator) => {
                let field = FieldPath::from_names(path.clone());
                let is_time = (self.is_time)(&field);
                let stored = holder.remove(&name);
                if let Effect::Value(value) = operator.apply(stored, &field.pointer(), self.now, is_time)? {
                    holder.insert(name, value);
                }
            }
            Change::Merge(members) => {
                let mut inner = match holder.remove(&name) {
                    Some(Value::Object(map)) => map,
                    _ => Map::new(),
                };
                for (member, change) in members {
                    path.push(member.clone());
                    self.change(&mut inner, change, path)?;
                    path.pop();
                }
                holder.insert(name, Value::Object(inner));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use basalt_core::Code;
    use serde_json::json;

    fn object(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(map) => map,
            _ => panic!("an object"),
        }
    }

    fn merge(stored: Value, patch: Value) -> Result<Value> {
        let none = BTreeSet::new();
        let base =
            Base { readable: object(stored), unreadable: &none, now: Timestamp::from_millis(0), is_time: &|_| false };
        MergePatch::parse(object(patch))?.apply(base).map(|(map, _)| Value::Object(map))
    }

    /// The examples of RFC 7396, appendix A, whose target and patch are objects.
    #[test]
    fn the_standards_examples_hold() {
        for (stored, patch, expected) in [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
            (json!({"a": "b"}), json!({"a": null}), json!({})),
            (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
            (json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), json!({"a": {"b": "d"}})),
            (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
            (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
            (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
            (json!({"a": "foo"}), json!({"a": {"b": 1}}), json!({"a": {"b": 1}})),
        ] {
            assert_eq!(merge(stored.clone(), patch.clone()).unwrap(), expected, "{stored} {patch}");
        }
    }

    #[test]
    fn operators_stand_at_any_depth_of_maps() {
        let merged = merge(
            json!({"n": 1, "m": {"n": 1, "keep": true}, "l": [1]}),
            json!({"n": {"$increment": 1}, "m": {"n": {"$increment": 2}, "new": {"deep": {"$append": [1]}}}, "l": {"$union": [2]}}),
        );
        let expected = json!({"n": 2, "m": {"n": 3, "keep": true, "new": {"deep": [1]}}, "l": [1, 2]});
        assert_eq!(merged.unwrap(), expected);
    }

    #[test]
    fn nulls_within_lists_and_set_are_values() {
        let merged = merge(json!({}), json!({"l": [null, {"a": null}], "s": {"$set": {"a": null}}}));
        assert_eq!(merged.unwrap(), json!({"l": [null, {"a": null}], "s": {"a": null}}));
    }

    #[test]
    fn operators_at_the_top_or_beside_fields_are_refused() {
        for bad in [json!({"$increment": 1}), json!({"a": {"$max": 1, "b": 2}}), json!({"a": {"b": {"$what": 1}}})] {
            assert_eq!(merge(json!({}), bad.clone()).unwrap_err().code(), Code::BadPatch, "{bad}");
        }
    }

    #[test]
    fn an_error_names_where() {
        let error = merge(json!({"a": {"b~": "x"}}), json!({"a": {"b~": {"$increment": 1}}})).unwrap_err();
        assert_eq!(error.code(), Code::OperatorTypeMismatch);
        assert!(error.detail().contains("/a/b~0"), "{error}");
    }

    #[test]
    fn what_the_author_cannot_read_he_can_only_set() {
        let unreadable = BTreeSet::from(["s".to_owned()]);
        let apply = |patch: Value| {
            let base = Base {
                readable: object(json!({"id": "x"})),
                unreadable: &unreadable,
                now: Timestamp::from_millis(0),
                is_time: &|_| false,
            };
            MergePatch::parse(object(patch)).unwrap().apply(base)
        };
        for reading in [json!({"s": {"$increment": 1}}), json!({"s": {"$remove": []}}), json!({"s": {"a": 1}})] {
            assert_eq!(apply(reading.clone()).unwrap_err().code(), Code::RuleDenied, "{reading}");
        }
        for setting in [json!({"s": 1}), json!({"s": null}), json!({"s": {"$set": {}}}), json!({"s": {"$unset": true}})]
        {
            assert_eq!(apply(setting.clone()).unwrap().1, unreadable, "{setting}");
        }
        assert!(apply(json!({"t": 1})).unwrap().1.is_empty());
    }
}
