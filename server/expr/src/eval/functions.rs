//! The functions, value by value.

use basalt_core::Timestamp;
use basalt_core::filter::TextTest;
use basalt_core::geo::Point;
use regex::{Regex, RegexBuilder};

use super::stop::Why;
use super::value::{Map, Val};
use crate::tree::{Conversion, Operator};

pub(crate) type Computed<'a> = Result<Val<'a>, Why<'a>>;

/// The longest pattern of `matches()`, bytes.
pub(crate) const PATTERN_BYTES: usize = 256;
/// The size of a compiled pattern, bytes.
const PATTERN_PROGRAM: usize = 256 << 10;
const NANOS_PER_MILLI: i128 = 1_000_000;
const OVERFLOW: Why<'static> = Why::Other(std::borrow::Cow::Borrowed("the result is out of range"));

/// Compiles a pattern of `matches()`: RE2's syntax, in time linear in the text.
pub(crate) fn pattern(text: &str) -> Result<Regex, String> {
    if text.len() > PATTERN_BYTES {
        return Err(format!("A pattern has at most {PATTERN_BYTES} bytes."));
    }
    let built =
        RegexBuilder::new(text).size_limit(PATTERN_PROGRAM).dfa_size_limit(PATTERN_PROGRAM).nest_limit(32).build();
    built.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => "The pattern is too large once it is compiled.".to_owned(),
        _ => "The pattern is no regular expression (RE2's syntax, without look-around and back references).".to_owned(),
    })
}

pub(crate) fn text_test(test: TextTest, whole: &str, part: &str) -> bool {
    match test {
        TextTest::StartsWith => whole.starts_with(part),
        TextTest::EndsWith => whole.ends_with(part),
        TextTest::Contains => whole.contains(part),
    }
}

pub(crate) fn size<'a>(value: &Val<'a>) -> Computed<'a> {
    let size = match value {
        Val::Text(text) => text.chars().count(),
        Val::List(list) => list.len(),
        Val::Map(map) => map.len(),
        other => return Err(Why::Unfit("a text, a list or a map", other.type_name())),
    };
    Ok(Val::Int(i64::try_from(size).unwrap_or(i64::MAX)))
}

/// `int` with `int` stays `int` and must not overflow; with a float it is a float, which must stay finite.
pub(crate) fn arithmetic<'a>(operator: Operator, left: &Val<'a>, right: &Val<'a>) -> Computed<'a> {
    match (left, right) {
        (Val::Int(left), Val::Int(right)) => integers(operator, *left, *right).map(Val::Int),
        (Val::Int(left), Val::Float(right)) => floats(operator, *left as f64, *right).map(Val::Float),
        (Val::Float(left), Val::Int(right)) => floats(operator, *left, *right as f64).map(Val::Float),
        (Val::Float(left), Val::Float(right)) => floats(operator, *left, *right).map(Val::Float),
        _ => match operator {
            Operator::Add => add(left, right),
            Operator::Subtract => subtract(left, right),
            Operator::Multiply | Operator::Divide | Operator::Modulo => Err(unfit(operator, left, right)),
        },
    }
}

fn integers(operator: Operator, left: i64, right: i64) -> Result<i64, Why<'static>> {
    if right == 0 && matches!(operator, Operator::Divide | Operator::Modulo) {
        return Err(Why::other("division by zero"));
    }
    match operator {
        Operator::Add => left.checked_add(right),
        Operator::Subtract => left.checked_sub(right),
        Operator::Multiply => left.checked_mul(right),
        Operator::Divide => left.checked_div(right),
        Operator::Modulo => left.checked_rem(right),
    }
    .ok_or(OVERFLOW)
}

fn floats(operator: Operator, left: f64, right: f64) -> Result<f64, Why<'static>> {
    let result = match operator {
        Operator::Add => left + right,
        Operator::Subtract => left - right,
        Operator::Multiply => left * right,
        Operator::Divide => left / right,
        Operator::Modulo => return Err(Why::other("% is for integers")),
    };
    if result.is_finite() { Ok(result) } else { Err(OVERFLOW) }
}

fn unfit(operator: Operator, left: &Val<'_>, right: &Val<'_>) -> Why<'static> {
    let operation = match operator {
        Operator::Add => "added",
        Operator::Subtract => "subtracted",
        Operator::Multiply => "multiplied",
        Operator::Divide | Operator::Modulo => "divided",
    };
    Why::Pair(operation, left.type_name(), right.type_name())
}

fn add<'a>(left: &Val<'a>, right: &Val<'a>) -> Computed<'a> {
    match (left, right) {
        (Val::Text(left), Val::Text(right)) => Ok(Val::made_text(format!("{left}{right}"))),
        (Val::List(left), Val::List(right)) => Ok(Val::made_list(left.iter().chain(right.iter()).collect())),
        (Val::Time(time), Val::Duration(nanos)) | (Val::Duration(nanos), Val::Time(time)) => {
            shifted(*time, i128::from(*nanos))
        }
        (Val::Duration(left), Val::Duration(right)) => left.checked_add(*right).map(Val::Duration).ok_or(OVERFLOW),
        _ => Err(unfit(Operator::Add, left, right)),
    }
}

fn subtract<'a>(left: &Val<'a>, right: &Val<'a>) -> Computed<'a> {
    match (left, right) {
        (Val::Time(left), Val::Time(right)) => {
            let nanos = (i128::from(left.millis()) - i128::from(right.millis())) * NANOS_PER_MILLI;
            i64::try_from(nanos).map(Val::Duration).map_err(|_| OVERFLOW)
        }
        (Val::Time(time), Val::Duration(nanos)) => shifted(*time, -i128::from(*nanos)),
        (Val::Duration(left), Val::Duration(right)) => left.checked_sub(*right).map(Val::Duration).ok_or(OVERFLOW),
        _ => Err(unfit(Operator::Subtract, left, right)),
    }
}

/// Instants are whole milliseconds; what is below is cut towards the past.
fn shifted<'a>(time: Timestamp, nanos: i128) -> Computed<'a> {
    let millis = (i128::from(time.millis()) * NANOS_PER_MILLI + nanos).div_euclid(NANOS_PER_MILLI);
    instant(millis).map(Val::Time).ok_or(OVERFLOW)
}

/// `None` outside of the years 0000 to 9999.
fn instant(millis: i128) -> Option<Timestamp> {
    let millis = i64::try_from(millis).ok()?;
    let time = Timestamp::from_millis(millis);
    (time.millis() == millis).then_some(time)
}

pub(crate) fn timestamp<'a>(value: &Val<'a>) -> Computed<'a> {
    let time = match value {
        Val::Time(time) => Some(*time),
        Val::Text(text) => Timestamp::parse(text),
        Val::Int(seconds) => instant(i128::from(*seconds) * 1_000),
        other => return Err(Why::Unfit("a text in RFC 3339's form", other.type_name())),
    };
    time.map(Val::Time).ok_or(Why::other("this is no time in RFC 3339's form, such as 2026-11-22T08:00:00Z"))
}

pub(crate) fn convert<'a>(conversion: Conversion, value: &Val<'a>) -> Computed<'a> {
    match conversion {
        Conversion::Duration => duration(value),
        Conversion::Int => int(value),
        Conversion::Double => double(value),
        Conversion::String => string(value),
        Conversion::Bool => bool(value),
        Conversion::Type => Ok(Val::Type(value.type_name())),
    }
}

fn duration<'a>(value: &Val<'a>) -> Computed<'a> {
    match value {
        Val::Duration(nanos) => Ok(Val::Duration(*nanos)),
        Val::Text(text) => {
            parse_duration(text).map(Val::Duration).ok_or(Why::other("this is no duration, such as 1h30m or 500ms"))
        }
        other => Err(Why::Unfit("a text such as 1h30m", other.type_name())),
    }
}

fn int<'a>(value: &Val<'a>) -> Computed<'a> {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    let integer = match value {
        Val::Int(integer) => Some(*integer),
        #[expect(clippy::cast_possible_truncation, reason = "towards zero, within i64's range")]
        Val::Float(float) => (-LIMIT..LIMIT).contains(&float.trunc()).then(|| float.trunc() as i64),
        Val::Text(text) => text.parse().ok(),
        Val::Time(time) => Some(time.seconds()),
        other => return Err(Why::Unfit("a number, a text or a timestamp", other.type_name())),
    };
    integer.map(Val::Int).ok_or(Why::other("this is no integer of 64 bits"))
}

fn double<'a>(value: &Val<'a>) -> Computed<'a> {
    let float = match value {
        Val::Int(integer) => Some(*integer as f64),
        Val::Float(float) => Some(*float),
        Val::Text(text) => text.parse().ok().filter(|float: &f64| float.is_finite()),
        other => return Err(Why::Unfit("a number or a text", other.type_name())),
    };
    float.map(Val::Float).ok_or(Why::other("this is no number"))
}

fn string<'a>(value: &Val<'a>) -> Computed<'a> {
    match value {
        Val::Text(text) => Ok(Val::Text(text.clone())),
        Val::Bool(value) => Ok(Val::made_text(value.to_string())),
        Val::Int(_) | Val::Float(_) => Ok(Val::made_text(value.to_json().to_string())),
        Val::Time(time) => Ok(Val::made_text(time.to_string())),
        Val::Duration(nanos) => Ok(Val::made_text(duration_text(*nanos))),
        other => Err(Why::Unfit("a scalar", other.type_name())),
    }
}

fn bool<'a>(value: &Val<'a>) -> Computed<'a> {
    match value {
        Val::Bool(value) => Ok(Val::Bool(*value)),
        Val::Text(text) => match text.as_ref() {
            "true" | "True" | "TRUE" | "t" | "1" => Ok(Val::Bool(true)),
            "false" | "False" | "FALSE" | "f" | "0" => Ok(Val::Bool(false)),
            _ => Err(Why::other("this text is neither true nor false")),
        },
        other => Err(Why::Unfit("a boolean or a text", other.type_name())),
    }
}

/// Metres between two points `{"lat","lng"}`.
pub(crate) fn distance<'a>(left: &Val<'a>, right: &Val<'a>) -> Computed<'a> {
    Ok(Val::Float(point(left)?.distance(point(right)?)))
}

pub(crate) fn point(value: &Val<'_>) -> Result<Point, Why<'static>> {
    let Val::Map(map) = value else { return Err(Why::Unfit("a point {lat, lng}", value.type_name())) };
    let (lat, lng) = (degrees(map, "lat")?, degrees(map, "lng")?);
    Point::new(lat, lng).ok_or(Why::other("latitudes are within ±90, longitudes within ±180"))
}

fn degrees(map: &Map<'_>, name: &'static str) -> Result<f64, Why<'static>> {
    match map.get(name) {
        Some(Val::Int(degrees)) => Ok(degrees as f64),
        Some(Val::Float(degrees)) => Ok(degrees),
        Some(other) => Err(Why::Unfit("a number of degrees", other.type_name())),
        None => Err(Why::Missing(name)),
    }
}

/// Go's form: a sign, then numbers with units (`1h30m`, `1.5s`, `-200ms`, `10us`, `5ns`), or `0`.
pub(crate) fn parse_duration(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0);
    }
    let mut nanos = 0_i128;
    if rest.is_empty() || rest.len() > 100 {
        return None;
    }
    while !rest.is_empty() {
        let number = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (digits, after) = rest.split_at(number);
        let unit = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(unit);
        nanos = nanos.checked_add(part_of_duration(digits, unit)?)?;
        rest = after;
    }
    i64::try_from(if negative { -nanos } else { nanos }).ok()
}

fn part_of_duration(digits: &str, unit: &str) -> Option<i128> {
    let unit: i128 = match unit {
        "h" => 3_600_000_000_000,
        "m" => 60_000_000_000,
        "s" => 1_000_000_000,
        "ms" => 1_000_000,
        "us" | "µs" | "μs" => 1_000,
        "ns" => 1,
        _ => return None,
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.len() + fraction.len() == 0 || whole.len() > 20 || fraction.contains('.') {
        return None;
    }
    let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let mut nanos = whole.checked_mul(unit)?;
    let mut weight = unit;
    for digit in fraction.bytes() {
        weight /= 10;
        nanos += i128::from(digit - b'0') * weight;
    }
    Some(nanos)
}

/// Seconds, as protocol buffers write them: `5400s`, `0.5s`.
pub(crate) fn duration_text(nanos: i64) -> String {
    let (seconds, rest) = (nanos.unsigned_abs() / 1_000_000_000, nanos.unsigned_abs() % 1_000_000_000);
    let sign = if nanos < 0 { "-" } else { "" };
    if rest == 0 {
        return format!("{sign}{seconds}s");
    }
    let fraction = format!("{rest:09}");
    format!("{sign}{seconds}.{}s", fraction.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_written() {
        for (text, nanos) in [
            ("1h30m", Some(5_400_000_000_000)),
            ("-1.5s", Some(-1_500_000_000)),
            ("+2ms", Some(2_000_000)),
            (".5s", Some(500_000_000)),
            ("1.s", Some(1_000_000_000)),
            ("1us2ns", Some(1_002)),
            ("1.0000000001s", Some(1_000_000_000)),
            ("0", Some(0)),
            ("0s", Some(0)),
            ("", None),
            ("-", None),
            ("1", None),
            (".s", None),
            ("1d", None),
            ("1h ", None),
            ("1..2s", None),
            ("9999999h", None),
            ("99999999999999999999999999h", None),
            ("h", None),
        ] {
            assert_eq!(parse_duration(text), nanos, "{text}");
        }
        assert_eq!(duration_text(5_400_000_000_000), "5400s");
        assert_eq!(duration_text(-1_500_000_000), "-1.5s");
        assert_eq!(duration_text(i64::MIN), "-9223372036.854775808s");
    }

    #[test]
    fn patterns_are_bounded() {
        assert!(pattern("^a+$").is_ok());
        assert!(pattern(&"a".repeat(PATTERN_BYTES + 1)).is_err());
        assert!(pattern(r"(\w{200}){200}").is_err());
        assert!(pattern("(?=a)").is_err());
        assert!(pattern("(").is_err());
    }
}
