//! How much may be said: tokens that come back with the time.

use std::time::Duration;

use basalt_core::{Code, Error, Result, Timestamp};

/// Of one connection: messages a second, and at once.
pub(crate) const OF_CONNECTION: Rate = Rate { every: Duration::from_millis(33), burst: 60 };
/// Of one channel on one node.
pub(crate) const OF_CHANNEL: Rate = Rate { every: Duration::from_millis(2), burst: 1_000 };

#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    every: Duration,
    burst: u32,
}

/// Kept as the time at which it is full again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bucket {
    full_at: Timestamp,
}

impl Bucket {
    pub(crate) fn new() -> Self {
        Self { full_at: Timestamp::from_millis(0) }
    }

    /// As good as a new one.
    pub(crate) fn is_full(self, now: Timestamp) -> bool {
        self.full_at <= now
    }

    pub(crate) fn take(&mut self, rate: Rate, now: Timestamp) -> Result<()> {
        let next = self.full_at.max(now).plus(rate.every);
        let over = next.since(now).saturating_sub(rate.every * rate.burst);
        if over.is_zero() {
            self.full_at = next;
            return Ok(());
        }
        Err(Error::new(Code::RateLimited, "Too many messages; send fewer a second.").retry_after(over))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_and_then_as_many_as_come_back() {
        let (rate, mut bucket) = (Rate { every: Duration::from_millis(100), burst: 3 }, Bucket::new());
        let mut at = |millis: i64| bucket.take(rate, Timestamp::from_millis(1_000_000 + millis)).is_ok();
        assert!(at(0) && at(0) && at(0) && !at(0) && !at(50));
        assert!(at(100) && !at(100));
        assert!(at(10_000) && at(10_000) && at(10_000) && !at(10_000));
    }
}
