//! Equality and order. Numbers compare by their mathematical value, an `i64` and an `f64` exactly.

use std::cmp::Ordering;

use super::budget::{Exhausted, Steps};
use super::value::{List, Map, Val};

/// Values of different types are not equal; lists and maps are compared deeply.
pub(crate) fn equal(left: &Val<'_>, right: &Val<'_>, steps: &mut Steps) -> Result<bool, Exhausted> {
    Ok(match (left, right) {
        (Val::Null, Val::Null) => true,
        (Val::Bool(left), Val::Bool(right)) => left == right,
        (Val::Text(left), Val::Text(right)) => left == right,
        (Val::Time(left), Val::Time(right)) => left == right,
        (Val::Type(left), Val::Type(right)) => left == right,
        (Val::Int(left), Val::Int(right)) | (Val::Duration(left), Val::Duration(right)) => left == right,
        (Val::Int(_) | Val::Float(_), Val::Int(_) | Val::Float(_)) => order(left, right) == Some(Ordering::Equal),
        (Val::List(left), Val::List(right)) => return lists_equal(left, right, steps),
        (Val::Map(left), Val::Map(right)) => return maps_equal(left, right, steps),
        _ => false,
    })
}

fn lists_equal(left: &List<'_>, right: &List<'_>, steps: &mut Steps) -> Result<bool, Exhausted> {
    if left.len() != right.len() {
        return Ok(false);
    }
    for (left, right) in left.iter().zip(right.iter()) {
        steps.take(1)?;
        if !equal(&left, &right, steps)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn maps_equal(left: &Map<'_>, right: &Map<'_>, steps: &mut Steps) -> Result<bool, Exhausted> {
    if left.len() != right.len() {
        return Ok(false);
    }
    for key in left.keys() {
        steps.take(1)?;
        let (Some(left), Some(right)) = (left.get(key), right.get(key)) else { return Ok(false) };
        if !equal(&left, &right, steps)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The order of two values: numbers, texts (by code points), timestamps and durations, each among themselves; else none.
pub(crate) fn order(left: &Val<'_>, right: &Val<'_>) -> Option<Ordering> {
    match (left, right) {
        (Val::Int(left), Val::Int(right)) | (Val::Duration(left), Val::Duration(right)) => Some(left.cmp(right)),
        (Val::Float(left), Val::Float(right)) => left.partial_cmp(right),
        (Val::Int(left), Val::Float(right)) => integer_with_float(*left, *right),
        (Val::Float(left), Val::Int(right)) => integer_with_float(*right, *left).map(Ordering::reverse),
        // The order of UTF-8's bytes is that of code points.
        (Val::Text(left), Val::Text(right)) => Some(left.cmp(right)),
        (Val::Time(left), Val::Time(right)) => Some(left.cmp(right)),
        _ => None,
    }
}

fn integer_with_float(integer: i64, float: f64) -> Option<Ordering> {
    // 2^63 is exact as a float; below it every truncated float is an i64.
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if float.is_nan() {
        return None;
    }
    if float >= LIMIT {
        return Some(Ordering::Less);
    }
    if float < -LIMIT {
        return Some(Ordering::Greater);
    }
    #[expect(clippy::cast_possible_truncation, reason = "within i64's range, checked above")]
    let whole = float.trunc() as i64;
    Some(integer.cmp(&whole).then_with(|| 0.0_f64.partial_cmp(&float.fract()).unwrap_or(Ordering::Equal)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_and_floats_compare_exactly() {
        let compare = integer_with_float;
        assert_eq!(compare(9_007_199_254_740_993, 9_007_199_254_740_992.0), Some(Ordering::Greater));
        assert_eq!(compare(i64::MAX, 9_223_372_036_854_775_808.0), Some(Ordering::Less));
        assert_eq!(compare(i64::MIN, -9_223_372_036_854_775_808.0), Some(Ordering::Equal));
        assert_eq!(compare(i64::MIN, -9.3e18), Some(Ordering::Greater));
        assert_eq!(compare(1, 1.5), Some(Ordering::Less));
        assert_eq!(compare(-1, -1.5), Some(Ordering::Greater));
        assert_eq!(compare(0, -0.0), Some(Ordering::Equal));
        assert_eq!(compare(2, 2.0), Some(Ordering::Equal));
        assert_eq!(compare(0, f64::NAN), None);
    }
}
