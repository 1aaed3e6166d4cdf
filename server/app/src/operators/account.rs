//! What an operator is made of, changed within one decision: the document, the claim on the address, the password and
//! the place among the owners.

use std::sync::Arc;

use basalt_core::principal::OperatorRole;
use basalt_core::{Code, Document, DocumentId, Error, FieldError, Result, Timestamp};
use basalt_store::{CellKey, Read};
use serde_json::{Map, Value, json};

use super::OperatorInfo;
use crate::common::names::OPERATORS;
use crate::common::text::{canonical, is_email};
use crate::common::{Flow, Tx, cell, refuse};

/// A new operator, or the first one.
#[derive(Clone, Debug)]
pub(super) struct Account {
    pub id: DocumentId,
    pub email: String,
    pub role: OperatorRole,
    pub phc: String,
}

pub(super) fn parse_email(text: &str) -> Result<String> {
    let email = canonical(text);
    if is_email(&email) {
        return Ok(email);
    }
    let message = "This is not an e-mail address.";
    Err(Error::new(Code::BadRequest, message).with_errors(vec![FieldError::new("/email", "invalid", message)]))
}

fn email_key(email: &str) -> CellKey {
    CellKey::new("_operator_emails", email)
}

fn password_key(id: &DocumentId) -> CellKey {
    CellKey::new("_operator_credentials", id.as_str())
}

/// The ids of the owners: never empty once there was one.
fn owners_key() -> CellKey {
    CellKey::new("_operators", "owners")
}

pub(super) fn document_read(id: &DocumentId) -> Read {
    Read::Document { collection: OPERATORS.clone(), id: id.clone() }
}

pub(super) fn password_read(id: &DocumentId) -> Read {
    cell(&password_key(id))
}

pub(super) fn owners_read() -> Read {
    cell(&owners_key())
}

pub(super) fn role_name(role: OperatorRole) -> &'static str {
    match role {
        OperatorRole::Viewer => "viewer",
        OperatorRole::Editor => "editor",
        OperatorRole::Owner => "owner",
    }
}

pub(super) fn read(document: &Document) -> Result<OperatorInfo> {
    let text = |name: &str| document.data.get(name).and_then(Value::as_str);
    let role = match text("role") {
        Some("owner") => OperatorRole::Owner,
        Some("editor") => OperatorRole::Editor,
        Some("viewer") => OperatorRole::Viewer,
        _ => return Err(Error::internal("an operator document is not readable")),
    };
    let email = text("email").ok_or_else(|| Error::internal("an operator document is not readable"))?;
    Ok(OperatorInfo {
        id: document.id.clone(),
        email: email.to_owned(),
        role,
        created_at: document.created_at,
        last_login_at: text("lastLoginAt").and_then(Timestamp::parse),
    })
}

/// What the audit log tells of an operator.
pub(super) fn told(document: &Document) -> Map<String, Value> {
    ["email", "role"].into_iter().filter_map(|name| Some((name.to_owned(), document.data.get(name)?.clone()))).collect()
}

pub(super) fn holder(tx: &mut Tx<'_>, email: &str) -> Flow<Option<DocumentId>> {
    let Some(value) = tx.cell(&email_key(email))? else { return Ok(None) };
    Ok(value.as_str().map(DocumentId::parse).transpose()?)
}

pub(super) fn password(tx: &mut Tx<'_>, id: &DocumentId) -> Flow<Option<String>> {
    Ok(tx.cell(&password_key(id))?.and_then(|value| Some(value.get("password")?.as_str()?.to_owned())))
}

pub(super) fn set_password(tx: &mut Tx<'_>, id: &DocumentId, phc: &str) {
    tx.put_cell(&password_key(id), json!({ "password": phc }), None);
}

pub(super) fn owners(tx: &mut Tx<'_>) -> Flow<Vec<DocumentId>> {
    let Some(value) = tx.cell(&owners_key())? else { return Ok(Vec::new()) };
    serde_json::from_value(value).map_err(|error| Error::internal(error).into())
}

pub(super) fn create(tx: &mut Tx<'_>, account: &Account) -> Flow<Arc<Document>> {
    tx.need([cell(&email_key(&account.email)), document_read(&account.id), owners_read()])?;
    if holder(tx, &account.email)?.is_some() {
        return refuse(Code::UniqueConflict, "There is an operator with this e-mail address already.");
    }
    tx.put_cell(&email_key(&account.email), account.id.as_str().into(), None);
    set_password(tx, &account.id, &account.phc);
    if account.role == OperatorRole::Owner {
        let mut owners = owners(tx)?;
        owners.push(account.id.clone());
        tx.put_cell(&owners_key(), json!(owners), None);
    }
    let data = Map::from_iter([
        ("email".to_owned(), account.email.as_str().into()),
        ("role".to_owned(), role_name(account.role).into()),
    ]);
    tx.create(&OPERATORS, &account.id, data)
}

/// Gives an operator another role, or none any more; the last owner stays one.
pub(super) fn set_owner(tx: &mut Tx<'_>, id: &DocumentId, owner: bool) -> Flow<()> {
    let mut owners = owners(tx)?;
    if owners.contains(id) == owner {
        return Ok(());
    }
    if owner {
        owners.push(id.clone());
    } else {
        owners.retain(|one| one != id);
        if owners.is_empty() {
            return refuse(Code::ConditionFailed, "There has to be an owner: this is the last one.");
        }
    }
    tx.put_cell(&owners_key(), json!(owners), None);
    Ok(())
}

pub(super) fn delete(tx: &mut Tx<'_>, document: &Arc<Document>) -> Flow<()> {
    set_owner(tx, &document.id, false)?;
    if let Some(email) = document.data.get("email").and_then(Value::as_str) {
        tx.delete_cell(&email_key(email));
    }
    tx.delete_cell(&password_key(&document.id));
    tx.delete(&OPERATORS, document);
    Ok(())
}
