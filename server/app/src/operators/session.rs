//! Sessions of operators: a document each (its id is drawn), found by the cookie's fingerprint, and a list per operator.

use basalt_core::{Caller, DocumentId, Error, Timestamp, random};
use basalt_store::{CellKey, Read};
use serde_json::{Map, Value, json};

use super::SESSION_LIFE;
use crate::common::names::OPERATOR_SESSIONS;
use crate::common::{Db, Flow, Secret, Tx, cell};

/// Sessions that one operator has at a time; a further one ends the oldest. Those that are over go when one is opened.
const MOST: usize = 20;

/// A session to be opened: drawn before the decision.
#[derive(Clone)]
pub(super) struct NewSession {
    pub cookie: Secret,
    pub expires_at: Timestamp,
    id: DocumentId,
    ip: Option<String>,
}

impl NewSession {
    pub(super) fn draw(db: &Db, caller: &Caller) -> Self {
        let cookie = Secret::new(random::base32hex(&random::bytes::<32>(db.random())));
        let ip = caller.request.ip.map(|ip| ip.to_string());
        Self { cookie, expires_at: db.now().plus(SESSION_LIFE), id: db.new_id(), ip }
    }

    pub(super) fn open(&self, tx: &mut Tx<'_>, operator: &DocumentId) -> Flow<()> {
        let ids = list(tx, operator)?;
        tx.need(ids.iter().chain([&self.id]).map(document_read))?;
        let oldest = (ids.len() + 1).saturating_sub(MOST);
        let mut kept = Vec::with_capacity(ids.len() + 1);
        for (index, id) in ids.into_iter().enumerate() {
            if index >= oldest && is_live(tx, &id)? {
                kept.push(id);
            } else {
                remove(tx, &id)?;
            }
        }
        let fingerprint = self.cookie.fingerprint();
        let data = Map::from_iter([
            ("operator".to_owned(), operator.as_str().into()),
            ("fingerprint".to_owned(), fingerprint.as_str().into()),
            ("expiresAt".to_owned(), self.expires_at.to_string().into()),
            ("ip".to_owned(), self.ip.clone().into()),
        ]);
        tx.create(&OPERATOR_SESSIONS, &self.id, data)?;
        tx.put_cell(&fingerprint_key(&fingerprint), self.id.as_str().into(), Some(self.expires_at));
        kept.push(self.id.clone());
        tx.put_cell(&list_key(operator), json!(kept), None);
        Ok(())
    }
}

fn fingerprint_key(fingerprint: &str) -> CellKey {
    CellKey::new("_operator_cookies", fingerprint)
}

fn list_key(operator: &DocumentId) -> CellKey {
    CellKey::new("_operator_session_lists", operator.as_str())
}

fn document_read(id: &DocumentId) -> Read {
    Read::Document { collection: OPERATOR_SESSIONS.clone(), id: id.clone() }
}

pub(super) fn list_read(operator: &DocumentId) -> Read {
    cell(&list_key(operator))
}

/// A session that is there and is not over: its id, whose it is, and its end.
pub(super) fn find(tx: &mut Tx<'_>, fingerprint: &str) -> Flow<Option<(DocumentId, DocumentId, Timestamp)>> {
    let Some(id) = tx.cell(&fingerprint_key(fingerprint))? else { return Ok(None) };
    let Some(id) = id.as_str().map(DocumentId::parse).transpose()? else { return Ok(None) };
    let Some(document) = tx.document(&OPERATOR_SESSIONS, &id)? else { return Ok(None) };
    let text = |name: &str| document.data.get(name).and_then(Value::as_str);
    let (operator, end) = (text("operator").map(DocumentId::parse), text("expiresAt").and_then(Timestamp::parse));
    let (Some(Ok(operator)), Some(end)) = (operator, end) else {
        return Err(Error::internal("an operator's session is not readable").into());
    };
    Ok((end > tx.now()).then_some((id, operator, end)))
}

/// Ends the sessions of an operator that `chosen` picks.
pub(super) fn end_where(tx: &mut Tx<'_>, operator: &DocumentId, chosen: impl Fn(&DocumentId) -> bool) -> Flow<()> {
    let (ended, kept): (Vec<_>, Vec<_>) = list(tx, operator)?.into_iter().partition(chosen);
    tx.need(ended.iter().map(document_read))?;
    for id in &ended {
        remove(tx, id)?;
    }
    if kept.is_empty() {
        tx.delete_cell(&list_key(operator));
    } else if !ended.is_empty() {
        tx.put_cell(&list_key(operator), json!(kept), None);
    }
    Ok(())
}

fn list(tx: &mut Tx<'_>, operator: &DocumentId) -> Flow<Vec<DocumentId>> {
    let Some(value) = tx.cell(&list_key(operator))? else { return Ok(Vec::new()) };
    serde_json::from_value(value).map_err(|error| Error::internal(error).into())
}

fn is_live(tx: &mut Tx<'_>, id: &DocumentId) -> Flow<bool> {
    let document = tx.document(&OPERATOR_SESSIONS, id)?;
    let end = document.as_ref().and_then(|document| Timestamp::parse(document.data.get("expiresAt")?.as_str()?));
    Ok(end.is_some_and(|end| end > tx.now()))
}

fn remove(tx: &mut Tx<'_>, id: &DocumentId) -> Flow<()> {
    let Some(document) = tx.document(&OPERATOR_SESSIONS, id)? else { return Ok(()) };
    if let Some(fingerprint) = document.data.get("fingerprint").and_then(Value::as_str) {
        tx.delete_cell(&fingerprint_key(fingerprint));
    }
    tx.delete(&OPERATOR_SESSIONS, &document);
    Ok(())
}
