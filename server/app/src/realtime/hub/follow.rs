//! Following the log, and the definitions.

use std::sync::Arc;

use basalt_core::{Change, Code};
use tokio::time::Instant;

use super::super::feed::{Waiting, end_of};
use super::super::metrics;
use super::super::queries::{ChangeRef, commits};
use super::Hub;

impl Hub {
    /// Takes what the tailer handed over; what is missing in between is read from the log.
    pub(super) async fn follow(&mut self) {
        let Waiting { batches, gap, reset } = self.handover.take();
        if reset {
            self.start_anew();
        }
        if gap {
            self.catch_up().await;
        }
        for batch in batches {
            let position = self.tail.position();
            let is_new = end_of(&batch).is_some_and(|end| end > position);
            if is_new {
                self.tail.skip_to(end_of(&batch).unwrap_or(position));
                self.apply(&batch, position);
            }
        }
    }

    async fn catch_up(&mut self) {
        loop {
            let position = self.tail.position();
            match self.tail.next_if_any().await {
                Ok(batch) if batch.is_empty() => return,
                Ok(batch) => self.apply(&Arc::from(batch), position),
                Err(error) if error.code() == Code::CursorExpired => return self.start_anew(),
                Err(error) => {
                    tracing::warn!(?error, "the log can't be read; live queries begin anew");
                    return self.start_anew();
                }
            }
        }
    }

    /// Changes were missed: every result is read anew, and everybody looked at.
    fn start_anew(&mut self) {
        self.tail = self.changes.tail(self.changes.end());
        self.recent.forget(self.tail.position());
        self.reconsider_all();
        self.queries.refresh_all(Instant::now());
        self.queries.decide_all();
        self.reload_declared(std::time::Duration::ZERO);
        self.reconsider_everybody();
    }

    fn apply(&mut self, batch: &Arc<[Change]>, position: basalt_core::Seq) {
        let changes: Vec<ChangeRef> =
            (0..batch.len()).map(|at| ChangeRef::new(batch, at)).filter(|change| change.get().seq > position).collect();
        for commit in commits(&changes) {
            for change in commit {
                self.recent.note(change.get());
                self.reconsider(change.get());
                self.follow_in_channels(change.get());
            }
            self.queries.commit(commit, Instant::now());
            self.grant_wishes();
        }
        if let Some(last) = batch.last() {
            metrics::lag(self.clock.now().since(last.at));
        }
    }

    /// Rules, or what they stand on, may be others now.
    pub(super) fn definitions_changed(&mut self) {
        self.catalog.borrow_and_update();
        self.queries.decide_all();
        self.reconsider_everybody();
    }
}
