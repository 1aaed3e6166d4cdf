//! The document of an answer: as its caller may read it.

use basalt_core::Document;
use serde_json::{Map, Value};

use super::operation::{Context, Prepared};
use crate::documents::state::{Decided, State, Stop};
use crate::rules::ReadVerdict;

/// The flat document with the fields that the caller reads; `None` where he may not read it.
pub(super) fn readable(
    prepared: &Prepared<'_>,
    context: &Context<'_>,
    state: &State<'_>,
    document: &Document,
) -> Decided<Option<Map<String, Value>>> {
    match prepared.compiled.rules.read(context.binding, document.clone(), state) {
        ReadVerdict::Readable(document) => Ok(Some(document.into_inner().into_flat())),
        ReadVerdict::Hidden(_) => Ok(None),
        ReadVerdict::Need(reads) => Err(Stop::Need(reads)),
    }
}

/// The same, with the wanted fields alone.
pub(super) fn answer(
    prepared: &Prepared<'_>,
    context: &Context<'_>,
    state: &State<'_>,
    document: &Document,
) -> Decided<Option<Map<String, Value>>> {
    let flat = readable(prepared, context, state, document)?;
    Ok(match &prepared.operation.select {
        Some(selection) => flat.map(|flat| selection.apply(flat)),
        None => flat,
    })
}
