use basalt_core::{Caller, Document, Result, Seq};
use serde_json::{Map, Value};

use super::Auth;

impl Auth {
    /// The caller's own user, all of it. Needs no rule.
    pub async fn me(&self, _caller: &Caller) -> Result<Document> {
        unimplemented!()
    }

    /// Changes the caller's own fields: a merge patch whose values may be operators. Needs no rule.
    pub async fn update_me(&self, _caller: &Caller, _patch: Map<String, Value>) -> Result<(Document, Option<Seq>)> {
        unimplemented!()
    }

    /// Deletes the caller with all that belongs to his account.
    pub async fn delete_me(&self, _caller: &Caller) -> Result<Option<Seq>> {
        unimplemented!()
    }
}
