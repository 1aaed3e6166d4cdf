//! Sessions: documents of `_sessions`, a counter of refresh tokens each, and a list of them per user.

use std::sync::Arc;

use basalt_core::{Document, DocumentId, Error, Timestamp};
use basalt_store::{CellKey, Read};
use serde_json::{Map, Value, json};

use super::SessionInfo;
use crate::common::names::SESSIONS;
use crate::common::{Flow, Tx, cell};

/// A session document, typed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Session {
    pub id: DocumentId,
    pub user: DocumentId,
    pub method: String,
    pub mfa: bool,
    pub amr: Vec<String>,
    pub created_at: Timestamp,
    pub authenticated_at: Timestamp,
    pub last_used_at: Timestamp,
    pub expires_at: Timestamp,
    pub ip: Option<String>,
    pub agent: Option<String>,
}

impl Session {
    pub(super) fn read(document: &Document) -> Option<Self> {
        let text = |name: &str| document.data.get(name)?.as_str().map(str::to_owned);
        let time = |name: &str| Timestamp::parse(document.data.get(name)?.as_str()?);
        let amr = document.data.get("amr").and_then(Value::as_array);
        Some(Self {
            id: document.id.clone(),
            user: DocumentId::parse(&text("user")?).ok()?,
            method: text("method")?,
            mfa: document.data.get("mfa").and_then(Value::as_bool).unwrap_or(false),
            amr: amr.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect(),
            created_at: document.created_at,
            authenticated_at: time("authenticatedAt")?,
            last_used_at: time("lastUsedAt")?,
            expires_at: time("expiresAt")?,
            ip: text("ip"),
            agent: text("agent"),
        })
    }

    pub(super) fn info(self, current: Option<&DocumentId>) -> SessionInfo {
        SessionInfo {
            current: current == Some(&self.id),
            id: self.id,
            user: self.user,
            method: self.method,
            created_at: self.created_at,
            last_used_at: self.last_used_at,
            expires_at: self.expires_at,
            ip: self.ip,
            agent: self.agent,
        }
    }

    fn to_data(&self) -> Map<String, Value> {
        let fields = json!({
            "user": self.user, "method": self.method, "mfa": self.mfa, "amr": self.amr,
            "authenticatedAt": self.authenticated_at, "lastUsedAt": self.last_used_at,
            "expiresAt": self.expires_at, "ip": self.ip, "agent": self.agent,
        });
        match fields {
            Value::Object(map) => map,
            _ => Map::new(),
        }
    }
}

/// The list of a user's sessions, oldest first.
fn list_key(user: &DocumentId) -> CellKey {
    CellKey::new("_user_sessions", user.as_str())
}

/// The counter of a session's refresh tokens.
pub(super) fn counter_key(session: &DocumentId) -> CellKey {
    CellKey::new("_refresh", session.as_str())
}

pub(super) fn document_read(session: &DocumentId) -> Read {
    Read::Document { collection: SESSIONS.clone(), id: session.clone() }
}

/// What opening and ending sessions of a user reads first.
pub(super) fn list_read(user: &DocumentId) -> Read {
    cell(&list_key(user))
}

pub(super) fn list(tx: &mut Tx<'_>, user: &DocumentId) -> Flow<Vec<DocumentId>> {
    let Some(value) = tx.cell(&list_key(user))? else { return Ok(Vec::new()) };
    serde_json::from_value(value).map_err(|error| Error::internal(error).into())
}

/// A session that is there and has not ended.
pub(super) fn live(tx: &mut Tx<'_>, id: &DocumentId) -> Flow<Option<(Arc<Document>, Session)>> {
    let Some(document) = tx.document(&SESSIONS, id)? else { return Ok(None) };
    let session = Session::read(&document).ok_or_else(|| Error::internal("a session document is not readable"))?;
    Ok((session.expires_at > tx.now()).then_some((document, session)))
}

/// The sessions of a user that have not ended.
pub(super) fn all(tx: &mut Tx<'_>, user: &DocumentId) -> Flow<Vec<Session>> {
    let ids = list(tx, user)?;
    tx.need(ids.iter().map(document_read))?;
    let mut sessions = Vec::with_capacity(ids.len());
    for id in ids {
        sessions.extend(live(tx, &id)?.map(|(_, session)| session));
    }
    Ok(sessions)
}

/// Opens a session with its first refresh token (counter 1). Beyond `most` of a user the oldest ones end.
pub(super) fn open(tx: &mut Tx<'_>, session: &Session, most: usize) -> Flow<()> {
    let mut ids = list(tx, &session.user)?;
    let beyond = (ids.len() + 1).saturating_sub(most.max(1));
    let oldest: Vec<DocumentId> = ids.drain(..beyond).collect();
    tx.need(oldest.iter().chain([&session.id]).map(document_read))?;
    for id in &oldest {
        remove(tx, id)?;
    }
    tx.create(&SESSIONS, &session.id, session.to_data())?;
    put_counter(tx, session, Counter { value: 1, rotated_at: tx.now() });
    ids.push(session.id.clone());
    put_list(tx, &session.user, &ids);
    Ok(())
}

/// Notes that a session was used.
pub(super) fn touch(tx: &mut Tx<'_>, document: &Arc<Document>, session: &Session) {
    tx.update(&SESSIONS, document, session.to_data());
}

/// Removes a session of a user, also one that his list lost.
pub(super) fn clear(tx: &mut Tx<'_>, user: &DocumentId, id: &DocumentId) -> Flow<()> {
    let ids = list(tx, user)?;
    remove(tx, id)?;
    let kept: Vec<DocumentId> = ids.into_iter().filter(|one| one != id).collect();
    put_list(tx, user, &kept);
    Ok(())
}

/// Ends a session of a user, if it is one.
pub(super) fn end(tx: &mut Tx<'_>, user: &DocumentId, id: &DocumentId) -> Flow<bool> {
    end_where(tx, user, |one| one == id).map(|ended| ended > 0)
}

/// Ends the sessions of a user that `chosen` picks.
pub(super) fn end_where(tx: &mut Tx<'_>, user: &DocumentId, chosen: impl Fn(&DocumentId) -> bool) -> Flow<usize> {
    let (ended, kept): (Vec<_>, Vec<_>) = list(tx, user)?.into_iter().partition(chosen);
    if ended.is_empty() {
        return Ok(0);
    }
    tx.need(ended.iter().map(document_read))?;
    for id in &ended {
        remove(tx, id)?;
    }
    put_list(tx, user, &kept);
    Ok(ended.len())
}

fn remove(tx: &mut Tx<'_>, id: &DocumentId) -> Flow<()> {
    if let Some(document) = tx.document(&SESSIONS, id)? {
        tx.delete(&SESSIONS, &document);
    }
    tx.delete_cell(&counter_key(id));
    Ok(())
}

fn put_list(tx: &mut Tx<'_>, user: &DocumentId, ids: &[DocumentId]) {
    if ids.is_empty() { tx.delete_cell(&list_key(user)) } else { tx.put_cell(&list_key(user), json!(ids), None) }
}

/// Which refresh token of a session is the live one, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Counter {
    pub value: u32,
    pub rotated_at: Timestamp,
}

pub(super) fn counter(tx: &mut Tx<'_>, session: &DocumentId) -> Flow<Option<Counter>> {
    let Some(value) = tx.cell(&counter_key(session))? else { return Ok(None) };
    let read = || {
        let counter = u32::try_from(value.get("counter")?.as_u64()?).ok()?;
        Some(Counter { value: counter, rotated_at: Timestamp::from_millis(value.get("rotatedAt")?.as_i64()?) })
    };
    read().map(Some).ok_or_else(|| Error::internal("a refresh counter is not readable").into())
}

pub(super) fn put_counter(tx: &mut Tx<'_>, session: &Session, counter: Counter) {
    let value = json!({"counter": counter.value, "rotatedAt": counter.rotated_at.millis()});
    tx.put_cell(&counter_key(&session.id), value, Some(session.expires_at));
}
