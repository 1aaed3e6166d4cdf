//! The stored document as the author of an operation sees it.

use std::collections::BTreeSet;
use std::sync::Arc;

use basalt_core::principal::Access;
use basalt_core::{Code, Document, Error, Result};
use basalt_expr::{Doc, Env, Flat, NoLookups, Outcome};
use serde_json::{Map, Value};

use super::operation::{Context, Prepared};
use crate::documents::state::{Decided, State, Stop};
use crate::rules::{ReadVerdict, Sees};

pub(super) enum Sight {
    Absent,
    /// There, but not for this caller.
    Hidden,
    Seen(Seen),
}

pub(super) struct Seen {
    pub document: Arc<Document>,
    flat: Flat,
    /// What of it the caller reads, flat, where that isn't all of it.
    masked: Option<Map<String, Value>>,
    /// The stored fields that he can't read.
    pub unreadable: BTreeSet<String>,
}

impl Seen {
    /// What the caller reads of the document, flat.
    pub(super) fn readable(&self) -> Map<String, Value> {
        self.masked.clone().unwrap_or_else(|| self.document.to_flat())
    }

    /// The same for who doesn't need the server's own fields.
    pub(super) fn readable_fields(&self) -> Map<String, Value> {
        self.masked.clone().unwrap_or_else(|| self.document.data.clone())
    }

    /// All of it.
    pub(super) fn doc(&self) -> Doc<'_> {
        self.flat.of(&self.document)
    }
}

/// Reads the document under the rules. Whom no rules bind sees all of it, for writing even without the right to read.
pub(super) fn look(prepared: &Prepared<'_>, context: &Context<'_>, state: &State<'_>) -> Decided<Sight> {
    let (operation, compiled) = (prepared.operation, prepared.compiled);
    let caller = context.binding.caller();
    let unbound = caller.bypasses_rules(&compiled.name, operation.access())?;
    if operation.tells() {
        caller.bypasses_rules(&compiled.name, Access::Read)?;
    }
    let Some(document) = state.stored(&compiled.name, &operation.id)? else { return Ok(Sight::Absent) };
    let flat = Flat::default();
    if unbound {
        return Ok(Sight::Seen(Seen { document, flat, masked: None, unreadable: BTreeSet::new() }));
    }
    match compiled.rules.sees(context.binding, flat.of(&document), state) {
        Sees::All => return Ok(Sight::Seen(Seen { document, flat, masked: None, unreadable: BTreeSet::new() })),
        Sees::Nothing => return Ok(Sight::Hidden),
        Sees::Need(reads) => return Err(Stop::Need(reads)),
        Sees::Part => {}
    }
    match compiled.rules.read(context.binding, (*document).clone(), state) {
        ReadVerdict::Need(reads) => Err(Stop::Need(reads)),
        ReadVerdict::Hidden(_) => Ok(Sight::Hidden),
        ReadVerdict::Readable(readable) => {
            let unreadable: BTreeSet<String> =
                document.data.keys().filter(|field| !readable.data.contains_key(*field)).cloned().collect();
            let masked = (!unreadable.is_empty()).then(|| readable.into_inner().into_flat());
            Ok(Sight::Seen(Seen { document, flat, masked, unreadable }))
        }
    }
}

/// `If-Match` and `If-None-Match` on a document that is there (for the caller) or isn't.
pub(super) fn check_preconditions(prepared: &Prepared<'_>, seen: Option<&Seen>) -> Result<()> {
    let rev = seen.map(|seen| seen.document.rev.as_str());
    let operation = prepared.operation;
    if let Some(tags) = &operation.if_match
        && !rev.is_some_and(|rev| tags.matches(rev))
    {
        return Err(precondition_failed("The document is not (or no longer) at the revision of If-Match."));
    }
    if let Some(tags) = &operation.if_none_match
        && rev.is_some_and(|rev| tags.matches(rev))
    {
        return Err(precondition_failed("The document is there, against If-None-Match."));
    }
    Ok(())
}

pub(super) fn precondition_failed(detail: &str) -> Error {
    Error::new(Code::PreconditionFailed, detail)
}

/// `where`, on what the caller reads of the stored document: what he can't read is missing for it.
pub(super) fn check_condition(prepared: &Prepared<'_>, context: &Context<'_>, seen: Option<&Seen>) -> Result<()> {
    let Some((expression, vars)) = prepared.condition else { return Ok(()) };
    let failed = || Error::new(Code::ConditionFailed, "The condition is not true of the stored document.");
    let seen = seen.ok_or_else(failed)?;
    let doc = Value::Object(seen.readable());
    let outcome = expression.evaluate(&Env {
        auth: &Value::Null,
        request: Some(context.binding.request()),
        doc: Some((&doc).into()),
        next: None,
        vars: Some(vars),
        params: None,
        message: None,
        input: None,
        lookups: &NoLookups,
        limiter: None,
    });
    match outcome {
        Outcome::True => Ok(()),
        Outcome::False | Outcome::Limited | Outcome::Need(_) => Err(failed()),
        Outcome::Error(why) => Err(failed().caused_by(why)),
    }
}
