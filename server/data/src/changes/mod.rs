//! The change log, read: by readers in this process, and by durable ones that keep a cursor.
//!
//! Promises: a reader sees every change after its place, once each and in the order of the log, or is told that the
//! log no longer reaches back. Being woken late costs latency, never a change.

mod cursor;
mod follow;
mod tail;

use basalt_core::Seq;
use basalt_store::Store;

pub use cursor::CURSOR_SPACE;
pub use follow::{Lag, Reader};
pub use tail::Tail;

/// The log of this server; cheap to clone.
#[derive(Clone)]
pub struct Changes {
    store: Store,
}

impl Changes {
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// Where the log ends, as far as this node knows.
    pub fn end(&self) -> Seq {
        *self.store.log_end().borrow()
    }

    /// The changes after `since`, as they come.
    pub fn tail(&self, since: Seq) -> Tail {
        Tail::new(self.store.clone(), since)
    }
}
