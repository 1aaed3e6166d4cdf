//! Documents that rows look up, as far as they were asked for: kept until they change.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use basalt_core::truth::{Found, LookUps};
use basalt_core::{CollectionName, DocumentId};
use serde_json::{Map, Value};

/// Documents that one query keeps; with more it begins anew.
const MOST: usize = 1_000;

pub(crate) type Place = (CollectionName, DocumentId);
/// `None`: it isn't there.
pub(crate) type Answer = Option<Arc<Map<String, Value>>>;

#[derive(Default)]
pub(crate) struct Known {
    documents: HashMap<CollectionName, HashMap<DocumentId, Answer>>,
    count: usize,
}

impl Known {
    pub(crate) fn learn(&mut self, (collection, id): Place, answer: Answer) {
        if self.count >= MOST {
            *self = Self::default();
        }
        self.count += usize::from(self.documents.entry(collection).or_default().insert(id, answer).is_none());
    }

    pub(crate) fn forget(&mut self, collection: &CollectionName, id: &DocumentId) {
        let gone = self.documents.get_mut(collection).and_then(|documents| documents.remove(id));
        self.count -= usize::from(gone.is_some());
    }

    pub(crate) fn asked(&self) -> Asked<'_> {
        Asked { known: self, unknown: RefCell::default() }
    }
}

/// Answers from what is known, and notes what isn't.
pub(crate) struct Asked<'k> {
    known: &'k Known,
    unknown: RefCell<Vec<Place>>,
}

impl Asked<'_> {
    /// What was asked for and isn't known, each once.
    pub(crate) fn unknown(self) -> Vec<Place> {
        let mut places = self.unknown.into_inner();
        places.sort();
        places.dedup();
        places
    }
}

impl LookUps for Asked<'_> {
    fn find(&self, collection: &CollectionName, id: &str) -> Found<'_> {
        // No document has an id of another form, and rules find nothing in the system's collections.
        let Some(id) = DocumentId::parse(id).ok().filter(|_| !collection.is_system()) else { return Found::Missing };
        match self.known.documents.get(collection).and_then(|documents| documents.get(&id)) {
            Some(Some(document)) => Found::Document(document),
            Some(None) => Found::Missing,
            None => {
                self.unknown.borrow_mut().push((collection.clone(), id));
                Found::Unknown
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(id: &str) -> Place {
        (CollectionName::parse("rooms").unwrap(), DocumentId::parse(id).unwrap())
    }

    fn is_known(known: &Known, id: &str) -> bool {
        !matches!(known.asked().find(&place(id).0, id), Found::Unknown)
    }

    #[test]
    fn what_is_not_known_is_noted_once() {
        let mut known = Known::default();
        known.learn(place("a"), None);
        let asked = known.asked();
        for id in ["a", "b", "b", "no id"] {
            asked.find(&place("a").0, id);
        }
        asked.find(&CollectionName::parse("_sessions").unwrap(), "b");
        assert_eq!(asked.unknown(), [place("b")]);
        known.forget(&place("a").0, &place("a").1);
        assert!(!is_known(&known, "a"));
    }

    #[test]
    fn it_is_bounded() {
        let mut known = Known::default();
        for n in 0..=MOST {
            known.learn(place(&format!("r{n}")), None);
        }
        assert!(!is_known(&known, "r0") && is_known(&known, &format!("r{MOST}")));
    }
}
