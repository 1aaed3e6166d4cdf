//! A document that isn't there yet.

use std::sync::Arc;

use basalt_core::{ChangeOp, Code, Document, Error, Result};
use serde_json::{Map, Value};

use super::answer::answer;
use super::conform::conform;
use super::execute::{Needs, authorize, check_open, effect, own_body, react, unique};
use super::operation::{Act, Context, Draft, Effect, EffectKind, Prepared};
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
    let asked = match prepared.draft {
        Some(draft) => draft.clone()?,
        None => Draft::new(make(prepared, context, conform(compiled, fields)?)),
    };
    compiled.check_protected(None, Some(&asked.flat))?;
    // What is written, and what rules judge of it.
    let (next, judged) = match prepared.pin.and_then(|pin| pin.replaced.clone()) {
        None => (asked.clone(), asked.flat),
        Some(replaced) => {
            let next = Draft::new(make(prepared, context, conform(compiled, replaced)?));
            let judged = Arc::new(judged_fields(prepared, &asked.flat, &next.flat));
            (next, judged)
        }
    };
    compiled.check_protected(None, Some(&judged))?;
    let mut needs = Needs::default();
    let cells = needs.ask(authorize(prepared, context, state, Operation::Create { next: &judged }))?;
    if taken == Taken::Yes {
        needs.finish()?;
        return Err(Stop::Refuse(if prepared.operation.if_none_match.is_some() {
            precondition_failed("The document is there, against If-None-Match.")
        } else {
            Error::new(Code::DocumentExists, "There is a document with this id already.")
        }));
    }
    let Draft { document: next, flat } = next;
    needs.ask(unique(prepared, context, state, &next, None))?;
    let extra = needs.ask(react(prepared, context, state, BuiltInWrite::Create { next: &next }))?;
    state.put(compiled, Arc::clone(&next), None);
    state.add_cells(cells.unwrap_or_default());
    state.add_extra(extra.unwrap_or_default());
    let body = needs.ask(answer(prepared, context, state, &next, &flat))?;
    needs.finish()?;
    Ok(Effect { after: Some(Arc::clone(&next)), ..effect(EffectKind::Created, &next, body.flatten()) })
}

impl Draft {
    fn new(document: Document) -> Self {
        let flat = Arc::new(Value::Object(document.to_flat()));
        Self { document: Arc::new(document), flat }
    }
}

/// What a create would write, where its caller may try to.
pub(crate) fn draft(prepared: &Prepared<'_>, context: &Context<'_>) -> Option<Result<Draft>> {
    let Act::Create { body } = &prepared.operation.act else { return None };
    check_open(prepared, context, ChangeOp::Create).ok()?;
    let fields = own_body(prepared, body).ok()?;
    Some(conform(prepared.compiled, fields).map(|fields| Draft::new(make(prepared, context, fields))))
}

fn make(prepared: &Prepared<'_>, context: &Context<'_>, data: Map<String, Value>) -> Document {
    let operation = prepared.operation;
    let (id, rev) = (operation.id.clone(), operation.rev.clone());
    let created_at = operation.given.created_at.unwrap_or(context.now);
    let updated_at = operation.given.updated_at.unwrap_or(context.now).max(created_at);
    Document { id, rev, created_at, updated_at, data }
}

/// What rules judge of a hook's result: all of it, but for fields with a write rule that the caller left alone.
fn judged_fields(prepared: &Prepared<'_>, asked: &Value, next: &Value) -> Value {
    let mut judged = next.clone();
    if let Value::Object(fields) = &mut judged {
        for (field, rules) in &prepared.compiled.rules.fields {
            if rules.write.is_some() && asked.get(field).is_none() {
                fields.remove(field);
            }
        }
    }
    judged
}
