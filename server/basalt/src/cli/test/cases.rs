//! The form of a file of cases: `tests/NAME.test.toml` or `.test.json`.

use std::collections::BTreeMap;

use basalt_core::{Code, Error, Result};
use serde::Deserialize;
use serde_json::{Map, Value};

/// One file: who and what is there before, then what is done, in order.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cases {
    /// People by the names that cases give them.
    #[serde(default)]
    pub(super) users: BTreeMap<String, Person>,
    /// Documents that are there before.
    #[serde(default)]
    pub(super) given: Vec<Given>,
    #[serde(default)]
    pub(super) case: Vec<Case>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Person {
    #[serde(default)]
    pub(super) roles: Vec<String>,
    /// What a sign-up brings beside the address.
    #[serde(default)]
    pub(super) data: Map<String, Value>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Given {
    pub(super) collection: String,
    pub(super) document: Map<String, Value>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    pub(super) name: String,
    /// The function to call; without it only documents are looked at.
    pub(super) call: Option<String>,
    /// One of `users`, `visitor` (where nothing is said) or `service`.
    #[serde(rename = "as", default = "visitor")]
    pub(super) caller: String,
    #[serde(default)]
    pub(super) input: Value,
    /// What the result has to be, as a whole.
    pub(super) expect: Option<Value>,
    /// The code that it has to be refused with.
    pub(super) error: Option<String>,
    #[serde(default)]
    pub(super) documents: Vec<Documents>,
}

/// Documents that have to be there afterwards, at the latest after `within`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Documents {
    pub(super) collection: String,
    /// A condition in CEL.
    pub(super) filter: Option<String>,
    /// How many; without it at least one.
    pub(super) count: Option<usize>,
    /// What each of them has, among other fields.
    #[serde(default)]
    pub(super) has: Map<String, Value>,
    #[serde(default = "within")]
    pub(super) within: String,
}

fn visitor() -> String {
    "visitor".to_owned()
}

fn within() -> String {
    "5s".to_owned()
}

impl Cases {
    pub(super) fn parse(path: &str, text: &str) -> Result<Self> {
        let bad = |why: String| Error::new(Code::BadRequest, format!("{path}: {}", why.trim_end()));
        let cases: Self = if std::path::Path::new(path).extension().is_some_and(|ending| ending == "json") {
            serde_json::from_str(text).map_err(|error| bad(error.to_string()))?
        } else {
            toml::from_str(text).map_err(|error| bad(error.to_string()))?
        };
        for case in &cases.case {
            let known =
                ["visitor", "service"].contains(&case.caller.as_str()) || cases.users.contains_key(&case.caller);
            if !known {
                return Err(bad(format!(
                    "the case {:?} is called as {:?}, who is none of [users]",
                    case.name, case.caller
                )));
            }
            if case.expect.is_some() && case.error.is_some() {
                return Err(bad(format!("the case {:?} expects a result and an error", case.name)));
            }
        }
        Ok(cases)
    }
}

/// Puts ids in place of names: `"${ann}"` is Ann's id.
pub(super) fn filled(value: &Value, ids: &BTreeMap<String, String>) -> Value {
    match value {
        Value::String(text) => {
            ids.iter().fold(text.clone(), |text, (name, id)| text.replace(&format!("${{{name}}}"), id)).into()
        }
        Value::Array(items) => items.iter().map(|item| filled(item, ids)).collect(),
        Value::Object(map) => {
            map.iter().map(|(key, item)| (key.clone(), filled(item, ids))).collect::<Map<_, _>>().into()
        }
        other => other.clone(),
    }
}

/// Equal, with numbers by their value: `3` is `3.0`.
pub(super) fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one == other || one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, one)| other.get(key).is_some_and(|other| same(one, other)))
        }
        _ => one == other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn files_are_read_in_both_forms_and_refused_with_what_is_wrong() {
        let text = "[users.ann]\nroles = [\"editor\"]\n[[case]]\nname = \"adds\"\ncall = \"add\"\nas = \"ann\"\ninput = { a = 1 }\nexpect = { sum = 1 }\n";
        let cases = Cases::parse("a.test.toml", text).unwrap();
        assert_eq!((cases.case[0].caller.as_str(), &cases.case[0].input), ("ann", &json!({"a": 1})));
        let cases = Cases::parse("a.test.json", r#"{"case": [{"name": "x", "call": "f", "error": "no"}]}"#).unwrap();
        assert_eq!(cases.case[0].caller, "visitor");
        for (bad, why) in [
            ("[[case]]\nname = \"x\"\nas = \"bob\"\n", "none of [users]"),
            ("[[case]]\nname = \"x\"\nexpected = 1\n", "unknown field"),
            ("[[case]]\nname = \"x\"\nexpect = 1\nerror = \"e\"\n", "a result and an error"),
        ] {
            let error = Cases::parse("a.test.toml", bad).unwrap_err();
            assert!(error.detail().contains(why), "{}", error.detail());
        }
    }

    #[test]
    fn names_become_ids_and_numbers_are_compared_by_value() {
        let ids = BTreeMap::from([("ann".to_owned(), "u1".to_owned())]);
        assert_eq!(filled(&json!({"a": ["${ann}/x", 1]}), &ids), json!({"a": ["u1/x", 1]}));
        assert!(same(&json!({"a": [1, 2.0]}), &json!({"a": [1.0, 2]})));
        assert!(!same(&json!({"a": 1}), &json!({"a": 1, "b": 2})));
    }
}
