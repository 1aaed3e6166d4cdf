//! A TOML text as JSON that remembers where everything stood.

use std::collections::HashMap;
use std::ops::Range;

use basalt_core::FieldError;
use basalt_core::document::pointer_token;
use serde_json::{Map, Number, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Nesting of a declared file.
const DEPTH: usize = 32;
/// Codes of faults that are the key's, not the value's.
const OF_THE_KEY: [&str; 4] = ["unknown_field", "not_available", "bad_name", "bad_field_name"];

pub(crate) struct Source<'t> {
    text: &'t str,
    pub(crate) root: Value,
    places: HashMap<String, Place>,
}

/// Bytes of the text.
#[derive(Clone)]
struct Place {
    key: Range<usize>,
    value: Range<usize>,
}

impl<'t> Source<'t> {
    /// Parses; the syntax errors are told all at once.
    pub(crate) fn parse_toml(text: &'t str) -> Result<Self, Vec<FieldError>> {
        let (table, errors) = DeTable::parse_recoverable(text);
        if !errors.is_empty() {
            let fault = |error: &toml::de::Error| {
                let at = error.span().map_or(0, |span| span.start);
                located(text, at, FieldError::new("", "bad_toml", error.message()))
            };
            return Err(errors.iter().map(fault).collect());
        }
        let mut reading = Reading { places: HashMap::new(), faults: Vec::new() };
        let root = reading.table(table.get_ref(), "", 0);
        let faults = std::mem::take(&mut reading.faults);
        if faults.is_empty() {
            return Ok(Self { text, root, places: reading.places });
        }
        Err(faults.into_iter().map(|(at, fault)| located(text, at, fault)).collect())
    }

    /// Gives each fault its line and column in the text: those of its key if the key is at fault, else of its value;
    /// those within an expression are counted from where the expression begins.
    pub(crate) fn locate(&self, faults: Vec<FieldError>) -> Vec<FieldError> {
        let mut faults: Vec<FieldError> = faults.into_iter().map(|fault| self.locate_one(fault)).collect();
        faults.sort_by_key(|fault| (fault.line, fault.column));
        faults
    }

    fn locate_one(&self, fault: FieldError) -> FieldError {
        let mut pointer = fault.path.as_str();
        let place = loop {
            if let Some(place) = self.places.get(pointer) {
                break place;
            }
            match pointer.rfind('/') {
                Some(cut) => pointer = &pointer[..cut],
                None => return FieldError { line: Some(1), column: Some(1), ..fault },
            }
        };
        let at = match (fault.line, fault.column) {
            (Some(line), Some(column)) => self.within(place, line, column),
            _ if OF_THE_KEY.contains(&fault.code.as_str()) => place.key.start,
            _ => place.value.start,
        };
        located(self.text, at, fault)
    }

    /// A place in a text value. Where escapes make it unclear, the value's beginning is told.
    fn within(&self, place: &Place, line: u32, column: u32) -> usize {
        let raw = &self.text[place.value.clone()];
        let quotes = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|quotes| raw.starts_with(quotes));
        let Some(quotes) = quotes.filter(|quotes| *quotes == "'" || *quotes == "'''" || !raw.contains('\\')) else {
            return place.value.start;
        };
        let mut begin = quotes.len();
        if quotes.len() == 3 {
            // A line break right after the opening quotes is no part of the value.
            let rest = &raw[begin..];
            begin += if rest.starts_with("\r\n") { 2 } else { usize::from(rest.starts_with('\n')) };
        }
        let lines_before: usize =
            raw[begin..].split_inclusive('\n').take(line.saturating_sub(1) as usize).map(str::len).sum();
        let start = begin + lines_before;
        let columns = raw[start..].char_indices().nth(column.saturating_sub(1) as usize);
        place.value.start + columns.map_or(start, |(offset, _)| start + offset)
    }
}

struct Reading {
    places: HashMap<String, Place>,
    faults: Vec<(usize, FieldError)>,
}

impl Reading {
    fn table(&mut self, table: &DeTable<'_>, path: &str, depth: usize) -> Value {
        let mut map = Map::new();
        for (key, value) in table {
            let path = format!("{path}/{}", pointer_token(key.get_ref()));
            self.places.insert(path.clone(), Place { key: key.span(), value: value.span() });
            let value = self.value(value, &path, depth + 1);
            map.insert(key.get_ref().to_string(), value);
        }
        Value::Object(map)
    }

    fn value(&mut self, value: &Spanned<DeValue<'_>>, path: &str, depth: usize) -> Value {
        let at = value.span().start;
        if depth > DEPTH {
            self.fault(at, path, format!("Nested deeper than {DEPTH}."));
            return Value::Null;
        }
        match value.get_ref() {
            DeValue::String(text) => Value::String(text.to_string()),
            DeValue::Boolean(value) => Value::Bool(*value),
            DeValue::Datetime(time) => Value::String(time.to_string()),
            DeValue::Integer(digits) => {
                let number = i64::from_str_radix(digits.as_str(), digits.radix()).ok().map(Number::from);
                self.number(number, at, path, "This integer is too large.")
            }
            DeValue::Float(digits) => {
                let number = digits.as_str().parse().ok().and_then(basalt_core::json::canonical_f64);
                self.number(number, at, path, "This number is not finite.")
            }
            DeValue::Array(items) => {
                let items = items.iter().enumerate().map(|(index, item)| {
                    let path = format!("{path}/{index}");
                    self.places.insert(path.clone(), Place { key: item.span(), value: item.span() });
                    self.value(item, &path, depth + 1)
                });
                Value::Array(items.collect())
            }
            DeValue::Table(table) => self.table(table, path, depth),
        }
    }

    fn number(&mut self, number: Option<Number>, at: usize, path: &str, fault: &str) -> Value {
        if number.is_none() {
            self.fault(at, path, fault.to_owned());
        }
        number.map_or(Value::Null, Value::Number)
    }

    fn fault(&mut self, at: usize, path: &str, message: String) {
        self.faults.push((at, FieldError::new(path, "bad_toml", message)));
    }
}

/// The fault at a byte of the text.
fn located(text: &str, at: usize, fault: FieldError) -> FieldError {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
    FieldError { line: u32::try_from(line).ok(), column: u32::try_from(column).ok(), ..fault }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expression_fault(path: &str, line: u32, column: u32) -> FieldError {
        FieldError { line: Some(line), column: Some(column), ..FieldError::new(path, "bad_expression", "") }
    }

    fn place(source: &Source<'_>, fault: FieldError) -> (u32, u32) {
        let fault = source.locate(vec![fault]).remove(0);
        (fault.line.unwrap(), fault.column.unwrap())
    }

    #[test]
    fn faults_are_placed_by_their_pointer() {
        let text = "[a]\nx = 1\n\n[a.\"b/c\"]\nrule = \"true && nope\"\nlong = \"\"\"\ntrue\n  && é.x\"\"\"\nesc = \"\\\"a\\\" == b\"\n";
        let source = Source::parse_toml(text).unwrap();
        assert_eq!(place(&source, FieldError::new("/a/x", "wrong_type", "")), (2, 5));
        assert_eq!(place(&source, FieldError::new("/a/x", "unknown_field", "")), (2, 1));
        assert_eq!(place(&source, FieldError::new("/a/x/deep/er", "wrong_type", "")), (2, 5));
        assert_eq!(place(&source, expression_fault("/a/b~1c/rule", 1, 9)), (5, 17));
        assert_eq!(place(&source, expression_fault("/a/b~1c/long", 2, 7)), (8, 7));
        assert_eq!(place(&source, expression_fault("/a/b~1c/esc", 1, 5)), (9, 7));
    }

    #[test]
    fn syntax_errors_are_all_told() {
        let faults = Source::parse_toml("a = \nb = 1\nb = 2\n").err().unwrap();
        let lines: Vec<_> = faults.iter().map(|fault| fault.line.unwrap()).collect();
        assert_eq!(lines, [1, 3], "{faults:?}");
    }

    #[test]
    fn values_become_json() {
        let source = Source::parse_toml("i = 0x10\nf = 1.5\nt = 2026-11-22T08:00:00Z\nl = [1, {a = true}]\n").unwrap();
        let expected = serde_json::json!({"i": 16, "f": 1.5, "t": "2026-11-22T08:00:00Z", "l": [1, {"a": true}]});
        assert_eq!(source.root, expected);
        assert!(Source::parse_toml("f = nan").is_err());
        assert!(Source::parse_toml(&format!("a = {}1{}", "[".repeat(40), "]".repeat(40))).is_err());
    }
}
