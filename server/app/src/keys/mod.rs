//! Room `keys`: service keys, with scopes and an end.

use std::sync::Arc;

use basalt_core::principal::{Scope, ServicePrincipal};
use basalt_core::{Caller, Change, DocumentId, Result, Timestamp};

use crate::common::{Db, Secret};

/// What every service key begins with.
pub const PREFIX: &str = "bst_sk_";

#[derive(Clone)]
pub struct Keys {}

#[derive(Clone, Debug)]
pub struct NewKey {
    pub name: String,
    pub scopes: Vec<Scope>,
    pub expires_at: Option<Timestamp>,
}

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
    pub fn new(_db: Db) -> Self {
        unimplemented!()
    }

    /// The key itself is in this answer only.
    pub async fn create(&self, _caller: &Caller, _key: NewKey) -> Result<(KeyInfo, Secret)> {
        unimplemented!()
    }

    pub async fn list(&self, _caller: &Caller) -> Result<Vec<KeyInfo>> {
        unimplemented!()
    }

    pub async fn delete(&self, _caller: &Caller, _id: &DocumentId) -> Result<()> {
        unimplemented!()
    }

    pub async fn authenticate(&self, _key: &Secret) -> Result<Arc<ServicePrincipal>> {
        unimplemented!()
    }

    /// Forgets what a change of the log makes untrue.
    pub fn apply(&self, _change: &Change) {
        unimplemented!()
    }

    /// Writes down when keys were last used; to be called once a minute.
    pub async fn note_uses(&self) -> Result<()> {
        unimplemented!()
    }
}
