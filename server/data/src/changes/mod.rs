//! The change log, read: by readers in this process, by durable ones that keep a cursor, and by services outside.
//!
//! Promises: a reader sees every change after its place, once each and in the order of the log, or is told that the
//! log no longer reaches back. Being woken late costs latency, never a change.

mod consumers;
mod cursor;
mod event;
mod feed;
mod follow;
mod measure;
mod place;
mod recent;
mod tail;

use basalt_core::Seq;
use basalt_store::Store;
use recent::Recent;

pub use basalt_store::READERS_SPACE as CURSOR_SPACE;
pub use consumers::{Consumer, ConsumerState, Moving};
pub use event::EventFilter;
pub use feed::{FEED_DEFAULT, FEED_MAX, Feed, FeedPage, FeedQuery};
pub use follow::{Lag, Reader};
pub use place::Since;
pub use tail::Tail;

/// The log of this server; cheap to clone.
#[derive(Clone)]
pub struct Changes {
    store: Store,
    recent: Recent,
}

impl Changes {
    pub fn new(store: Store) -> Self {
        Self { store, recent: Recent::default() }
    }

    /// The reader that keeps the last changes in memory for the feed. It has to be fed from `since` on.
    pub fn recent(&self, since: Seq) -> impl Reader + use<> {
        self.recent.begin(since);
        self.recent.clone()
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
