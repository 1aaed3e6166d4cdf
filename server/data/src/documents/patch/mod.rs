//! Patches: parsed at the door, applied within the decision on exactly the document that the commit changes.
//!
//! A patch sees what its caller may read. A field he can't read is as if it weren't there: it is kept unless the patch
//! names it, it can be set or unset (where rules let him), and what would have to read it (operators, merging into it,
//! JSON Patch's `test`, `copy`, `move`) is refused. A patch that changes nothing still is a write with a new revision.

mod json;
mod merge;
mod operator;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod vectors;

use std::collections::BTreeSet;

use basalt_core::document::ID;
use basalt_core::{Code, DocumentId, Error, FieldPath, Result, Timestamp};
use serde_json::{Map, Value};

use super::input::PatchBody;

/// A parsed patch.
#[derive(Clone, Debug)]
pub(crate) enum Patch {
    Merge(merge::MergePatch),
    Json(json::JsonPatch),
}

/// What a patch is applied to.
pub(crate) struct Base<'a> {
    /// The stored document as the patch's author reads it, flat; with the server's own fields where the patch
    /// [asks for them](Patch::asks_own_fields). For an upsert of what is missing: the `id` alone.
    pub readable: Map<String, Value>,
    /// The top-level fields that he can't read, whether they are there or not.
    pub unreadable: &'a BTreeSet<String>,
    pub now: Timestamp,
    /// Whether a field holds a time, whose text is compared in its stored form.
    pub is_time: &'a dyn Fn(&FieldPath) -> bool,
}

/// What a patch made: the readable fields as they now are, and which of the unreadable ones it set or removed.
#[derive(Debug, PartialEq)]
pub(crate) struct Patched {
    /// Without the server's own fields.
    pub fields: Map<String, Value>,
    /// Of the unreadable ones: those that the patch decided on. Those absent from `fields` are removed.
    pub overridden: BTreeSet<String>,
}

impl Patch {
    pub(crate) fn parse(body: PatchBody) -> Result<Self> {
        match body {
            PatchBody::Merge(map) => merge::MergePatch::parse(map).map(Self::Merge),
            PatchBody::Json(value) => json::JsonPatch::parse(value).map(Self::Json),
        }
    }

    /// Whether it asks what is stored (`test`): then the right to write isn't enough.
    pub(crate) fn tests(&self) -> bool {
        match self {
            Self::Merge(_) => false,
            Self::Json(patch) => patch.tests(),
        }
    }

    /// The top-level fields whose result depends on what is stored there.
    pub(crate) fn reading(&self) -> Vec<&str> {
        match self {
            Self::Merge(patch) => patch.reading(),
            // It fails alike where a field is missing and where it can't be read.
            Self::Json(_) => Vec::new(),
        }
    }

    /// Whether it makes a difference to it that the server's own fields are there.
    pub(crate) fn asks_own_fields(&self) -> bool {
        match self {
            Self::Merge(patch) => patch.names(ID),
            Self::Json(_) => true,
        }
    }

    pub(crate) fn apply(&self, id: &DocumentId, base: Base<'_>) -> Result<Patched> {
        let (mut fields, overridden) = match self {
            Self::Merge(patch) => patch.apply(base)?,
            Self::Json(patch) => patch.apply(base)?,
        };
        let given = match self {
            // Removed by `null`, which is no id.
            Self::Merge(patch) => patch.names(ID).then(|| fields.get(ID).unwrap_or(&Value::Null)),
            Self::Json(_) => fields.get(ID),
        };
        check_id(id, given)?;
        for own in basalt_core::document::OWN_FIELDS {
            fields.remove(own);
        }
        Ok(Patched { fields, overridden })
    }
}

/// A body's `id`, where it has one, is the path's.
pub(crate) fn check_id(id: &DocumentId, given: Option<&Value>) -> Result<()> {
    match given {
        None => Ok(()),
        Some(Value::String(text)) if text == id.as_str() => Ok(()),
        Some(_) => Err(Error::new(Code::IdMismatch, "The body's id is not the id of the document.")),
    }
}

fn bad_patch(detail: impl Into<String>) -> Error {
    Error::new(Code::BadPatch, detail)
}

/// A patch that would have to read what its author can't.
fn needs_reading(field: &str) -> Error {
    let detail = format!("Without the right to read the field {field:?} you can only set or unset it.");
    Error::new(Code::RuleDenied, detail)
}
