//! Room `audit`: what operators and services changed: who, what, before and after. Entries of users, keys and
//! operators are written in the batch of the change itself; what operators do to documents is read from the change log.

mod follow;

use std::sync::Arc;

use basalt_core::filter::Filter;
use basalt_core::{Caller, Code, Document, Error, FieldPath, Result, limits};
use basalt_store::{Keyset, List, SortField};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use tokio::sync::Mutex;

use self::follow::Followed;
use crate::common::names::AUDIT;
use crate::common::{Db, Trail, rights};

pub use crate::common::Entry;

#[derive(Clone)]
pub struct Audit {
    db: Db,
    followed: Arc<Mutex<Followed>>,
}

/// A page of entries, newest first.
#[derive(Clone, Debug)]
pub struct AuditPage {
    pub entries: Vec<Document>,
    /// Where the next page begins; opaque.
    pub next_cursor: Option<String>,
}

impl Audit {
    pub fn new(db: Db) -> Self {
        Self { db, followed: Arc::default() }
    }

    /// Writes down a change that had a batch of its own (definitions, settings).
    pub async fn record(&self, caller: &Caller, entry: Entry) -> Result<()> {
        let trail = Trail::new(&self.db, caller);
        self.db.commit(caller, move |tx| trail.note(tx, entry.clone())).await?;
        Ok(())
    }

    /// At most `limit` entries (1 to [`limits::PAGE_MAX`]), from where a page before ended.
    pub async fn list(&self, caller: &Caller, cursor: Option<&str>, limit: u32) -> Result<AuditPage> {
        rights::admin_read(caller)?;
        if !(1..=limits::PAGE_MAX).contains(&limit) {
            let detail = format!("limit is 1 to {}.", limits::PAGE_MAX);
            return Err(Error::new(Code::BadParameter, detail));
        }
        let newest_first = SortField { path: FieldPath::parse("createdAt")?, descending: true };
        let list = List {
            collection: AUDIT.clone(),
            filter: Filter::True,
            search: None,
            sort: vec![newest_first],
            limit,
            after: cursor.map(place).transpose()?,
            count: false,
        };
        let page = self.db.store().list(list).await?;
        let next_cursor = page.next.map(|end| cursor_of(&end)).transpose()?;
        Ok(AuditPage { entries: page.documents, next_cursor })
    }
}

fn cursor_of(end: &Keyset) -> Result<String> {
    serde_json::to_vec(end).map(|bytes| URL_SAFE_NO_PAD.encode(bytes)).map_err(Error::internal)
}

fn place(cursor: &str) -> Result<Keyset> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok();
    let place: Option<Keyset> = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    place
        .filter(|place| place.values.len() == 1)
        .ok_or_else(|| Error::new(Code::BadCursor, "That is no cursor of this list."))
}
