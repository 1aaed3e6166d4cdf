//! A document that isn't there yet.

use std::sync::Arc;

use basalt_core::{ChangeOp, Code, Document, Error, Result};
use basalt_expr::{Doc, Flat};
use serde_json::{Map, Value};

use super::answer::{Told, answer, told};
use super::conform::conform;
use super::execute::{Needs, authorize, check_open, effect, own_body, react, unique};
use super::operation::{Act, Context, Draft, Effect, EffectKind, Prepared};
use super::sight::{Sight, check_condition, check_preconditions, precondition_failed};
use crate::documents::behaviour::BuiltInWrite;
use crate::documents::state::{Decided, State, Stop};
use crate::rules::{NoFacts, Operation, Verdict};

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
        None => Draft { document: Arc::new(make(prepared, context, conform(compiled, fields)?)), told: None },
    };
    let Draft { document: asked, told } = asked;
    // What is written, and what rules judge of it, where that isn't done.
    let flat = Flat::default();
    let (next, judged, told) = match prepared.pin.and_then(|pin| pin.replaced.clone()) {
        None => (asked, None, told),
        Some(replaced) => {
            let asked = flat.of(&asked);
            compiled.check_protected(None, Some(asked))?;
            let next = make(prepared, context, conform(compiled, replaced)?);
            let judged = judged_fields(prepared, asked, next.to_flat());
            (Arc::new(next), Some(judged), None)
        }
    };
    let flat = Flat::default();
    let judged = judged.as_ref().map_or_else(|| flat.of(&next), Doc::from);
    let mut needs = Needs::default();
    let mut cells = None;
    if told.is_none() {
        compiled.check_protected(None, Some(judged))?;
        cells = needs.ask(authorize(prepared, context, state, Operation::Create { next: judged }))?;
    }
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
    state.put(compiled, Arc::clone(&next), None);
    state.add_cells(cells.unwrap_or_default());
    state.add_extra(extra.unwrap_or_default());
    let body = needs.ask(answer(prepared, context, state, &next, told))?;
    needs.finish()?;
    Ok(Effect { after: Some(Arc::clone(&next)), ..effect(EffectKind::Created, &next, body.flatten()) })
}

/// What a create would write, where its caller may try to.
pub(crate) fn draft(prepared: &Prepared<'_>, context: &Context<'_>) -> Option<Result<Draft>> {
    let Act::Create { body, .. } = &prepared.operation.act else { return None };
    check_open(prepared, context, ChangeOp::Create).ok()?;
    let fields = own_body(prepared, body).ok()?;
    Some(conform(prepared.compiled, fields).map(|fields| {
        let document = make(prepared, context, fields);
        let told = allowed(prepared, context, Flat::default().of(&document));
        Draft { document: Arc::new(document), told }
    }))
}

/// Whether it may be created whatever else is stored; if so, what its author reads of it.
fn allowed(prepared: &Prepared<'_>, context: &Context<'_>, next: Doc<'_>) -> Option<Told> {
    prepared.compiled.check_protected(None, Some(next)).ok()?;
    match prepared.compiled.rules.authorize(context.binding, Operation::Create { next }, &NoFacts) {
        Verdict::Allow(permit) if !permit.takes_tokens() => told(prepared, context, next),
        Verdict::Allow(_) | Verdict::Deny(_) | Verdict::Need(_) => None,
    }
}

fn make(prepared: &Prepared<'_>, context: &Context<'_>, data: Map<String, Value>) -> Document {
    let operation = prepared.operation;
    let (id, rev) = (operation.id.clone(), operation.rev.clone());
    let created_at = operation.given.created_at.unwrap_or(context.now);
    let updated_at = operation.given.updated_at.unwrap_or(context.now).max(created_at);
    Document { id, rev, created_at, updated_at, data }
}

/// What rules judge of a hook's result: all of it, but for fields with a write rule that the caller left alone.
fn judged_fields(prepared: &Prepared<'_>, asked: Doc<'_>, mut next: Map<String, Value>) -> Value {
    for (field, rules) in &prepared.compiled.rules.fields {
        if rules.write.is_some() && asked.get(field).is_none() {
            next.remove(field);
        }
    }
    Value::Object(next)
}
