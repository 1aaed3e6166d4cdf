//! The operators of a merge patch, each `{"$name": operand}`.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use basalt_core::{Code, Error, Result, Timestamp, json, key};
use serde_json::{Map, Number, Value};

use super::bad_patch;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Operator {
    /// Adds to a number; what is missing counts as 0.
    Increment(Number),
    /// Keeps the larger: numbers with numbers, texts with texts.
    Max(Value),
    Min(Value),
    /// Appends those elements that the list doesn't hold yet.
    Union(Vec<Value>),
    /// Removes all elements equal to one of these.
    Remove(Vec<Value>),
    Append(Vec<Value>),
    /// The time of the write.
    Now,
    Unset,
    /// The value as it is: null is stored, a map replaces a map.
    Set(Value),
}

/// How a field is to be after an operator.
#[derive(Debug, PartialEq)]
pub(super) enum Effect {
    Value(Value),
    Missing,
}

impl Operator {
    /// Reads an object of a patch if it is an operator: then its one key begins with `$`.
    pub(super) fn parse(map: &Map<String, Value>, path: &str) -> Result<Option<Self>> {
        let Some(name) = map.keys().find(|name| name.starts_with('$')) else { return Ok(None) };
        if map.len() > 1 {
            return Err(bad_patch(format!("{path}: an operator stands alone in its object.")));
        }
        let operand = map[name].clone();
        let fits = |expected: &str| bad_patch(format!("{path}: {name} takes {expected}."));
        let operator = match (name.as_str(), operand) {
            ("$increment", Value::Number(by)) => Self::Increment(by),
            ("$increment", _) => return Err(fits("a number")),
            ("$max", value @ (Value::Number(_) | Value::String(_))) => Self::Max(value),
            ("$min", value @ (Value::Number(_) | Value::String(_))) => Self::Min(value),
            ("$max" | "$min", _) => return Err(fits("a number or a text")),
            ("$union", Value::Array(items)) => Self::Union(items),
            ("$remove", Value::Array(items)) => Self::Remove(items),
            ("$append", Value::Array(items)) => Self::Append(items),
            ("$union" | "$remove" | "$append", _) => return Err(fits("a list")),
            ("$now", Value::Bool(true)) => Self::Now,
            ("$unset", Value::Bool(true)) => Self::Unset,
            ("$now" | "$unset", _) => return Err(fits("true")),
            ("$set", value) => Self::Set(value),
            _ => return Err(bad_patch(format!("{path}: there is no operator {name:?}."))),
        };
        Ok(Some(operator))
    }

    /// Whether the result depends on what is stored.
    pub(super) fn reads(&self) -> bool {
        match self {
            Self::Increment(_) | Self::Max(_) | Self::Min(_) | Self::Union(_) | Self::Remove(_) | Self::Append(_) => {
                true
            }
            Self::Now | Self::Unset | Self::Set(_) => false,
        }
    }

    /// `is_time`: the field holds a time, whose text is stored in UTC milliseconds.
    pub(super) fn apply(&self, stored: Option<Value>, path: &str, now: Timestamp, is_time: bool) -> Result<Effect> {
        let value = match self {
            Self::Increment(by) => increment(stored, by, path)?,
            Self::Max(value) => extreme(stored, stored_form(value, is_time), Ordering::Greater, path)?,
            Self::Min(value) => extreme(stored, stored_form(value, is_time), Ordering::Less, path)?,
            Self::Union(items) => union(list(stored, path)?.unwrap_or_default(), items),
            Self::Append(items) => {
                let mut kept = list(stored, path)?.unwrap_or_default();
                kept.extend(items.iter().cloned());
                Value::Array(kept)
            }
            Self::Remove(items) => match list(stored, path)? {
                None => return Ok(Effect::Missing),
                Some(kept) => remove(kept, items),
            },
            Self::Now => Value::String(now.to_string()),
            Self::Unset => return Ok(Effect::Missing),
            Self::Set(value) => value.clone(),
        };
        Ok(Effect::Value(value))
    }
}

fn mismatch(path: &str, expected: &str) -> Error {
    Error::new(Code::OperatorTypeMismatch, format!("{path}: the stored value is not {expected}."))
}

fn increment(stored: Option<Value>, by: &Number, path: &str) -> Result<Value> {
    let stored = match stored {
        None => Number::from(0),
        Some(Value::Number(number)) => number,
        Some(_) => return Err(mismatch(path, "a number")),
    };
    let overflow = || Error::new(Code::Overflow, format!("{path}: the sum is beyond the range of numbers."));
    if let (Some(a), Some(b)) = (stored.as_i64(), by.as_i64()) {
        return a.checked_add(b).map(Value::from).ok_or_else(overflow);
    }
    let sum = stored.as_f64().zip(by.as_f64()).map(|(a, b)| a + b);
    sum.and_then(json::canonical_f64).map(Value::Number).ok_or_else(overflow)
}

fn stored_form(value: &Value, is_time: bool) -> Value {
    let time = value.as_str().filter(|_| is_time).and_then(Timestamp::parse);
    time.map_or_else(|| value.clone(), |time| Value::String(time.to_string()))
}

fn extreme(stored: Option<Value>, value: Value, wanted: Ordering, path: &str) -> Result<Value> {
    let Some(stored) = stored else { return Ok(value) };
    let order = match (&value, &stored) {
        (Value::Number(_), Value::Number(_)) => key::of(Some(&value)).cmp(&key::of(Some(&stored))),
        (Value::String(a), Value::String(b)) => a.cmp(b),
        (Value::Number(_), _) => return Err(mismatch(path, "a number")),
        _ => return Err(mismatch(path, "a text")),
    };
    Ok(if order == wanted { value } else { stored })
}

fn list(stored: Option<Value>, path: &str) -> Result<Option<Vec<Value>>> {
    match stored {
        None => Ok(None),
        Some(Value::Array(items)) => Ok(Some(items)),
        Some(_) => Err(mismatch(path, "a list")),
    }
}

fn union(mut kept: Vec<Value>, items: &[Value]) -> Value {
    let mut seen: BTreeSet<String> = kept.iter().map(identity).collect();
    kept.extend(items.iter().filter(|item| seen.insert(identity(item))).cloned());
    Value::Array(kept)
}

fn remove(mut kept: Vec<Value>, items: &[Value]) -> Value {
    let gone: BTreeSet<String> = items.iter().map(identity).collect();
    kept.retain(|item| !gone.contains(&identity(item)));
    Value::Array(kept)
}

/// A text that two values share if and only if they are equal, so that long lists are compared in n log n.
fn identity(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(identity).collect::<Vec<_>>().join(",")),
        Value::Object(map) => {
            let mut members: Vec<String> =
                map.iter().map(|(name, value)| format!("{}:{}", Value::from(name.as_str()), identity(value))).collect();
            members.sort_unstable();
            format!("{{{}}}", members.join(","))
        }
        scalar => scalar.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse(operator: &Value) -> Result<Operator> {
        Operator::parse(operator.as_object().unwrap(), "/f").map(Option::unwrap)
    }

    fn apply(stored: Option<Value>, operator: &Value) -> Result<Option<Value>> {
        match parse(operator)?.apply(stored, "/f", Timestamp::from_millis(0), false)? {
            Effect::Value(value) => Ok(Some(value)),
            Effect::Missing => Ok(None),
        }
    }

    #[test]
    fn each_operator_on_what_fits_it() {
        for (stored, operator, expected) in [
            (None, json!({"$increment": 3}), Some(json!(3))),
            (Some(json!(2)), json!({"$increment": -3}), Some(json!(-1))),
            (Some(json!(0.5)), json!({"$increment": 1}), Some(json!(1.5))),
            (Some(json!(0.5)), json!({"$increment": 0.5}), Some(json!(1))),
            (Some(json!(i64::MAX)), json!({"$increment": i64::MIN}), Some(json!(-1))),
            (None, json!({"$max": 3}), Some(json!(3))),
            (Some(json!(2)), json!({"$max": 3}), Some(json!(3))),
            (Some(json!(4)), json!({"$max": 3}), Some(json!(4))),
            (
                Some(json!(9_007_199_254_740_993_i64)),
                json!({"$max": 9_007_199_254_740_992.0}),
                Some(json!(9_007_199_254_740_993_i64)),
            ),
            (Some(json!("b")), json!({"$max": "a"}), Some(json!("b"))),
            (Some(json!("b")), json!({"$min": "a"}), Some(json!("a"))),
            (Some(json!(2)), json!({"$min": 2.5}), Some(json!(2))),
            (None, json!({"$union": [1, 1, 2]}), Some(json!([1, 2]))),
            (
                Some(json!([1, 1])),
                json!({"$union": [1, "1", {"a": 1, "b": 2}]}),
                Some(json!([1, 1, "1", {"a": 1, "b": 2}])),
            ),
            (Some(json!([{"b": 2, "a": 1}])), json!({"$union": [{"a": 1, "b": 2}]}), Some(json!([{"a": 1, "b": 2}]))),
            (None, json!({"$remove": [1]}), None),
            (Some(json!([1, "1", 1, null])), json!({"$remove": [1, null]}), Some(json!(["1"]))),
            (None, json!({"$append": [1, 1]}), Some(json!([1, 1]))),
            (Some(json!([1])), json!({"$append": [1]}), Some(json!([1, 1]))),
            (Some(json!("x")), json!({"$now": true}), Some(json!("1970-01-01T00:00:00.000Z"))),
            (Some(json!("x")), json!({"$unset": true}), None),
            (Some(json!("x")), json!({"$set": null}), Some(json!(null))),
            (Some(json!({"a": 1})), json!({"$set": {"b": 1}}), Some(json!({"b": 1}))),
        ] {
            assert_eq!(apply(stored.clone(), &operator).unwrap(), expected, "{stored:?} {operator}");
        }
    }

    #[test]
    fn each_operator_on_what_does_not_fit_it() {
        for (stored, operator) in [
            (json!("1"), json!({"$increment": 1})),
            (json!(null), json!({"$increment": 1})),
            (json!("1"), json!({"$max": 1})),
            (json!(1), json!({"$min": "1"})),
            (json!(true), json!({"$min": 1})),
            (json!({}), json!({"$union": [1]})),
            (json!(1), json!({"$remove": [1]})),
            (json!("1"), json!({"$append": [1]})),
        ] {
            let error = apply(Some(stored.clone()), &operator).unwrap_err();
            assert_eq!(error.code(), Code::OperatorTypeMismatch, "{stored} {operator}");
        }
    }

    #[test]
    fn sums_beyond_the_range_are_refused() {
        for (stored, by) in
            [(json!(i64::MAX), json!(1)), (json!(i64::MIN), json!(-1)), (json!(f64::MAX), json!(f64::MAX))]
        {
            let error = apply(Some(stored), &json!({"$increment": by})).unwrap_err();
            assert_eq!(error.code(), Code::Overflow);
        }
    }

    #[test]
    fn operands_are_checked() {
        for bad in [
            json!({"$increment": "1"}),
            json!({"$max": null}),
            json!({"$min": [1]}),
            json!({"$union": 1}),
            json!({"$remove": {"a": 1}}),
            json!({"$append": "x"}),
            json!({"$now": 1}),
            json!({"$unset": false}),
            json!({"$nope": 1}),
            json!({"$increment": 1, "$max": 2}),
            json!({"$increment": 1, "a": 2}),
            json!({"a": 2, "$set": 1}),
        ] {
            assert_eq!(parse(&bad).unwrap_err().code(), Code::BadPatch, "{bad}");
        }
        assert_eq!(Operator::parse(json!({"a": 1}).as_object().unwrap(), "/f").unwrap(), None);
    }

    #[test]
    fn times_are_compared_in_their_stored_form() {
        let operator = parse(&json!({"$max": "2026-01-01T08:00:00+08:00"})).unwrap();
        let stored = json!("2026-01-01T01:00:00.000Z");
        let effect = operator.apply(Some(stored.clone()), "/f", Timestamp::from_millis(0), true).unwrap();
        assert_eq!(effect, Effect::Value(stored));
    }

    #[test]
    fn long_lists_are_joined_quickly() {
        let stored = Value::Array((0..50_000).map(Value::from).collect());
        let items: Vec<Value> = (25_000..75_000).map(Value::from).collect();
        let joined = apply(Some(stored), &json!({"$union": items})).unwrap().unwrap();
        assert_eq!(joined.as_array().unwrap().len(), 75_000);
    }
}
