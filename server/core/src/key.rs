//! Keys: values as byte strings whose order is the order of the values.
//!
//! The first byte is the rank of the type: missing < null < booleans < numbers < texts < lists and maps. Then:
//! * number: an order-preserving `f64` (8 bytes, the largest not above the value) and what is left of an `i64`
//!   (2 bytes), so that integers beyond 2^53 are exact and compare exactly with floats;
//! * text: its UTF-8 bytes, whose order is code-point order. Texts over [`TEXT_PREFIX`] bytes are cut there and get
//!   `FF` and their SHA-256: still equal only when equal, but ordered among one another by their beginning alone;
//! * lists and maps: nothing more (they equal no scalar and have no order).

use serde_json::{Map, Number, Value};
use sha2::{Digest, Sha256};

use crate::filter::Scalar;
use crate::ids::FieldPath;

/// Bytes of a text that a key keeps.
pub const TEXT_PREFIX: usize = 256;

pub const MISSING: u8 = 0x01;
pub const NULL: u8 = 0x02;
pub const BOOL: u8 = 0x03;
pub const NUMBER: u8 = 0x04;
pub const TEXT: u8 = 0x05;
pub const OTHER: u8 = 0x06;

/// The key of a value that may be missing.
pub fn of(value: Option<&Value>) -> Vec<u8> {
    match value {
        None => vec![MISSING],
        Some(Value::Null) => vec![NULL],
        Some(Value::Bool(value)) => vec![BOOL, u8::from(*value)],
        Some(Value::Number(value)) => number(value),
        Some(Value::String(value)) => text(value),
        Some(Value::Array(_) | Value::Object(_)) => vec![OTHER],
    }
}

/// The key of a constant.
pub fn of_scalar(scalar: &Scalar) -> Vec<u8> {
    match scalar {
        Scalar::Null => vec![NULL],
        Scalar::Bool(value) => vec![BOOL, u8::from(*value)],
        Scalar::Int(value) => integer(*value),
        Scalar::Float(value) => float(*value),
        Scalar::Text(value) => text(value),
    }
}

/// The value at a path of a flat document; `None` when a name is absent or its holder isn't a map.
pub fn at<'a>(document: &'a Map<String, Value>, path: &FieldPath) -> Option<&'a Value> {
    let (first, rest) = path.names().split_first()?;
    rest.iter().try_fold(document.get(first)?, |value, name| value.as_object()?.get(name))
}

/// Whether a text's key is cut (see the module).
pub fn is_cut(value: &str) -> bool {
    value.len() > TEXT_PREFIX
}

fn text(value: &str) -> Vec<u8> {
    let bytes = value.as_bytes();
    let mut key = Vec::with_capacity(1 + bytes.len().min(TEXT_PREFIX + 33));
    key.push(TEXT);
    if is_cut(value) {
        key.extend_from_slice(&bytes[..TEXT_PREFIX]);
        key.push(0xff);
        key.extend_from_slice(&Sha256::digest(bytes));
    } else {
        key.extend_from_slice(bytes);
    }
    key
}

fn number(value: &Number) -> Vec<u8> {
    match value.as_i64() {
        Some(value) => integer(value),
        None => float(value.as_f64().unwrap_or(0.0)),
    }
}

fn integer(value: i64) -> Vec<u8> {
    let nearest = value as f64;
    // At most 2^63, so i128 holds it exactly.
    #[expect(clippy::cast_possible_truncation, reason = "an integral float of at most 2^63")]
    let exact = nearest as i128;
    let floor = if exact > i128::from(value) { nearest.next_down() } else { nearest };
    #[expect(clippy::cast_possible_truncation, reason = "an integral float of at most 2^63")]
    let rest = i128::from(value) - floor as i128;
    ordered(floor, u16::try_from(rest).unwrap_or(u16::MAX))
}

fn float(value: f64) -> Vec<u8> {
    if let Some(value) = crate::json::canonical_f64(value).and_then(|number| number.as_i64()) {
        return integer(value);
    }
    ordered(value, 0)
}

fn ordered(value: f64, rest: u16) -> Vec<u8> {
    let bits = value.to_bits();
    let sign = 1 << 63;
    let bits = if bits & sign == 0 { bits | sign } else { !bits };
    let mut key = Vec::with_capacity(11);
    key.push(NUMBER);
    key.extend_from_slice(&bits.to_be_bytes());
    key.extend_from_slice(&rest.to_be_bytes());
    key
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn order_of_keys_is_order_of_values() {
        let values = [
            None,
            Some(json!(null)),
            Some(json!(false)),
            Some(json!(true)),
            Some(json!(-1e300)),
            Some(json!(i64::MIN)),
            Some(json!(i64::MIN + 1)),
            Some(json!(-9_007_199_254_740_993_i64)),
            Some(json!(-9_007_199_254_740_992_i64)),
            Some(json!(-1.5)),
            Some(json!(-1)),
            Some(json!(0)),
            Some(json!(0.1)),
            Some(json!(1)),
            Some(json!(9_007_199_254_740_992_i64)),
            Some(json!(9_007_199_254_740_993_i64)),
            Some(json!(9_007_199_254_740_994_i64)),
            Some(json!(i64::MAX - 1)),
            Some(json!(i64::MAX)),
            Some(json!(9.3e18)),
            Some(json!("")),
            Some(json!("A")),
            Some(json!("a")),
            Some(json!("aa")),
            Some(json!("é")),
            Some(json!("\u{ffff}")),
            Some(json!("\u{10000}")),
            Some(json!([])),
        ];
        let keys: Vec<_> = values.iter().map(|value| of(value.as_ref())).collect();
        for (index, pair) in keys.windows(2).enumerate() {
            assert!(pair[0] < pair[1], "{:?} !< {:?}", values[index], values[index + 1]);
        }
    }

    #[test]
    fn scalars_and_values_agree() {
        assert_eq!(of(Some(&json!(7))), of_scalar(&Scalar::Float(7.0)));
        assert_eq!(of(Some(&json!(1e19))), of_scalar(&Scalar::Float(1e19)));
        assert_eq!(of(Some(&json!("x"))), of_scalar(&Scalar::Text("x".into())));
    }

    #[test]
    fn long_texts_stay_distinct_and_after_their_prefix() {
        let long = "x".repeat(5_000);
        let other = format!("{}y", &long[1..]);
        assert_ne!(text(&long), text(&other));
        assert!(text(&long).len() < 300);
        assert!(text(&long[..TEXT_PREFIX]) < text(&long));
    }
}
