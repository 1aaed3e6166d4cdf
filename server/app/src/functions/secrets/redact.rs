//! Keeping secrets out of what is told: logs, messages of errors, stacks.

use std::borrow::Cow;

use serde_json::Value;

/// Shorter values would be found in everything.
const LEAST: usize = 6;
const INSTEAD: &str = "[secret]";

/// Knows what must not be told.
#[derive(Default)]
pub struct Redactor {
    /// The longest first, so that one that holds another goes as a whole.
    values: Vec<String>,
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Redactor({})", self.values.len())
    }
}

impl Redactor {
    pub fn new<'a>(values: impl IntoIterator<Item = &'a String>) -> Self {
        let long = |value: &&String| value.chars().count() >= LEAST;
        let mut values: Vec<String> = values.into_iter().filter(long).cloned().collect();
        values.sort_unstable_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        values.dedup();
        Self { values }
    }

    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut told = Cow::Borrowed(text);
        for value in &self.values {
            if told.contains(value.as_str()) {
                told = Cow::Owned(told.replace(value.as_str(), INSTEAD));
            }
        }
        told
    }

    /// All texts of a JSON value, names of fields among them.
    pub fn value(&self, value: Value) -> Value {
        if self.values.is_empty() {
            return value;
        }
        match value {
            Value::String(text) => Value::String(self.text(&text).into_owned()),
            Value::Array(items) => items.into_iter().map(|item| self.value(item)).collect(),
            Value::Object(map) => {
                let redacted = |(key, item): (String, Value)| (self.text(&key).into_owned(), self.value(item));
                Value::Object(map.into_iter().map(redacted).collect())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => value,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_are_found_wherever_they_are() {
        let values = ["sk_live_123".to_owned(), "sk_live_123456".to_owned(), "short".to_owned()];
        let redactor = Redactor::new(&values);
        assert_eq!(redactor.text("key=sk_live_123456, sk_live_123!"), "key=[secret], [secret]!");
        assert_eq!(redactor.text("short"), "short", "what is short is found in everything");
        let told = redactor.value(json!({"a": ["x sk_live_123"], "sk_live_123": {"b": 1}}));
        assert_eq!(told, json!({"a": ["x [secret]"], "[secret]": {"b": 1}}));
    }
}
