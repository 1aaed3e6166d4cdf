//! The end of a document.

use std::sync::Arc;

use basalt_core::ChangeOp;

use super::execute::{Needs, authorize, check_open, react};
use super::operation::{Context, Effect, EffectKind, Prepared};
use super::sight::{Seen, check_condition, check_preconditions};
use crate::documents::behaviour::BuiltInWrite;
use crate::documents::references::{referenced, release_job};
use crate::documents::state::{Decided, State, Stop};
use crate::rules::Operation;

pub(super) fn delete(
    prepared: &Prepared<'_>,
    context: &Context<'_>,
    state: &mut State<'_>,
    seen: Seen,
) -> Decided<Effect> {
    check_open(prepared, context, ChangeOp::Delete)?;
    check_preconditions(prepared, Some(&seen))?;
    check_condition(prepared, context, Some(&seen))?;
    let mut needs = Needs::default();
    let cells = needs.ask(authorize(prepared, context, state, Operation::Delete { doc: seen.doc() }))?;
    let referred = state.is_referred_to(prepared.compiled, &seen.document.id);
    if needs.ask(referred)?.unwrap_or(false) {
        needs.finish()?;
        return Err(Stop::Refuse(referenced()));
    }
    let extra = needs.ask(react(prepared, context, state, BuiltInWrite::Delete { doc: &seen.document }))?;
    state.delete(prepared.compiled, Arc::clone(&seen.document));
    state.add_cells(cells.unwrap_or_default());
    state.add_extra(extra.unwrap_or_default());
    state.add_jobs(release_job(prepared.compiled, &seen.document.id, context.now));
    needs.finish()?;
    let id = seen.document.id.clone();
    let before = Some(seen.document);
    Ok(Effect { kind: EffectKind::Deleted, id, rev: None, body: None, as_written: false, before, after: None })
}
