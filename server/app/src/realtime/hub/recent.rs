//! Which documents changed lately: what was read before a change and arrives after it is recognised as old.

use std::collections::VecDeque;

use basalt_core::{Change, CollectionName, DocumentId, Seq};

const KEPT: usize = 4_096;

pub(super) struct Recent {
    /// Everything after this place is in `changes`.
    floor: Seq,
    changes: VecDeque<(Seq, CollectionName, DocumentId)>,
}

impl Recent {
    pub(super) fn new(floor: Seq) -> Self {
        Self { floor, changes: VecDeque::with_capacity(KEPT) }
    }

    pub(super) fn note(&mut self, change: &Change) {
        if self.changes.len() == KEPT
            && let Some((seq, _, _)) = self.changes.pop_front()
        {
            self.floor = seq;
        }
        self.changes.push_back((change.seq, change.collection.clone(), change.id.clone()));
    }

    /// Nothing is known about what was before.
    pub(super) fn forget(&mut self, position: Seq) {
        self.floor = position;
        self.changes.clear();
    }

    /// Whether one of these changed after `since`, or may have.
    pub(super) fn touched<'a>(
        &self,
        since: Seq,
        mut documents: impl Iterator<Item = &'a (CollectionName, DocumentId)> + Clone,
    ) -> bool {
        if documents.clone().next().is_none() {
            return false;
        }
        if since < self.floor {
            return true;
        }
        documents
            .any(|(collection, id)| self.after(since).any(|(_, other, other_id)| collection == other && id == other_id))
    }

    /// Whether any document of a collection changed after `since`, or may have.
    pub(super) fn touched_in(&self, since: Seq, collection: &CollectionName) -> bool {
        since < self.floor || self.after(since).any(|(_, other, _)| collection == other)
    }

    fn after(&self, since: Seq) -> impl Iterator<Item = &(Seq, CollectionName, DocumentId)> {
        self.changes.iter().rev().take_while(move |(seq, _, _)| *seq > since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::common::sample;

    fn place(id: &str) -> (CollectionName, DocumentId) {
        (CollectionName::parse("rooms").unwrap(), DocumentId::parse(id).unwrap())
    }

    fn change(seq: Seq, id: &str) -> Change {
        sample::change(&place(id).0, id, seq)
    }

    #[test]
    fn what_changed_since_is_known_or_feared() {
        let mut recent = Recent::new(10);
        recent.note(&change(11, "a"));
        recent.note(&change(12, "b"));
        let touched = |since, id: &str| recent.touched(since, [place(id)].iter());
        assert!(touched(10, "a") && touched(11, "b"));
        assert!(!touched(11, "a") && !touched(12, "b") && !touched(10, "c"));
        assert!(recent.touched_in(11, &place("a").0) && !recent.touched_in(12, &place("a").0));
        assert!(touched(9, "c"), "what was before isn't known");
        assert!(!recent.touched(9, [].iter()), "nothing depends on nothing");
        for seq in 13..13 + KEPT as Seq {
            recent.note(&change(seq, "z"));
        }
        assert!(recent.touched(11, [place("a")].iter()));
    }
}
