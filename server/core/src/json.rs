//! JSON as Basalt takes it: canonical numbers, no duplicate keys, no U+0000, bounded nesting.
//!
//! Numbers: integral and within `i64` → integer, else a finite `f64`; `-0` is `0`. Key order is no promise.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::error::{Code, Error, Result};
use crate::limits::JSON_DEPTH;

/// Parses and canonicalises. What isn't JSON as described above is `bad_json`.
pub fn parse(bytes: &[u8]) -> Result<Value> {
    let depth = Cell::new(0);
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    // serde_json's own recursion limit of 128 stays on beneath ours.
    let value = Canonical { depth: &depth }.deserialize(&mut deserializer).map_err(|error| bad_json(&error))?;
    deserializer.end().map_err(|error| bad_json(&error))?;
    Ok(value)
}

/// Parses an object.
pub fn parse_object(bytes: &[u8]) -> Result<Map<String, Value>> {
    match parse(bytes)? {
        Value::Object(map) => Ok(map),
        _ => Err(Error::new(Code::BadJson, "The body has to be a JSON object.")),
    }
}

/// The canonical number for a float; `None` if it isn't finite.
pub fn canonical_f64(value: f64) -> Option<Number> {
    // 2^63 as f64 is exact, and i64::MAX isn't: hence the half-open range.
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if value.fract() == 0.0 && (-LIMIT..LIMIT).contains(&value) {
        #[expect(clippy::cast_possible_truncation, reason = "integral and within range, checked above")]
        let integer = value as i64;
        return Some(integer.into());
    }
    Number::from_f64(value)
}

/// The same value with its numbers canonical (for values that didn't come through [`parse`]).
pub fn canonical(value: Value) -> Value {
    match value {
        Value::Number(number) => canonical_number(&number).map_or(Value::Null, Value::Number),
        Value::Array(items) => Value::Array(items.into_iter().map(canonical).collect()),
        Value::Object(map) => Value::Object(map.into_iter().map(|(k, v)| (k, canonical(v))).collect()),
        other => other,
    }
}

fn canonical_number(number: &Number) -> Option<Number> {
    match number.as_i64() {
        Some(integer) => Some(integer.into()),
        None => canonical_f64(number.as_f64()?),
    }
}

/// Nesting of a value: a scalar has 0, `[]` has 1.
pub fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(map) => 1 + map.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

fn bad_json(error: &serde_json::Error) -> Error {
    let text = error.to_string();
    Error::new(Code::BadJson, format!("The body is not valid JSON: {text}."))
}

#[derive(Clone, Copy)]
struct Canonical<'a> {
    depth: &'a Cell<usize>,
}

impl Canonical<'_> {
    fn enter<E: serde::de::Error>(self) -> Result<Self, E> {
        self.depth.set(self.depth.get() + 1);
        if self.depth.get() > JSON_DEPTH {
            return Err(E::custom(format!("nested deeper than {JSON_DEPTH}")));
        }
        Ok(self)
    }

    fn leave(self) {
        self.depth.set(self.depth.get() - 1);
    }
}

impl<'de> DeserializeSeed<'de> for Canonical<'_> {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Canonical<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }
    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Value, E> {
        match i64::try_from(value) {
            Ok(integer) => Ok(Value::from(integer)),
            Err(_) => self.visit_f64(value as f64),
        }
    }
    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        canonical_f64(value).map(Value::Number).ok_or_else(|| E::custom("number out of range"))
    }
    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Value, E> {
        check_text(value)?;
        Ok(Value::String(value.to_owned()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let inner = self.enter()?;
        let mut items = Vec::new();
        while let Some(item) = access.next_element_seed(inner)? {
            items.push(item);
        }
        self.leave();
        Ok(Value::Array(items))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let inner = self.enter()?;
        let mut map = Map::new();
        while let Some(key) = access.next_key::<String>()? {
            check_text(&key)?;
            if map.contains_key(&key) {
                return Err(A::Error::custom(format!("the key {key:?} appears twice")));
            }
            map.insert(key, access.next_value_seed(inner)?);
        }
        self.leave();
        Ok(Value::Object(map))
    }
}

fn check_text<E: serde::de::Error>(text: &str) -> Result<(), E> {
    if text.contains('\0') { Err(E::custom("a text holds U+0000, which can't be stored")) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> String {
        parse(text.as_bytes()).unwrap().to_string()
    }

    #[test]
    fn numbers_are_canonical() {
        assert_eq!(number("3.0"), "3");
        assert_eq!(number("-0"), "0");
        assert_eq!(number("-0.0"), "0");
        assert_eq!(number("9007199254740993"), "9007199254740993");
        assert_eq!(number("9223372036854775807"), "9223372036854775807");
        assert_eq!(number("9223372036854775808"), "9.223372036854776e+18");
        assert_eq!(number("1e2"), "100");
        assert_eq!(number("0.5"), "0.5");
    }

    #[test]
    fn odd_json_is_refused() {
        for bad in [
            "1e400",
            "{\"a\":1,\"a\":2}",
            "\"\\u0000\"",
            "{\"\\u0000\":1}",
            "\"\\ud800\"",
            "[1,]",
            "{} x",
            "",
            "NaN",
            "{\"a\":{\"b\":1,\"b\":1}}",
        ] {
            assert_eq!(parse(bad.as_bytes()).unwrap_err().code(), Code::BadJson, "{bad}");
        }
        assert!(parse(&[0xff, 0xfe]).is_err());
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(parse(nested(JSON_DEPTH).as_bytes()).is_ok());
        assert!(parse(nested(JSON_DEPTH + 1).as_bytes()).is_err());
        assert!(parse(nested(100_000).as_bytes()).is_err());
        assert_eq!(depth(&parse(b"{\"a\":[1]}").unwrap()), 2);
    }
}
