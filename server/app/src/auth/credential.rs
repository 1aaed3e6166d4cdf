//! Passwords as they are kept: an argon2id PHC string in a cell, and nowhere else.

use basalt_core::{DocumentId, Error};
use basalt_store::{CellKey, Read};
use serde_json::{Value, json};

use crate::common::{Flow, Tx, cell};

fn key(user: &DocumentId) -> CellKey {
    CellKey::new("_credentials", user.as_str())
}

pub(super) fn read(user: &DocumentId) -> Read {
    cell(&key(user))
}

/// The hash of the user's password, if he has one.
pub(super) fn password(tx: &mut Tx<'_>, user: &DocumentId) -> Flow<Option<String>> {
    let Some(value) = tx.cell(&key(user))? else { return Ok(None) };
    match value.get("password") {
        Some(Value::String(phc)) => Ok(Some(phc.clone())),
        _ => Err(Error::internal("a credential is not readable").into()),
    }
}

pub(super) fn set_password(tx: &mut Tx<'_>, user: &DocumentId, phc: &str) {
    tx.put_cell(&key(user), json!({ "password": phc }), None);
}

pub(super) fn remove(tx: &mut Tx<'_>, user: &DocumentId) {
    tx.delete_cell(&key(user));
}
