//! Reading one document: it and what its rule looks up, in one read transaction; the rule is asked in memory.

use std::sync::Arc;

use basalt_core::{Document, DocumentId, Error};
use basalt_store::{Catalog, Decide, Origin, Read, Step, View, Writes};

use super::reads::Reads;
use super::state::State;
use crate::collections::Compiled;
use crate::rules::{Binding, Facts, ReadVerdict, Readable};

#[derive(Clone)]
pub(super) struct Get {
    pub compiled: Arc<Compiled>,
    pub catalog: Arc<Catalog>,
    pub binding: Binding,
    pub id: DocumentId,
    pub reads: Reads,
}

pub(super) enum Got {
    Document(Readable<Document>),
    /// Look-ups led to ever further ones: to be decided anew with these, read at once.
    Again(Reads),
}

impl Decide for Get {
    type Out = Got;

    fn epoch(&self) -> Option<u64> {
        Some(self.compiled.epoch)
    }

    fn step(&mut self, view: &View) -> Step<Self::Out> {
        if let Some(missing) = self.reads.missing(view) {
            return Step::Need(missing);
        }
        let state = State::new(view, &self.catalog);
        let Some(Some(document)) = Facts::document(&state, &self.compiled.name, &self.id) else {
            return Step::Refuse(Error::document_not_found());
        };
        let document = (**document).clone();
        match self.compiled.rules.read(&self.binding, document, &state) {
            ReadVerdict::Readable(document) => Step::Done(self.nothing(), Got::Document(document)),
            ReadVerdict::Hidden(denial) => Step::Refuse(denial.into_error(self.binding.caller())),
            ReadVerdict::Need(reads) => match self.reads.ask(reads) {
                Some(reads) => Step::Need(reads),
                None => Step::Done(self.nothing(), Got::Again(self.reads.clone())),
            },
        }
    }
}

impl Get {
    pub(super) fn new(compiled: Arc<Compiled>, catalog: Arc<Catalog>, binding: Binding, id: DocumentId) -> Self {
        let place = Read::Document { collection: compiled.name.clone(), id: id.clone() };
        Self { compiled, catalog, binding, id, reads: Reads::new([place]) }
    }

    fn nothing(&self) -> Writes {
        let caller = self.binding.caller();
        let origin = Origin { actor: caller.actor(), request_id: caller.request.logged(), at: caller.request.time };
        Writes { documents: Vec::new(), cells: Vec::new(), jobs: Vec::new(), origin }
    }
}
