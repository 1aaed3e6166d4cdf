//! Names of TypeScript.

use std::collections::BTreeSet;

/// Names of types, each given once.
pub(super) struct Names(BTreeSet<String>);

impl Names {
    pub(super) fn new(reserved: &[&str]) -> Self {
        Self(reserved.iter().map(|name| (*name).to_owned()).collect())
    }

    pub(super) fn take(&mut self, wanted: &str) -> String {
        let numbered = (2_u32..).map(|number| format!("{wanted}{number}"));
        let mut candidates = std::iter::once(wanted.to_owned()).chain(numbered);
        let free = candidates.find(|name| !self.0.contains(name)).unwrap_or_else(|| wanted.to_owned());
        self.0.insert(free.clone());
        free
    }
}

/// `word_count` is `WordCount`.
pub(super) fn pascal(name: &str) -> String {
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str()).unwrap_or_default()
    };
    let text: String = name.split(|c: char| !c.is_ascii_alphanumeric()).map(capital).collect();
    if text.starts_with(|c: char| c.is_ascii_alphabetic()) { text } else { format!("T{text}") }
}

/// A member's name, in quotes where it has to be.
pub(super) fn property(name: &str) -> String {
    let known = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '$';
    let plain = !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit()) && name.chars().all(known);
    if plain { name.to_owned() } else { serde_json::Value::from(name).to_string() }
}
