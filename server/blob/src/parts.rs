use serde::{Deserialize, Serialize};

use crate::Key;

/// The state of an upload that goes on later: what is durable of it, and where the store has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Parts {
    pub(crate) key: Key,
    pub(crate) offset: u64,
    /// What a store of a cloud has; nothing on a local disk, nor before the first part is full.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) upload: Option<Upload>,
    /// The object with what isn't a part of its own yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tail: Option<Tail>,
    /// The tail before it, which goes once this state is the one that is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stale: Option<String>,
}

/// A multipart upload that is under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Upload {
    pub(crate) id: String,
    /// What the store calls the parts, in order; all are of the same size.
    pub(crate) parts: Vec<String>,
}

/// The bytes after the last full part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tail {
    /// Its object's name within the upload's folder.
    pub(crate) name: String,
    pub(crate) length: u64,
}

impl Parts {
    pub(crate) fn new(key: Key) -> Self {
        Self { key, offset: 0, upload: None, tail: None, stale: None }
    }

    pub fn key(&self) -> &Key {
        &self.key
    }

    /// How many bytes are durable.
    pub fn offset(&self) -> u64 {
        self.offset
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_again() {
        let key = Key::parse(&format!("ab/{}", "0".repeat(32))).unwrap();
        let mut parts = Parts::new(key);
        let again = |parts: &Parts| -> Parts { serde_json::from_str(&serde_json::to_string(parts).unwrap()).unwrap() };
        assert_eq!(again(&parts), parts);
        parts.offset = 6_000_000;
        parts.upload = Some(Upload { id: "u".into(), parts: vec!["e1".into()] });
        parts.tail = Some(Tail { name: "t".into(), length: 757_120 });
        assert_eq!(again(&parts), parts);
    }
}
