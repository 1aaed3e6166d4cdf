//! Where files were found before: which document to look at first, in one read. What is remembered proves nothing: the
//! document says itself whether it is the file that was asked for, else its place is looked up.

use basalt_core::{Document, DocumentId};
use quick_cache::sync::Cache;
use serde_json::Value;

use super::Target;

const REMEMBERED: usize = 4_096;

pub(crate) struct Places(Cache<Target, DocumentId>);

impl Default for Places {
    fn default() -> Self {
        Self(Cache::new(REMEMBERED))
    }
}

impl Places {
    pub(super) fn guess(&self, target: &Target) -> Option<DocumentId> {
        self.0.get(target)
    }

    pub(super) fn remember(&self, target: Target, document: &Document) {
        self.0.insert(target, document.id.clone());
    }

    pub(super) fn forget(&self, target: &Target) {
        self.0.remove(target);
    }
}

/// Whether a document is the file at this place: no other is, since places are unique.
pub(super) fn is_at(document: &Document, target: &Target) -> bool {
    let text = |name: &str| document.data.get(name).and_then(Value::as_str);
    text("bucket") == Some(target.bucket.as_str()) && text("path") == Some(target.path.as_str())
}
