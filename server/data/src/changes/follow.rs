use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use basalt_core::{Change, Clock, Code, Seq, Timestamp};
use tokio::sync::watch;

use super::Changes;
use super::tail::Tail;

/// How long a follower waits when the store can't be read.
const PAUSE: Duration = Duration::from_millis(200);
/// After changes have come, the next ones are left to gather this long: a steady writer's are then taken many at a time,
/// and he doesn't have to wake anybody for each of his commits. What comes after a rest is taken at once.
const GATHER: Duration = Duration::from_millis(2);

/// Something in this process that goes by the log: a cache that forgets, an index that follows.
pub trait Reader: Send {
    /// The next changes, shared with those who keep them.
    fn apply(&mut self, changes: &[Arc<Change>]);

    /// Changes were missed (the log no longer reaches back): everything that was learnt may be untrue.
    fn reset(&mut self);
}

/// Both, one after the other: what the first forgets at a change the second doesn't find any more.
impl<A: Reader, B: Reader> Reader for (A, B) {
    fn apply(&mut self, changes: &[Arc<Change>]) {
        self.0.apply(changes);
        self.1.apply(changes);
    }

    fn reset(&mut self) {
        self.0.reset();
        self.1.reset();
    }
}

/// How far a follower is behind the log; shared with those who have to know (caches, readiness).
#[derive(Clone, Debug)]
pub struct Lag(Arc<AtomicI64>);

impl Lag {
    /// Up to date as of `now`.
    pub fn new(now: Timestamp) -> Self {
        Self(Arc::new(AtomicI64::new(now.millis())))
    }

    /// The time since the follower last knew that it had seen everything.
    pub fn behind(&self, now: Timestamp) -> Duration {
        now.since(Timestamp::from_millis(self.0.load(Ordering::Acquire)))
    }

    fn caught_up(&self, at: Timestamp) {
        self.0.fetch_max(at.millis(), Ordering::AcqRel);
    }
}

impl Changes {
    /// Feeds a reader from `since` on until `stop` is true. A store that can't be read is waited for; `lag` grows
    /// meanwhile.
    pub async fn follow(
        &self,
        since: Seq,
        reader: &mut dyn Reader,
        clock: &dyn Clock,
        lag: &Lag,
        stop: watch::Receiver<bool>,
    ) {
        let mut tail = self.tail(since);
        let mut stopped = stop.clone();
        let fed = async {
            while !*stop.borrow() {
                step(self, &mut tail, reader, clock, lag).await;
            }
        };
        tokio::select! {
            () = fed => {}
            // A sender that is gone can't say stop any more, which is one.
            _ = stopped.wait_for(|stop| *stop) => {}
        }
    }
}

async fn step(changes: &Changes, tail: &mut Tail, reader: &mut dyn Reader, clock: &dyn Clock, lag: &Lag) {
    let asked_at = clock.now();
    match tail.read().await {
        Ok(batch) => {
            if !batch.changes.is_empty() {
                reader.apply(&batch.changes);
            }
            if batch.reaches_end {
                lag.caught_up(asked_at);
            }
            if batch.changes.is_empty() {
                tail.wait().await;
            } else {
                tokio::time::sleep(GATHER).await;
            }
        }
        Err(error) if error.code() == Code::CursorExpired => {
            tracing::warn!(position = tail.position(), "a reader of the log fell out of it and starts anew at its end");
            *tail = changes.tail(changes.end());
            reader.reset();
        }
        Err(error) => {
            tracing::warn!(?error, "the log can't be read");
            tokio::time::sleep(PAUSE).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lag_is_the_time_since_the_end_was_seen() {
        let lag = Lag::new(Timestamp::from_millis(1_000));
        assert_eq!(lag.behind(Timestamp::from_millis(3_500)), Duration::from_millis(2_500));
        lag.caught_up(Timestamp::from_millis(3_000));
        lag.caught_up(Timestamp::from_millis(2_000));
        assert_eq!(lag.behind(Timestamp::from_millis(3_500)), Duration::from_millis(500));
    }
}
