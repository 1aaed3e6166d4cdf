//! What becomes of references when the document that they lead to is deleted.
//!
//! Promises: what a `restrict` reference leads to can't be deleted, exactly, whoever writes meanwhile; `clear` and
//! `cascade` are done by a job of the deletion's own batch, in bounded steps that are logged like any write, and go on
//! after a crash. A document that came back under the same id keeps its references.

mod release;

use basalt_core::{Code, DocumentId, Error, FieldPath, Timestamp, key};
use basalt_store::{NewJob, Read};
use serde_json::{Map, Value, json};

use crate::collections::{Compiled, Referrer};

pub use release::Release;

/// The jobs that clear references and delete what refers.
pub const RELEASE: &str = "references";

/// The question who holds an id by a reference.
pub(super) fn holders_of(referrer: &Referrer, id: &DocumentId) -> Read {
    Read::Holders {
        collection: referrer.collection.clone(),
        path: referrer.path.clone(),
        held: referrer.held,
        id: id.clone(),
    }
}

/// Whether the fields hold an id at a path, by itself or in a list.
pub(super) fn holds(data: &Map<String, Value>, path: &FieldPath, id: &DocumentId) -> bool {
    match key::at(data, path) {
        Some(Value::String(text)) => text == id.as_str(),
        Some(Value::Array(items)) => items.iter().any(|item| item == id.as_str()),
        _ => false,
    }
}

pub(super) fn referenced() -> Error {
    Error::new(Code::Referenced, "Other documents refer to this one.")
}

/// The job of a deletion after which references have to be looked after.
pub(super) fn release_job(compiled: &Compiled, id: &DocumentId, now: Timestamp) -> Option<NewJob> {
    compiled.released().next()?;
    Some(NewJob {
        kind: RELEASE.into(),
        key: None,
        order_key: None,
        payload: json!({ "collection": compiled.name, "id": id }),
        run_at: now,
    })
}
