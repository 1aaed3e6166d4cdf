//! Reading one document: it and what its rule looks up, in one read transaction; the rule is asked in memory.

use std::sync::Arc;

use basalt_core::{Document, DocumentId, Error};
use basalt_store::{Catalog, Decide, Origin, Read, Step, View, Writes};

use super::state::State;
use crate::collections::Compiled;
use crate::rules::{Binding, Facts, ReadVerdict, Readable};

pub(super) struct Get {
    pub compiled: Arc<Compiled>,
    pub catalog: Arc<Catalog>,
    pub binding: Binding,
    pub id: DocumentId,
}

impl Decide for Get {
    type Out = Readable<Document>;

    fn epoch(&self) -> Option<u64> {
        Some(self.compiled.epoch)
    }

    fn step(&mut self, view: &View) -> Step<Self::Out> {
        let state = State::new(view, &self.catalog);
        let collection = &self.compiled.name;
        let document = match Facts::document(&state, collection, &self.id) {
            None => return Step::Need(vec![Read::Document { collection: collection.clone(), id: self.id.clone() }]),
            Some(None) => return Step::Refuse(Error::document_not_found()),
            Some(Some(document)) => (**document).clone(),
        };
        match self.compiled.rules.read(&self.binding, document, &state) {
            ReadVerdict::Readable(document) => Step::Done(self.nothing(), document),
            ReadVerdict::Hidden(denial) => Step::Refuse(denial.into_error(self.binding.caller())),
            ReadVerdict::Need(reads) => Step::Need(reads),
        }
    }
}

impl Get {
    fn nothing(&self) -> Writes {
        let caller = self.binding.caller();
        let origin = Origin { actor: caller.actor(), request_id: caller.request.id.clone(), at: caller.request.time };
        Writes { documents: Vec::new(), cells: Vec::new(), jobs: Vec::new(), origin }
    }
}
