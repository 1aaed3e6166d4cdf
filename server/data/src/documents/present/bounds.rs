//! What one answer may hold beside its own documents.

use basalt_core::{Code, Error, Result};
use serde_json::{Map, Value};

/// Documents that references lead to; one that is shown twice counts twice.
const DOCUMENTS: usize = 5_000;
/// Their bytes, about.
const BYTES: usize = 32 << 20;

/// How much is shown, or was read to be shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Weight {
    pub documents: usize,
    pub bytes: usize,
}

impl Weight {
    pub(super) fn of(document: &Map<String, Value>) -> Self {
        Self { documents: 1, bytes: size_of_map(document) }
    }

    /// Adds, and refuses what is too much.
    pub(super) fn add(&mut self, other: Self) -> Result<()> {
        self.documents = self.documents.saturating_add(other.documents);
        self.bytes = self.bytes.saturating_add(other.bytes);
        if self.documents <= DOCUMENTS && self.bytes <= BYTES {
            return Ok(());
        }
        let detail = format!(
            "What expand adds to an answer is at most {DOCUMENTS} documents and {BYTES} bytes: take a smaller limit, or \
             expand less."
        );
        Err(Error::new(Code::TooLarge, detail))
    }
}

fn size_of_map(map: &Map<String, Value>) -> usize {
    map.iter().map(|(name, value)| name.len() + 4 + size(value)).sum::<usize>() + 2
}

/// About the length of the JSON text.
fn size(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) => 5,
        Value::Number(_) => 8,
        Value::String(text) => text.len() + 2,
        Value::Array(items) => items.iter().map(|item| 1 + size(item)).sum::<usize>() + 2,
        Value::Object(map) => size_of_map(map),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_and_bytes_are_bounded() {
        let mut weight = Weight::default();
        weight.add(Weight { documents: DOCUMENTS, bytes: 1 }).unwrap();
        assert_eq!(weight.add(Weight { documents: 1, bytes: 1 }).unwrap_err().code(), Code::TooLarge);
        let mut weight = Weight::default();
        assert_eq!(weight.add(Weight { documents: 1, bytes: BYTES + 1 }).unwrap_err().code(), Code::TooLarge);
    }
}
