//! Room `audit`: what operators and services changed: who, what, before and after. Entries of users, keys and
//! operators are written in the batch of the change itself; what operators do to documents is read from the change log.

mod follow;

use basalt_core::filter::Filter;
use basalt_core::{Caller, Document, FieldPath, Result};
use basalt_store::{Keyset, List, SortField};

use crate::common::names::AUDIT;
use crate::common::{Db, Trail, rights};

pub use crate::common::Entry;

#[derive(Clone)]
pub struct Audit {
    db: Db,
}

/// A page of entries, newest first.
#[derive(Clone, Debug)]
pub struct AuditPage {
    pub entries: Vec<Document>,
    /// Where the next page begins.
    pub next: Option<Keyset>,
}

impl Audit {
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// Writes down a change that had a batch of its own (definitions, settings).
    pub async fn record(&self, caller: &Caller, entry: Entry) -> Result<()> {
        let trail = Trail::new(&self.db, caller);
        self.db.commit(caller, move |tx| trail.note(tx, entry.clone())).await?;
        Ok(())
    }

    pub async fn list(&self, caller: &Caller, after: Option<Keyset>, limit: u32) -> Result<AuditPage> {
        rights::admin_read(caller)?;
        let newest_first = SortField { path: FieldPath::parse("createdAt")?, descending: true };
        let list = List {
            collection: AUDIT.clone(),
            filter: Filter::True,
            sort: vec![newest_first],
            limit,
            after,
            count: false,
        };
        let page = self.db.store().list(list).await?;
        Ok(AuditPage { entries: page.documents, next: page.next })
    }
}
