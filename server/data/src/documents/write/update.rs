//! A document that is there and stays.

use std::collections::BTreeSet;
use std::sync::Arc;

use basalt_core::document::pointer_token;
use basalt_core::{ChangeOp, Code, Document, Error, FieldError};
use basalt_expr::{Doc, Flat};
use serde_json::{Map, Value};

use super::answer::{answer, told};
use super::conform::{conform, without};
use super::execute::{Needs, authorize, check_open, effect, is_time, react, unique};
use super::operation::{Context, Effect, EffectKind, Prepared};
use super::sight::{Seen, check_condition, check_preconditions};
use crate::documents::behaviour::BuiltInWrite;
use crate::documents::patch::{Base, Patch};
use crate::documents::state::{Decided, State, Stop};
use crate::rules::{Operation, ReadVerdict};

/// The user's fields as the caller wants them, and those of them that he set without seeing what was there.
struct Wanted {
    fields: Map<String, Value>,
    blind: BTreeSet<String>,
}

pub(super) fn patch(
    prepared: &Prepared<'_>,
    context: &Context<'_>,
    state: &mut State<'_>,
    seen: &Seen,
    changes: &Patch,
) -> Decided<Effect> {
    check_may(prepared, context, seen)?;
    let mut unreadable = seen.unreadable.clone();
    unreadable.extend(unreadable_if_there(prepared, context, state, seen, changes)?);
    let base = Base {
        readable: if changes.asks_own_fields() { seen.readable() } else { seen.readable_fields() },
        unreadable: &unreadable,
        now: context.now,
        is_time: &|path| is_time(prepared, path),
    };
    let patched = changes.apply(&prepared.operation.id, base)?;
    let mut fields = patched.fields;
    for field in seen.unreadable.difference(&patched.overridden) {
        keep(&mut fields, seen, field);
    }
    let blind = patched.overridden.intersection(&seen.unreadable).cloned().collect();
    update(prepared, context, state, seen, Wanted { fields, blind })
}

/// What the caller can't read he can't mean to remove: it stays unless the body names it. So do the server's fields.
pub(super) fn replace(
    prepared: &Prepared<'_>,
    context: &Context<'_>,
    state: &mut State<'_>,
    seen: &Seen,
    mut fields: Map<String, Value>,
) -> Decided<Effect> {
    check_may(prepared, context, seen)?;
    let blind: BTreeSet<String> = seen.unreadable.iter().filter(|field| fields.contains_key(*field)).cloned().collect();
    for field in seen.unreadable.iter().chain(&prepared.compiled.protected) {
        if !fields.contains_key(field) {
            keep(&mut fields, seen, field);
        }
    }
    update(prepared, context, state, seen, Wanted { fields, blind })
}

fn check_may(prepared: &Prepared<'_>, context: &Context<'_>, seen: &Seen) -> Decided<()> {
    check_open(prepared, context, ChangeOp::Update)?;
    check_preconditions(prepared, Some(seen))?;
    check_condition(prepared, context, Some(seen))?;
    Ok(())
}

fn keep(fields: &mut Map<String, Value>, seen: &Seen, field: &str) {
    if let Some(value) = seen.document.data.get(field) {
        fields.insert(field.to_owned(), value.clone());
    }
}

/// Of the fields that a patch would read and that aren't there: those that the caller couldn't read if they were.
/// Otherwise an operator would tell whether they are.
fn unreadable_if_there(
    prepared: &Prepared<'_>,
    context: &Context<'_>,
    state: &State<'_>,
    seen: &Seen,
    changes: &Patch,
) -> Decided<Vec<String>> {
    let rules = &prepared.compiled.rules;
    let concerned = |field: &&str| {
        let has_rule = rules.fields.get(*field).is_some_and(|field| field.read.is_some());
        let path = basalt_core::FieldPath::from_names(vec![(*field).to_owned()]);
        !seen.document.data.contains_key(*field) && (has_rule || rules.is_hidden(&path))
    };
    let fields: Vec<&str> = changes.reading().into_iter().filter(concerned).collect();
    if fields.is_empty() {
        return Ok(Vec::new());
    }
    let mut probe = (*seen.document).clone();
    probe.data.extend(fields.iter().map(|field| ((*field).to_owned(), Value::Null)));
    match rules.read(context.binding, probe, state) {
        ReadVerdict::Need(reads) => Err(Stop::Need(reads)),
        ReadVerdict::Hidden(_) => Ok(fields.into_iter().map(str::to_owned).collect()),
        ReadVerdict::Readable(shown) => {
            Ok(fields.into_iter().filter(|field| !shown.data.contains_key(*field)).map(str::to_owned).collect())
        }
    }
}

fn update(
    prepared: &Prepared<'_>,
    context: &Context<'_>,
    state: &mut State<'_>,
    seen: &Seen,
    wanted: Wanted,
) -> Decided<Effect> {
    let compiled = prepared.compiled;
    let asked = conform_unless_denied(prepared, context, state, seen, wanted.fields)?;
    let asked = make(prepared, context, seen, asked);
    let mut needs = Needs::default();
    let mut authorized = |next: Doc<'_>| {
        let cells = needs.ask(authorize(prepared, context, state, Operation::Update { doc: seen.doc(), next }))?;
        needs.ask(authorize_blind(prepared, context, state, seen, next, &wanted.blind))?;
        Ok::<_, Stop>(cells)
    };
    let (next, cells, told) = match prepared.pin.and_then(|pin| pin.replaced.clone()) {
        None => {
            let flat = Flat::default();
            let next = flat.of(&asked);
            check_protected(prepared, seen, next, &wanted.blind)?;
            let (cells, told) = (authorized(next)?, told(prepared, context, next));
            (asked, cells, told)
        }
        Some(replaced) => {
            let flat = Flat::default();
            let asked = flat.of(&asked);
            check_protected(prepared, seen, asked, &wanted.blind)?;
            let next = make(prepared, context, seen, conform(compiled, replaced)?);
            let judged = judged_fields(prepared, seen, asked, &next);
            compiled.check_protected(Some(seen.doc()), Some(Doc::Flat(&judged)))?;
            (next, authorized(Doc::Flat(&judged))?, None)
        }
    };
    let previous = &seen.document;
    needs.ask(unique(prepared, context, state, &next, Some(previous)))?;
    let extra = needs.ask(react(prepared, context, state, BuiltInWrite::Update { doc: previous, next: &next }))?;
    let next = Arc::new(next);
    state.put(compiled, Arc::clone(&next), Some(Arc::clone(previous)));
    state.add_cells(cells.unwrap_or_default());
    state.add_extra(extra.unwrap_or_default());
    let body = needs.ask(answer(prepared, context, state, &next, told))?;
    needs.finish()?;
    let (before, after) = (Some(Arc::clone(previous)), Some(Arc::clone(&next)));
    Ok(Effect { before, after, ..effect(EffectKind::Updated, &next, body.flatten()) })
}

/// A fault of a document of which the caller can't read all tells something of the rest, so only who may write gets
/// to know it, and only of the part that he reads.
fn conform_unless_denied(
    prepared: &Prepared<'_>,
    context: &Context<'_>,
    state: &State<'_>,
    seen: &Seen,
    fields: Map<String, Value>,
) -> Decided<Map<String, Value>> {
    if seen.unreadable.is_empty() {
        return Ok(conform(prepared.compiled, fields)?);
    }
    conform(prepared.compiled, fields.clone()).map_err(|error| {
        let (next, flat) = (make(prepared, context, seen, fields), Flat::default());
        match authorize(prepared, context, state, Operation::Update { doc: seen.doc(), next: flat.of(&next) }) {
            Ok(_) => Stop::Refuse(without(error, &seen.unreadable)),
            Err(stop) => stop,
        }
    })
}

/// `updatedAt` is never before `createdAt`, whatever the clock did.
fn make(prepared: &Prepared<'_>, context: &Context<'_>, seen: &Seen, data: Map<String, Value>) -> Document {
    let given = prepared.operation.given;
    let created_at = given.created_at.unwrap_or(seen.document.created_at);
    Document {
        id: seen.document.id.clone(),
        rev: prepared.operation.rev.clone(),
        created_at,
        updated_at: given.updated_at.unwrap_or(context.now).max(created_at),
        data,
    }
}

/// The server's fields stay as they are; one that the caller can't read he can't even name, or he could guess it.
fn check_protected(prepared: &Prepared<'_>, seen: &Seen, next: Doc<'_>, blind: &BTreeSet<String>) -> Decided<()> {
    let compiled = prepared.compiled;
    let named: Vec<FieldError> = compiled
        .protected
        .intersection(blind)
        .map(|field| {
            let path = format!("/{}", pointer_token(field));
            FieldError::new(path, Code::FieldProtected.as_str(), "This field is the server's.")
        })
        .collect();
    if !named.is_empty() {
        let detail = "Fields of the server can't be changed here.";
        return Err(Stop::Refuse(Error::new(Code::FieldProtected, detail).with_errors(named)));
    }
    Ok(compiled.check_protected(Some(seen.doc()), Some(next))?)
}

/// Setting an unreadable field to the value that it has is judged as a change, or else the answer would tell a right
/// guess from a wrong one.
fn authorize_blind(
    prepared: &Prepared<'_>,
    context: &Context<'_>,
    state: &State<'_>,
    seen: &Seen,
    next: Doc<'_>,
    blind: &BTreeSet<String>,
) -> Decided<()> {
    let guessed: Vec<&String> = blind.iter().filter(|field| seen.doc().get(field) == next.get(field)).collect();
    if guessed.is_empty() {
        return Ok(());
    }
    let mut without = seen.doc().whole().clone();
    if let Value::Object(map) = &mut without {
        for field in guessed {
            map.remove(field);
        }
    }
    authorize(prepared, context, state, Operation::Update { doc: Doc::Flat(&without), next }).map(|_| ())
}

/// What rules judge of a hook's result: all of it, but for fields with a write rule that the caller left alone.
fn judged_fields(prepared: &Prepared<'_>, seen: &Seen, asked: Doc<'_>, next: &Document) -> Value {
    let mut flat = next.to_flat();
    for (field, rules) in &prepared.compiled.rules.fields {
        let stored = seen.doc().get(field);
        if rules.write.is_none() || stored != asked.get(field) {
            continue;
        }
        match stored {
            Some(stored) => flat.insert(field.clone(), stored.clone()),
            None => flat.remove(field),
        };
    }
    Value::Object(flat)
}
