//! What an account is made of, changed within one decision: the user document, claims on addresses and names, the
//! credential and the sessions.

use std::sync::Arc;

use basalt_core::{Code, Document, DocumentId, Error, FieldError};
use basalt_data::collections::Compiled;
use basalt_data::documents::built_in;
use basalt_store::Read;
use basalt_store::catalog::unique_key;
use serde_json::{Map, Value};

use super::user::User;
use super::{Identifier, credential, session};
use crate::common::names::{OWNED, USERS};
use crate::common::{Flow, Tx, cell, refuse};

pub(super) fn document_read(user: &DocumentId) -> Read {
    Read::Document { collection: USERS.clone(), id: user.clone() }
}

pub(super) fn claim_read(identifier: &Identifier) -> Read {
    cell(&identifier.claim())
}

/// Whose an identifier is.
pub(super) fn holder(tx: &mut Tx<'_>, identifier: &Identifier) -> Flow<Option<DocumentId>> {
    let Some(value) = tx.cell(&identifier.claim())? else { return Ok(None) };
    let id = value.as_str().and_then(|text| DocumentId::parse(text).ok());
    id.map(Some).ok_or_else(|| Error::internal("a claim is not readable").into())
}

/// Takes an identifier for a user: of any number that try at once, one gets it.
pub(super) fn claim(tx: &mut Tx<'_>, identifier: &Identifier, user: &DocumentId) -> Flow<()> {
    match holder(tx, identifier)? {
        Some(holder) if holder == *user => Ok(()),
        Some(_) => {
            let path = format!("/{}", identifier.field());
            let taken = FieldError::new(path, "unique_conflict", "This is taken already.");
            let detail = format!("There is an account with this {} already.", identifier.field());
            Err(Error::new(Code::UniqueConflict, detail).with_errors(vec![taken]).into())
        }
        None => {
            tx.put_cell(&identifier.claim(), user.as_str().into(), None);
            Ok(())
        }
    }
}

pub(super) fn release(tx: &mut Tx<'_>, identifier: &Identifier, user: &DocumentId) -> Flow<()> {
    if holder(tx, identifier)?.is_some_and(|holder| holder == *user) {
        tx.delete_cell(&identifier.claim());
    }
    Ok(())
}

/// Writes a user document under the definition of `users`: the user's own fields by its schema where they changed,
/// and its unique indexes.
pub(super) fn put(
    tx: &mut Tx<'_>,
    users: &Compiled,
    id: &DocumentId,
    previous: Option<&Arc<Document>>,
    data: Map<String, Value>,
) -> Flow<Arc<Document>> {
    let own = |data: &Map<String, Value>| -> Map<String, Value> {
        data.iter().filter(|(name, _)| !OWNED.contains(&name.as_str())).map(|(k, v)| (k.clone(), v.clone())).collect()
    };
    let changed = previous.is_none_or(|previous| own(&previous.data) != own(&data));
    let data = if changed { built_in::conformed(users, data)? } else { data };
    check_unique(tx, users, id, previous, &data)?;
    match previous {
        None => tx.create(&USERS, id, data),
        Some(previous) => Ok(tx.update(&USERS, previous, data)),
    }
}

fn check_unique(
    tx: &mut Tx<'_>,
    users: &Compiled,
    id: &DocumentId,
    previous: Option<&Arc<Document>>,
    data: &Map<String, Value>,
) -> Flow<()> {
    let mut wanted = Vec::new();
    for index in users.unique_indexes() {
        let Some(key) = unique_key(&index.spec, data) else { continue };
        let held = previous.and_then(|previous| unique_key(&index.spec, &previous.data));
        if held.as_ref() != Some(&key) {
            wanted.push((index, key));
        }
    }
    let reads = wanted.iter().map(|(index, key)| Read::Unique {
        collection: USERS.clone(),
        index: index.name.clone(),
        key: key.clone(),
    });
    tx.need(reads)?;
    for (index, key) in wanted {
        if tx.unique(&USERS, &index.name, &key)?.is_some_and(|holder| holder != *id) {
            let fields: Vec<String> = index.spec.fields.iter().map(|field| field.path.to_string()).collect();
            return refuse(Code::UniqueConflict, &format!("There is a user with this {} already.", fields.join(", ")));
        }
    }
    Ok(())
}

/// Removes a user with his credential, his sessions and his claims.
pub(super) fn delete(tx: &mut Tx<'_>, users: &Compiled, user: &Arc<Document>) -> Flow<()> {
    let identifiers = User(user).identifiers();
    tx.need(identifiers.iter().map(claim_read).chain([session::list_read(&user.id)]))?;
    session::end_where(tx, &user.id, |_| true)?;
    for identifier in &identifiers {
        release(tx, identifier, &user.id)?;
    }
    credential::remove(tx, &user.id);
    tx.delete_defined(users, user)
}
