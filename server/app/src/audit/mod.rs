//! Room `audit`: every change by an operator: who, what, before and after.

use basalt_core::{Caller, Result};
use basalt_store::{Keyset, Page};

use crate::common::Db;

#[derive(Clone)]
pub struct Audit {
    db: Db,
}

impl Audit {
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// The entries, newest first.
    pub async fn list(&self, _caller: &Caller, _after: Option<Keyset>, _limit: u32) -> Result<Page> {
        unimplemented!()
    }
}
