//! Whole collections out, a page at a time: a list in the order of ids.

use basalt_core::limits::PAGE_MAX;
use basalt_core::{Caller, CollectionName, Result, Seq};
use serde_json::{Map, Value};

use super::input::ListQuery;
use super::service::Documents;

/// Documents of the first page; later ones are as long as the size of the documents lets them be.
const FIRST: u32 = 32;
/// Bytes that a page comes to, about.
const PAGE_BYTES: usize = 2 << 20;
/// Pages grow at most so much at a time: large documents after many small ones stay bounded.
const GROWTH: u32 = 4;

/// An export in its place; cheap to keep while nobody reads.
pub struct Export {
    documents: Documents,
    collection: CollectionName,
    filter: Option<String>,
    cursor: Option<String>,
    limit: u32,
    ended: bool,
    before: Seq,
}

impl Documents {
    /// The documents that the caller may list and that match, all of them. One that is there from the first page to the
    /// last is told exactly once, as it is when its page is read; one that comes or goes meanwhile may be missing.
    pub fn export(&self, collection: &CollectionName, filter: Option<String>) -> Export {
        let (documents, collection) = (self.clone(), collection.clone());
        let before = *self.0.store.log_end().borrow();
        Export { documents, collection, filter, cursor: None, limit: FIRST, ended: false, before }
    }
}

impl Export {
    /// A place in the log: what isn't told as it was then is among the changes after it.
    pub fn before(&self) -> Seq {
        self.before
    }

    /// The next documents, as the caller may read them; `None` after the last.
    pub async fn next(&mut self, caller: &Caller) -> Result<Option<Vec<Map<String, Value>>>> {
        if self.ended {
            return Ok(None);
        }
        let query = ListQuery {
            filter: self.filter.clone(),
            sort: vec!["id".to_owned()],
            limit: Some(self.limit),
            cursor: self.cursor.take(),
            ..ListQuery::default()
        };
        let page = self.documents.query(caller, &self.collection, query).await?;
        self.ended = page.next_cursor.is_none();
        self.cursor = page.next_cursor;
        Ok(Some(page.items))
    }

    /// Says what the last page came to in bytes, for the length of the next.
    pub fn took(&mut self, documents: usize, bytes: usize) {
        self.limit = next_limit(self.limit, documents, bytes);
    }
}

fn next_limit(limit: u32, documents: usize, bytes: usize) -> u32 {
    let each = (bytes / documents.max(1)).max(1);
    let fitting = u32::try_from(PAGE_BYTES / each).unwrap_or(u32::MAX);
    fitting.min(limit.saturating_mul(GROWTH)).clamp(1, PAGE_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_as_long_as_documents_let_them() {
        assert_eq!(next_limit(32, 32, 32 * 100), 128, "small documents: longer, but not at once");
        assert_eq!(next_limit(500, 500, 500 * 100), 500);
        assert_eq!(next_limit(500, 500, 500 << 20), 2);
        assert_eq!(next_limit(2, 2, 8 << 20), 1);
        assert_eq!(next_limit(4, 0, 0), 16);
    }
}
