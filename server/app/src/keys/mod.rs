//! Room `keys`: service keys, with scopes and an end.
//!
//! A key is shown once and kept as its SHA-256. It acts from a cache that forgets a deleted key at once.

mod authenticate;
mod create;
mod uses;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use basalt_core::filter::Filter;
use basalt_core::principal::{Scope, ServicePrincipal};
use basalt_core::{Caller, Change, Code, CollectionName, Document, DocumentId, Error, FieldPath, Result, Timestamp};
use basalt_data::changes::Lag;
use basalt_store::{CellKey, List, SortField};
use serde_json::Value;

pub use create::NewKey;

use crate::common::names::KEYS;
use crate::common::{Db, Entry, Recall, Trail, Tx, rights};

/// What every service key begins with.
pub const PREFIX: &str = "bst_sk_";
/// Keys that there may be, so that a list is one page.
const MOST: u32 = 500;
/// All keys are forgotten together: they change rarely.
const ANY: &str = "keys";

/// The room's use cases, each in a file of its own; cheap to clone.
#[derive(Clone)]
pub struct Keys {
    inner: Arc<Inner>,
}

struct Inner {
    db: Db,
    known: Recall<Arc<Known>>,
    /// When keys were last used, as far as it isn't written down yet.
    uses: Mutex<HashMap<DocumentId, Timestamp>>,
}

struct Known {
    principal: Arc<ServicePrincipal>,
    expires_at: Option<Timestamp>,
}

/// A key as operators see it.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyInfo {
    pub id: DocumentId,
    pub name: String,
    pub scopes: Vec<Scope>,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    /// Coarse: within some minutes.
    pub last_used_at: Option<Timestamp>,
}

impl Keys {
    /// `lag` is how far the node's tailer is behind the log.
    pub fn new(db: Db, lag: Lag) -> Self {
        Self { inner: Arc::new(Inner { db, known: Recall::new(1_000, lag), uses: Mutex::default() }) }
    }

    /// All keys, oldest first.
    pub async fn list(&self, caller: &Caller) -> Result<Vec<KeyInfo>> {
        rights::admin_read(caller)?;
        let oldest_first = SortField { path: FieldPath::parse("createdAt")?, descending: false };
        let list = List {
            collection: KEYS.clone(),
            filter: Filter::True,
            search: None,
            sort: vec![oldest_first],
            limit: MOST,
            after: None,
            count: false,
        };
        let documents = self.inner.db.store().list(list).await?.documents;
        let used = self.last_uses(documents.iter().map(|document| document.id.clone()).collect()).await?;
        documents.iter().zip(used).map(|(document, used)| read(document, used)).collect()
    }

    /// Takes a key away; it opens nothing from now on.
    pub async fn delete(&self, caller: &Caller, id: &DocumentId) -> Result<()> {
        rights::admin_own(caller)?;
        let (id, trail) = (id.clone(), Trail::new(&self.inner.db, caller));
        let decide = move |tx: &mut Tx<'_>| {
            let Some(document) = tx.document(&KEYS, &id)? else { return Err(not_found().into()) };
            if let Some(fingerprint) = document.data.get("fingerprint").and_then(Value::as_str) {
                tx.delete_cell(&fingerprint_key(fingerprint));
            }
            tx.delete_cell(&uses::key(&id));
            tx.delete(&KEYS, &document);
            let before = create::told(&document);
            let target = ("key", id.to_string());
            trail.note(tx, Entry { action: "keys.delete", target, before: Some(before), after: None })
        };
        self.inner.db.commit(caller, decide).await?;
        self.reset();
        Ok(())
    }

    /// Forgets what a change of the log makes untrue.
    pub fn apply(&self, change: &Change) {
        self.forget(&change.collection);
    }

    /// Forgets everything (changes were missed).
    pub fn reset(&self) {
        self.inner.known.reset();
    }

    fn forget(&self, collection: &CollectionName) {
        if *collection == *KEYS {
            self.inner.known.forget(ANY);
        }
    }
}

/// The cell that says which key has this fingerprint.
fn fingerprint_key(fingerprint: &str) -> CellKey {
    CellKey::new("_key_fingerprints", fingerprint)
}

fn read(document: &Document, last_used_at: Option<Timestamp>) -> Result<KeyInfo> {
    let unreadable = || Error::internal("a key document is not readable");
    let text = |name: &str| document.data.get(name).and_then(Value::as_str);
    let scopes = document.data.get("scopes").and_then(Value::as_array).ok_or_else(unreadable)?;
    let scopes = scopes.iter().map(|scope| Scope::parse(scope.as_str()?)).collect::<Option<Vec<_>>>();
    let expires_at = match text("expiresAt") {
        Some(text) => Some(Timestamp::parse(text).ok_or_else(unreadable)?),
        None => None,
    };
    Ok(KeyInfo {
        id: document.id.clone(),
        name: text("name").ok_or_else(unreadable)?.to_owned(),
        scopes: scopes.ok_or_else(unreadable)?,
        created_at: document.created_at,
        expires_at,
        last_used_at,
    })
}

fn not_found() -> Error {
    Error::new(Code::KeyNotFound, "There is no such key.")
}
