//! Answers that go on: how many there may be at once, how long one may wait, and when they end.

use std::sync::Arc;
use std::time::Duration;

use basalt_core::{Code, Error, Result};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// Streams and waiting requests at once, over all workers.
const MOST: usize = 2_000;
/// What a waiting request leaves of its time for its answer.
const RESERVE: Duration = Duration::from_secs(5);

/// Shared by all workers.
#[derive(Clone)]
pub(crate) struct Streams {
    seats: Arc<Semaphore>,
    stopping: watch::Receiver<bool>,
    request_time: Duration,
}

/// A place among the streams, given back on drop, that hears of the server's end.
pub(crate) struct Seat {
    stopping: watch::Receiver<bool>,
    _permit: OwnedSemaphorePermit,
}

impl Streams {
    pub(crate) fn new(stopping: watch::Receiver<bool>, request_time: Duration) -> Self {
        Self { seats: Arc::new(Semaphore::new(MOST)), stopping, request_time }
    }

    pub(crate) fn seat(&self) -> Result<Seat> {
        let full = |_| {
            let error = Error::new(Code::Overloaded, "Too many streams are open; try again in a moment.");
            error.retry_after(Duration::from_secs(1))
        };
        let permit = Arc::clone(&self.seats).try_acquire_owned().map_err(full)?;
        Ok(Seat { stopping: self.stopping.clone(), _permit: permit })
    }

    /// How long a request may wait that asks for so much: it has to be answered before its time is over.
    pub(crate) fn patience(&self, asked: Duration) -> Duration {
        asked.min(self.request_time.saturating_sub(RESERVE).max(self.request_time / 2))
    }
}

impl Seat {
    /// Until the server stops.
    pub(crate) async fn stopping(&mut self) {
        // Whoever could say so being gone is the end as well.
        let _ = self.stopping.wait_for(|stopping| *stopping).await;
    }

    pub(crate) fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_ends_before_the_request_does() {
        let (_sender, stopping) = watch::channel(false);
        let patience = |time, asked| {
            Streams::new(stopping.clone(), Duration::from_secs(time)).patience(Duration::from_secs(asked)).as_secs_f64()
        };
        assert!((patience(30, 10) - 10.0).abs() < 1e-9);
        assert!((patience(30, 30) - 25.0).abs() < 1e-9);
        assert!((patience(3, 30) - 1.5).abs() < 1e-9);
    }

    #[test]
    fn seats_are_counted_and_given_back() {
        let (_sender, stopping) = watch::channel(false);
        let streams = Streams::new(stopping, Duration::from_secs(30));
        let seats: Vec<Seat> = (0..MOST).map(|_| streams.seat().unwrap()).collect();
        assert_eq!(streams.seat().err().unwrap().code(), Code::Overloaded);
        drop(seats);
        assert!(!streams.seat().unwrap().is_stopping());
    }
}
