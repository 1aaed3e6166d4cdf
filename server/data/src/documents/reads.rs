//! What a decision is known to read. The store lets one ask four times; look-ups that lead to further ones may take
//! more, so what one try learned is read at once by the next.

use basalt_core::Error;
use basalt_store::{Read, View};

/// How often the store lets a decision ask.
const ROUNDS: usize = 4;
/// Tries of one use case: beyond what the ten look-ups of an expression can take.
pub(super) const TRIES: usize = 8;

#[derive(Clone, Debug)]
pub(super) struct Reads {
    known: Vec<Read>,
    /// How many of them are read in any case.
    certain: usize,
    asked: usize,
}

impl Reads {
    pub(super) fn new(certain: impl IntoIterator<Item = Read>) -> Self {
        let known: Vec<Read> = certain.into_iter().collect();
        Self { certain: known.len(), known, asked: 0 }
    }

    /// Those that the view lacks, if it does: always all of them together.
    pub(super) fn missing(&mut self, view: &View) -> Option<Vec<Read>> {
        if self.known[..self.certain].iter().any(|read| !view.holds(read)) {
            // The decision begins anew.
            self.asked = 0;
        }
        let missing: Vec<Read> = self.known.iter().filter(|read| !view.holds(read)).cloned().collect();
        if missing.is_empty() {
            return None;
        }
        self.asked += 1;
        Some(missing)
    }

    /// What to ask for; `None` when the store lets one ask no more: then the next try begins with all of it.
    pub(super) fn ask(&mut self, reads: Vec<Read>) -> Option<Vec<Read>> {
        self.known.extend(reads.iter().cloned());
        if self.asked >= ROUNDS {
            self.asked = 0;
            return None;
        }
        self.asked += 1;
        Some(reads)
    }
}

/// After the last try.
pub(super) fn too_deep() -> Error {
    Error::internal("the rules of a request look up ever more documents")
}
