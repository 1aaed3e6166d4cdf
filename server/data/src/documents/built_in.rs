//! Helpers for rooms that write documents of their own collections (users, sessions, …) in decisions of their own:
//! the same checks and the same bookkeeping as at the generic doors, without rules.

use std::collections::BTreeSet;
use std::sync::Arc;

use basalt_core::document::{ID, OWN_FIELDS, pointer_token};
use basalt_core::{Code, Document, DocumentId, Error, FieldError, FieldPath, Result, Rev, Timestamp};
use basalt_expr::{FieldTypes, Flat};
use basalt_store::{Catalog, DocumentWrite, NewJob, Read, View};
use serde_json::{Map, Value};

use super::input::PatchBody;
use super::patch::{Base, Patch};
use super::references::{holders_of, referenced, release_job};
use super::state::{State, Stop};
use super::write::conform;
use crate::collections::{Compiled, Referrer};

/// What a write is stamped with: drawn before the decision.
#[derive(Clone, Debug)]
pub struct Stamp {
    pub rev: Rev,
    pub now: Timestamp,
}

/// What a caller may say of his own fields (`data` at sign-up, the body of `PATCH /me`): the room's fields in it are
/// refused as `field_protected`, the server's own are ignored.
pub fn own_fields(compiled: &Compiled, mut data: Map<String, Value>) -> Result<Map<String, Value>> {
    for own in OWN_FIELDS {
        data.remove(own);
    }
    let fault = |field: &String| {
        let path = format!("/{}", pointer_token(field));
        FieldError::new(path, Code::FieldProtected.as_str(), "This field is the server's.")
    };
    let faults: Vec<FieldError> = data.keys().filter(|field| compiled.protected.contains(*field)).map(fault).collect();
    if faults.is_empty() {
        return Ok(data);
    }
    Err(Error::new(Code::FieldProtected, "Fields of the server can't be set here.").with_errors(faults))
}

/// A new document with all of its fields, the room's among them; checked by the collection's schema.
pub fn create(compiled: &Compiled, id: DocumentId, data: Map<String, Value>, stamp: &Stamp) -> Result<Document> {
    let data = conform(compiled, data)?;
    Ok(Document { id, rev: stamp.rev.clone(), created_at: stamp.now, updated_at: stamp.now, data })
}

/// The next version with these fields set (`None`: removed). The room's fields may be among them.
pub fn set(
    compiled: &Compiled,
    stored: &Document,
    fields: impl IntoIterator<Item = (String, Option<Value>)>,
    stamp: &Stamp,
) -> Result<Document> {
    let mut data = stored.data.clone();
    for (field, value) in fields {
        match value {
            Some(value) => data.insert(field, value),
            None => data.remove(&field),
        };
    }
    replace(compiled, stored, data, stamp)
}

/// Fields as they are stored: names and size checked, times in UTC, by the collection's schema.
pub fn conformed(compiled: &Compiled, data: Map<String, Value>) -> Result<Map<String, Value>> {
    conform(compiled, data)
}

/// The fields after a patch by who reads `readable` of the document: what he can't read stays as it is, unless he sets
/// it. Neither conformed nor judged yet.
pub fn patched(
    compiled: &Compiled,
    (stored, readable): (&Document, &Document),
    unreadable: &BTreeSet<String>,
    patch: PatchBody,
    now: Timestamp,
) -> Result<Map<String, Value>> {
    let is_time = |path: &FieldPath| compiled.times.is_time(path);
    let base = Base { readable: readable.to_flat(), unreadable, now, is_time: &is_time };
    let patched = Patch::parse(patch)?.apply(&stored.id, base)?;
    let mut fields = patched.fields;
    for (name, value) in &stored.data {
        if unreadable.contains(name) && !patched.overridden.contains(name) {
            fields.insert(name.clone(), value.clone());
        }
    }
    Ok(fields)
}

/// The next version by a patch of his own fields by who reads all of the document; the room's can't be changed.
pub fn patch_own(compiled: &Compiled, stored: &Document, patch: PatchBody, stamp: &Stamp) -> Result<Document> {
    let unreadable = BTreeSet::new();
    let is_time = |path: &FieldPath| compiled.times.is_time(path);
    let base = Base { readable: stored.to_flat(), unreadable: &unreadable, now: stamp.now, is_time: &is_time };
    let patched = Patch::parse(patch)?.apply(&stored.id, base)?;
    let next = replace(compiled, stored, patched.fields, stamp)?;
    compiled.check_protected(Some(Flat::default().of(stored)), Some(Flat::default().of(&next)))?;
    Ok(next)
}

fn replace(compiled: &Compiled, stored: &Document, data: Map<String, Value>, stamp: &Stamp) -> Result<Document> {
    debug_assert!(!data.contains_key(ID), "own fields are no data");
    let created_at = stored.created_at;
    Ok(Document {
        id: stored.id.clone(),
        rev: stamp.rev.clone(),
        created_at,
        updated_at: stamp.now.max(created_at),
        data: conform(compiled, data)?,
    })
}

/// The write of a document.
pub fn put(compiled: &Compiled, next: Document, previous: Option<&Arc<Document>>) -> DocumentWrite {
    let collection = compiled.name.clone();
    DocumentWrite::Put { collection, document: Arc::new(next), previous: previous.map(Arc::clone) }
}

/// What has to be read before a document is deleted: who refers to it so that it can't be.
pub fn deletion_reads(compiled: &Compiled, id: &DocumentId) -> Vec<Read> {
    compiled.restricting().map(|referrer| holders_of(referrer, id)).collect()
}

/// Refuses to delete what is referred to, by what [`deletion_reads`] found; the job that looks after the other
/// references belongs into the batch.
pub fn check_deletion(compiled: &Compiled, id: &DocumentId, view: &View, now: Timestamp) -> Result<Option<NewJob>> {
    let is_held = |referrer: &Referrer| {
        let is_another = |holder: &DocumentId| holder != id || referrer.collection != compiled.name;
        view.holders(&holders_of(referrer, id)).is_some_and(|holders| holders.iter().any(is_another))
    };
    if compiled.restricting().any(is_held) {
        return Err(referenced());
    }
    Ok(release_job(compiled, id, now))
}

/// Whether unique indexes allow a document.
pub enum Unique {
    Free,
    /// Undecided until these are read.
    Need(Vec<Read>),
    /// Another document has the values of these fields.
    Taken(Vec<FieldPath>),
}

/// Looks in the unique indexes of the collection, as far as they changed since `previous`.
pub fn check_unique(
    compiled: &Compiled,
    catalog: &Catalog,
    view: &View,
    next: &Document,
    previous: Option<&Document>,
) -> Unique {
    match State::new(view, catalog).unique_conflict(compiled, next, previous) {
        Ok(Some(index)) => Unique::Taken(index.spec.fields.iter().map(|field| field.path.clone()).collect()),
        Err(Stop::Need(reads)) => Unique::Need(reads),
        // Looking at indexes refuses nothing.
        Ok(None) | Err(Stop::Refuse(_) | Stop::Moved) => Unique::Free,
    }
}
