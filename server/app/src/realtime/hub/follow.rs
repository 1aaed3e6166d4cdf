//! Following the log, and the definitions.

use std::sync::Arc;
use std::time::Duration;

use basalt_core::{Change, Code, Seq};
use tokio::time::Instant;

use super::super::feed::{News, Passed, Waiting, end_of};
use super::super::metrics;
use super::super::queries::commits;
use super::Hub;

impl Hub {
    /// Takes what the tailer handed over; what is missing in between is read from the log.
    pub(super) async fn follow(&mut self) {
        let Waiting { news, gap, reset, .. } = self.handover.take();
        if reset {
            self.start_anew();
        }
        if gap {
            self.catch_up().await;
        }
        for news in news {
            match news {
                News::Batch(batch) => self.take_in(&batch),
                News::Passed(passed) => self.pass(passed),
            }
        }
    }

    fn take_in(&mut self, batch: &[Arc<Change>]) {
        let position = self.tail.position();
        if let Some(end) = end_of(batch).filter(|end| *end > position) {
            self.tail.skip_to(end);
            self.apply(batch, position);
        }
    }

    /// Passes over what came while nobody was here: who comes now reads what was there before him.
    fn pass(&mut self, Passed { end, count }: Passed) {
        if end > self.tail.position() {
            self.tail.skip_to(end);
            self.recent.forget(end);
            metrics::evaluated(0, count);
            // Nobody waits for anything.
            metrics::lag(Duration::ZERO);
        }
    }

    pub(super) fn pass_what_nobody_heard(&mut self) {
        if let Some(passed) = self.handover.passed() {
            self.pass(passed);
        }
    }

    /// Somebody is here: the log is followed from now on.
    pub(super) fn listen(&mut self) {
        self.handover.listen();
        self.pass_what_nobody_heard();
    }

    async fn catch_up(&mut self) {
        loop {
            let position = self.tail.position();
            match self.tail.next_if_any().await {
                Ok(batch) if batch.is_empty() => return,
                Ok(batch) => self.apply(&batch, position),
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
        self.reload_declared(Duration::ZERO);
        self.reconsider_everybody();
    }

    fn apply(&mut self, batch: &[Arc<Change>], position: Seq) {
        let known = batch.partition_point(|change| change.seq <= position);
        for commit in commits(&batch[known..]) {
            for change in commit {
                self.recent.note(change);
                self.reconsider(change);
                self.follow_in_channels(change);
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
