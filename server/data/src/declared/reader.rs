//! Reading declared things (definitions, manifests) out of JSON: every problem at once, each with its place.

use std::collections::BTreeSet;

use basalt_core::document::pointer_token;
use basalt_core::{Code, Error, FieldError};
use serde_json::{Map, Value};

/// What is wrong with a declaration so far.
#[derive(Debug, Default)]
pub struct Problems(Vec<FieldError>);

impl Problems {
    pub fn add(&mut self, path: &str, code: &str, message: impl Into<String>) {
        self.0.push(FieldError::new(path, code, message));
    }

    pub fn extend(&mut self, faults: impl IntoIterator<Item = FieldError>) {
        self.0.extend(faults);
    }

    pub fn not_available(&mut self, path: &str, what: &str) {
        self.add(path, Code::NotAvailable.as_str(), format!("{what} is not available in this version."));
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn into_faults(self) -> Vec<FieldError> {
        self.0
    }

    /// `not_available` where nothing else is wrong, else `invalid_definition`; both with every problem.
    pub fn into_error(self, what: &str) -> Error {
        let later = self.0.iter().all(|fault| fault.code == Code::NotAvailable.as_str());
        let error = if later {
            Error::new(Code::NotAvailable, format!("{what} asks for what is not available in this version."))
        } else {
            Error::new(Code::InvalidDefinition, format!("{what} is not valid."))
        };
        error.with_errors(self.0)
    }
}

/// An object whose keys are taken one by one; what is left over in the end is unknown.
pub struct Table<'a> {
    map: &'a Map<String, Value>,
    path: String,
    known: BTreeSet<&'static str>,
}

impl<'a> Table<'a> {
    pub fn open(value: &'a Value, path: impl Into<String>, problems: &mut Problems) -> Option<Self> {
        let path = path.into();
        match value {
            Value::Object(map) => Some(Self { map, path, known: BTreeSet::new() }),
            other => {
                wrong_type(&path, "a table", other, problems);
                None
            }
        }
    }

    pub fn path(&self) -> &str {
        &self.path
    }

    pub fn path_of(&self, key: &str) -> String {
        format!("{}/{}", self.path, pointer_token(key))
    }

    pub fn take(&mut self, key: &'static str) -> Option<(&'a Value, String)> {
        self.known.insert(key);
        Some((self.map.get(key)?, self.path_of(key)))
    }

    pub fn text(&mut self, key: &'static str, problems: &mut Problems) -> Option<&'a str> {
        let (value, path) = self.take(key)?;
        text(value, &path, problems)
    }

    pub fn bool(&mut self, key: &'static str, problems: &mut Problems) -> Option<bool> {
        let (value, path) = self.take(key)?;
        let Value::Bool(value) = value else {
            wrong_type(&path, "true or false", value, problems);
            return None;
        };
        Some(*value)
    }

    pub fn integer(&mut self, key: &'static str, problems: &mut Problems) -> Option<i64> {
        let (value, path) = self.take(key)?;
        let number = value.as_i64();
        if number.is_none() {
            wrong_type(&path, "an integer", value, problems);
        }
        number
    }

    /// A list of texts; a single text is a list of one.
    pub fn texts(&mut self, key: &'static str, problems: &mut Problems) -> Option<Vec<(&'a str, String)>> {
        let (value, path) = self.take(key)?;
        texts(value, &path, problems)
    }

    /// Reports what nobody took.
    pub fn finish(self, problems: &mut Problems) {
        for key in self.map.keys().filter(|key| !self.known.contains(key.as_str())) {
            let path = self.path_of(key);
            let near = self.known.iter().find(|known| is_near(known, key));
            let hint = near.map_or(String::new(), |near| format!(" Did you mean {near:?}?"));
            problems.add(&path, Code::UnknownField.as_str(), format!("There is no {key:?} here.{hint}"));
        }
    }
}

pub(crate) fn text<'a>(value: &'a Value, path: &str, problems: &mut Problems) -> Option<&'a str> {
    let text = value.as_str();
    if text.is_none() {
        wrong_type(path, "a text", value, problems);
    }
    text
}

pub(crate) fn texts<'a>(value: &'a Value, path: &str, problems: &mut Problems) -> Option<Vec<(&'a str, String)>> {
    match value {
        Value::String(one) => Some(vec![(one, path.to_owned())]),
        Value::Array(items) => {
            let texts = items.iter().enumerate().filter_map(|(index, item)| {
                let path = format!("{path}/{index}");
                Some((text(item, &path, problems)?, path))
            });
            Some(texts.collect())
        }
        other => {
            wrong_type(path, "a list of texts", other, problems);
            None
        }
    }
}

pub fn wrong_type(path: &str, wanted: &str, found: &Value, problems: &mut Problems) {
    let found = match found {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a table",
    };
    problems.add(path, "wrong_type", format!("This has to be {wanted}, not {found}."));
}

/// Equal but for case, `_` and `-`, or one letter off.
fn is_near(known: &str, key: &str) -> bool {
    let plain = |text: &str| text.to_lowercase().replace(['_', '-'], "");
    let (known, key) = (plain(known), plain(key));
    known == key || one_edit_apart(known.as_bytes(), key.as_bytes())
}

fn one_edit_apart(a: &[u8], b: &[u8]) -> bool {
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    let head = short.iter().zip(long).take_while(|(x, y)| x == y).count();
    match long.len() - short.len() {
        0 => short[head..].iter().skip(1).eq(long[head..].iter().skip(1)),
        1 => short[head..] == long[head + 1..],
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn unknown_keys_are_told_with_the_nearest_known_one() {
        let value = json!({"colour": 1, "sign_up": true, "indexs": []});
        let mut problems = Problems::default();
        let mut table = Table::open(&value, "", &mut problems).unwrap();
        assert!(table.bool("signUp", &mut problems).is_none());
        table.take("indexes");
        table.finish(&mut problems);
        let faults = problems.into_faults();
        assert_eq!(faults.len(), 3);
        assert_eq!(faults[0].message, "There is no \"colour\" here.");
        assert_eq!(faults[1].message, "There is no \"indexs\" here. Did you mean \"indexes\"?");
        assert_eq!(faults[2].path, "/sign_up");
        assert!(faults[2].message.ends_with("Did you mean \"signUp\"?"));
    }
}
