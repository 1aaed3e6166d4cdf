//! The document of an answer: as its caller may read it.

use std::sync::Arc;

use basalt_core::Document;
use basalt_expr::{Doc, Flat};
use serde_json::{Map, Value};

use super::operation::{Context, Prepared};
use crate::documents::answer::Shown;
use crate::documents::state::{Decided, State, Stop};
use crate::rules::{NoFacts, ReadVerdict, Sees};

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

/// What its author reads of a document, where that rests on nothing else that is stored.
#[derive(Clone, Copy, Debug)]
pub(super) enum Told {
    Whole,
    Nothing,
}

/// `None` where it takes more than the document to tell.
pub(super) fn told(prepared: &Prepared<'_>, context: &Context<'_>, doc: Doc<'_>) -> Option<Told> {
    match prepared.compiled.rules.sees(context.binding, doc, &NoFacts) {
        Sees::All => Some(Told::Whole),
        Sees::Nothing => Some(Told::Nothing),
        Sees::Part | Sees::Need(_) => None,
    }
}

/// The same as [`readable`], with the wanted fields alone.
pub(super) fn answer(
    prepared: &Prepared<'_>,
    context: &Context<'_>,
    state: &State<'_>,
    document: &Arc<Document>,
    told: Option<Told>,
) -> Decided<Option<Shown>> {
    let sees = match told {
        Some(Told::Whole) => Sees::All,
        Some(Told::Nothing) => Sees::Nothing,
        None => prepared.compiled.rules.sees(context.binding, Flat::default().of(document), state),
    };
    let select = prepared.operation.select.as_ref();
    let selected = |flat: Map<String, Value>| match select {
        Some(selection) => Shown::Part(selection.apply(flat)),
        None => Shown::Part(flat),
    };
    match sees {
        Sees::All if select.is_none() => Ok(Some(Shown::Whole(Arc::clone(document)))),
        Sees::All => Ok(Some(selected(document.to_flat()))),
        Sees::Nothing => Ok(None),
        Sees::Part => Ok(readable(prepared, context, state, document)?.map(selected)),
        Sees::Need(reads) => Err(Stop::Need(reads)),
    }
}
