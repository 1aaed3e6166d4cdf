//! A document that isn't there yet.

use std::sync::Arc;

use basalt_core::{ChangeOp, Code, Document, Error};
use serde_json::{Map, Value};

use super::answer::answer;
use super::conform::conform;
use super::execute::{Needs, authorize, check_open, effect, react, unique};
use super::operation::{Context, Effect, EffectKind, Prepared};
use super::sight::{Sight, check_condition, check_preconditions, precondition_failed};
use crate::documents::behaviour::BuiltInWrite;
use crate::documents::state::{Decided, State, Stop};
use crate::rules::Operation;

/// Whether the id is taken. That it is may be told (ids are no secrets), but only to who may create here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    No,
    Yes,
}

impl Taken {
    pub(super) fn by(sight: &Sight) -> Self {
        match sight {
            Sight::Absent => Self::No,
            Sight::Hidden | Sight::Seen(_) => Self::Yes,
        }
    }
}

pub(super) fn create(
    prepared: &Prepared<'_>,
    context: &Context<'_>,
    state: &mut State<'_>,
    fields: Map<String, Value>,
    taken: Taken,
) -> Decided<Effect> {
    let compiled = prepared.compiled;
    check_open(prepared, context, ChangeOp::Create)?;
    check_preconditions(prepared, None)?;
    check_condition(prepared, context, None)?;
    let asked = make(prepared, context, conform(compiled, fields)?);
    let judged = Value::Object(asked.to_flat());
    compiled.check_protected(None, Some(&judged))?;
    let next = match prepared.pin.and_then(|pin| pin.replaced.clone()) {
        None => asked,
        Some(replaced) => make(prepared, context, conform(compiled, replaced)?),
    };
    let flat = judged_fields(prepared, judged, &next);
    compiled.check_protected(None, Some(&flat))?;
    let mut needs = Needs::default();
    let cells = needs.ask(authorize(prepared, context, state, Operation::Create { next: &flat }))?;
    if taken == Taken::Yes {
        needs.finish()?;
        return Err(Stop::Refuse(if prepared.operation.if_none_match.is_some() {
            precondition_failed("The document is there, against If-None-Match.")
        } else {
            Error::new(Code::DocumentExists, "There is a document with this id already.")
        }));
    }
    needs.ask(unique(prepared, context, state, &next, None))?;
    let extra = needs.ask(react(prepared, context, state, BuiltInWrite::Create { next: &next }))?;
    let next = Arc::new(next);
    state.put(compiled, Arc::clone(&next), None);
    state.add_cells(cells.unwrap_or_default());
    state.add_extra(extra.unwrap_or_default());
    let body = needs.ask(answer(prepared, context, state, &next))?;
    needs.finish()?;
    Ok(Effect { after: Some(Arc::clone(&next)), ..effect(EffectKind::Created, &next, body.flatten()) })
}

fn make(prepared: &Prepared<'_>, context: &Context<'_>, data: Map<String, Value>) -> Document {
    let operation = prepared.operation;
    let (id, rev) = (operation.id.clone(), operation.rev.clone());
    let created_at = operation.given.created_at.unwrap_or(context.now);
    let updated_at = operation.given.updated_at.unwrap_or(context.now).max(created_at);
    Document { id, rev, created_at, updated_at, data }
}

/// What rules judge of a hook's result: all of it, but for fields with a write rule that the caller left alone.
fn judged_fields(prepared: &Prepared<'_>, asked: Value, next: &Document) -> Value {
    if prepared.pin.is_none_or(|pin| pin.replaced.is_none()) {
        return asked;
    }
    let mut flat = next.to_flat();
    for (field, rules) in &prepared.compiled.rules.fields {
        if rules.write.is_some() && asked.get(field).is_none() {
            flat.remove(field);
        }
    }
    Value::Object(flat)
}
