//! One operation, decided and applied to the state of its batch.

use std::collections::BTreeSet;

use basalt_core::document::{ID, OWN_FIELDS};
use basalt_core::{ChangeOp, Code, Document, Error, FieldError, FieldPath, Principal, key};
use basalt_expr::FieldTypes;
use basalt_store::{CellWrite, Read};
use serde_json::{Map, Value};

use super::answer::readable;
use super::check::check;
use super::create::{Taken, create};
use super::delete::delete;
use super::operation::{Act, Context, Effect, EffectKind, Prepared};
use super::sight::{Sight, look};
use super::update::{patch, replace};
use crate::documents::answer::Shown;
use crate::documents::behaviour::{BuiltInWrite, Extra, Reaction};
use crate::documents::patch::{self, Base};
use crate::documents::state::{Decided, State, Stop};
use crate::rules::{Operation, Verdict};

/// Decides one operation and applies it. On [`Stop::Need`] the state may hold what it is going to be if nothing
/// refuses it, so that the needs of later operations are known in the same round.
pub(crate) fn execute(prepared: &Prepared<'_>, context: &Context<'_>, state: &mut State<'_>) -> Decided<Effect> {
    let sight = look(prepared, context, state)?;
    if let (Some(pin), sight) = (prepared.pin, &sight) {
        let rev = match sight {
            Sight::Seen(seen) => Some(&seen.document.rev),
            Sight::Absent | Sight::Hidden => None,
        };
        if rev != pin.before.as_ref() {
            return Err(Stop::Moved);
        }
    }
    match &prepared.operation.act {
        Act::Check { exists } => check(prepared, context, *exists, sight),
        Act::Delete => match sight {
            Sight::Seen(seen) => delete(prepared, context, state, seen),
            Sight::Absent | Sight::Hidden => Err(not_found()),
        },
        Act::Create { body, .. } => {
            let fields = if prepared.draft.is_some() { Map::new() } else { own_body(prepared, body)? };
            create(prepared, context, state, fields, Taken::by(&sight))
        }
        Act::Put { body } => match sight {
            Sight::Seen(seen) => replace(prepared, context, state, &seen, own_body(prepared, body)?),
            absent => create(prepared, context, state, own_body(prepared, body)?, Taken::by(&absent)),
        },
        Act::Patch { patch: changes, upsert } => match sight {
            Sight::Seen(seen) => patch(prepared, context, state, &seen, changes),
            absent if *upsert => {
                let fields = patch_of_nothing(prepared, context, changes)?;
                create(prepared, context, state, fields, Taken::by(&absent))
            }
            Sight::Absent | Sight::Hidden => Err(not_found()),
        },
    }
}

fn not_found() -> Stop {
    Stop::Refuse(Error::document_not_found())
}

/// The user's fields of a body: its `id`, where it has one, is the document's; the server's other fields are ignored.
pub(super) fn own_body(prepared: &Prepared<'_>, body: &Map<String, Value>) -> Decided<Map<String, Value>> {
    patch::check_id(&prepared.operation.id, body.get(ID))?;
    let mut fields = body.clone();
    for own in OWN_FIELDS {
        fields.remove(own);
    }
    Ok(fields)
}

fn patch_of_nothing(
    prepared: &Prepared<'_>,
    context: &Context<'_>,
    changes: &patch::Patch,
) -> Decided<Map<String, Value>> {
    let id = &prepared.operation.id;
    let mut readable = Map::new();
    readable.insert(ID.to_owned(), id.as_str().into());
    let is_time = |path: &FieldPath| is_time(prepared, path);
    let base = Base { readable, unreadable: &BTreeSet::new(), now: context.now, is_time: &is_time };
    Ok(changes.apply(id, base)?.fields)
}

pub(super) fn is_time(prepared: &Prepared<'_>, path: &FieldPath) -> bool {
    prepared.compiled.times.is_time(path)
}

/// Whether generic doors write here at all, and whether there is a rule; asked before the body is looked at, so that
/// who may do nothing here learns nothing here.
pub(super) fn check_open(prepared: &Prepared<'_>, context: &Context<'_>, op: ChangeOp) -> Decided<()> {
    let compiled = prepared.compiled;
    let caller = context.binding.caller();
    let rules = &compiled.rules;
    let rule = match op {
        ChangeOp::Create => &rules.create,
        ChangeOp::Update => &rules.update,
        ChangeOp::Delete => &rules.delete,
    };
    let closed = if compiled.built_in { context.behaviours.of(&compiled.name).permits(op).err() } else { None };
    let open = rule.is_some() || caller.bypasses_rules(&compiled.name, prepared.operation.access())?;
    let refusal = match closed {
        None if open => return Ok(()),
        Some(error) => error,
        None => Error::new(Code::RuleMissing, "No rule of this collection allows this."),
    };
    let visitor = matches!(caller.principal, Principal::Visitor);
    Err(Stop::Refuse(if visitor { Error::unauthenticated() } else { refusal }))
}

/// Collects what several questions of one operation need, so that one round reads all of it.
#[derive(Default)]
pub(super) struct Needs(Vec<Read>);

impl Needs {
    /// The answer, or `None` where it is still open. A refusal counts once nothing before it is open.
    pub(super) fn ask<T>(&mut self, answer: Decided<T>) -> Decided<Option<T>> {
        match answer {
            Ok(answer) => Ok(Some(answer)),
            Err(Stop::Need(reads)) => {
                self.0.extend(reads);
                Ok(None)
            }
            Err(_) if !self.0.is_empty() => Ok(None),
            Err(stop) => Err(stop),
        }
    }

    pub(super) fn finish(self) -> Decided<()> {
        if self.0.is_empty() { Ok(()) } else { Err(Stop::Need(self.0)) }
    }
}

/// What the owner of a built-in collection adds to the batch.
pub(super) fn react(
    prepared: &Prepared<'_>,
    context: &Context<'_>,
    state: &State<'_>,
    write: BuiltInWrite<'_>,
) -> Decided<Extra> {
    if !prepared.compiled.built_in {
        return Ok(Extra::default());
    }
    let behaviour = context.behaviours.of(&prepared.compiled.name);
    match behaviour.react(context.binding.caller(), write, state) {
        Reaction::Go(extra) => Ok(extra),
        Reaction::Need(reads) => Err(Stop::Need(reads)),
        Reaction::Refuse(error) => Err(Stop::Refuse(error)),
    }
}

/// Asks the rules; the cells are the tokens that `limit()` took.
pub(super) fn authorize(
    prepared: &Prepared<'_>,
    context: &Context<'_>,
    state: &State<'_>,
    operation: Operation<'_>,
) -> Decided<Vec<CellWrite>> {
    match prepared.compiled.rules.authorize(context.binding, operation, state) {
        Verdict::Allow(permit) => Ok(permit.cells()),
        Verdict::Deny(denial) => Err(Stop::Refuse(denial.into_error(context.binding.caller()))),
        Verdict::Need(reads) => Err(Stop::Need(reads)),
    }
}

pub(super) fn unique(
    prepared: &Prepared<'_>,
    context: &Context<'_>,
    state: &State<'_>,
    next: &Document,
    previous: Option<&Document>,
) -> Decided<()> {
    let Some(index) = state.unique_conflict(prepared.compiled, next, previous)? else { return Ok(()) };
    let shown = readable(prepared, context, state, next)?;
    let error = Error::new(Code::UniqueConflict, "Another document has this value already.");
    let is_shown = |field: &&FieldPath| shown.as_ref().is_some_and(|shown| key::at(shown, field).is_some());
    let fields = index.spec.fields.iter().map(|field| &field.path);
    let faults = fields
        .filter(is_shown)
        .map(|field| FieldError::new(field.pointer(), Code::UniqueConflict.as_str(), "This value is taken."));
    Err(Stop::Refuse(error.with_errors(faults.collect())))
}

pub(super) fn effect(kind: EffectKind, after: &Document, body: Option<Shown>) -> Effect {
    let (id, rev) = (after.id.clone(), Some(after.rev.clone()));
    Effect { kind, id, rev, body, as_written: false, before: None, after: None }
}
