//! How many calls there are at once: of one function, and on this node. What has no place waits in a bounded queue,
//! not longer than it may take; before-hooks have places of their own, so that writes don't wait for calls.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use basalt_core::{Code, Error, Result};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Calls on this node.
const CALLS: usize = 2_048;
/// Before-hooks on this node.
const HOOKS: usize = 512;
/// The longest that a call waits for its turn.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) struct Gate {
    functions: Mutex<HashMap<Box<str>, Arc<Lane>>>,
    calls: Arc<Semaphore>,
    hooks: Arc<Semaphore>,
}

/// One function's places.
struct Lane {
    bounds: Bounds,
    places: Arc<Semaphore>,
    waiting: AtomicUsize,
}

/// What a function's version says of its calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    pub concurrency: usize,
    pub queue: usize,
    /// The longest that a call may take.
    pub timeout: Duration,
}

/// Whose places a call takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Call,
    Hook,
    /// Of a function that holds a place already: were it to wait for another, all could wait for each other.
    Nested,
}

/// A place; given back on drop.
#[derive(Debug)]
pub(super) struct Place {
    _function: OwnedSemaphorePermit,
    _node: Option<OwnedSemaphorePermit>,
}

impl Default for Gate {
    fn default() -> Self {
        let (calls, hooks) = (Arc::new(Semaphore::new(CALLS)), Arc::new(Semaphore::new(HOOKS)));
        Self { functions: Mutex::default(), calls, hooks }
    }
}

impl Gate {
    pub(super) async fn enter(&self, function: &str, bounds: Bounds, class: Class) -> Result<Place> {
        let lane = self.lane(function, bounds);
        let patience = PATIENCE.min(bounds.timeout);
        let waited = tokio::time::timeout(patience, async {
            let of_function = lane.place(function).await?;
            let node = match class {
                Class::Call => Some(&self.calls),
                Class::Hook => Some(&self.hooks),
                Class::Nested => None,
            };
            let of_node = match node {
                None => None,
                Some(places) => Some(Arc::clone(places).acquire_owned().await.map_err(Error::internal)?),
            };
            Ok(Place { _function: of_function, _node: of_node })
        });
        waited.await.unwrap_or_else(|_| Err(busy(function)))
    }

    /// Those of before are given back to where they came from when another version says other numbers.
    fn lane(&self, function: &str, bounds: Bounds) -> Arc<Lane> {
        let mut functions = self.functions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lane) = functions.get(function).filter(|lane| lane.bounds == bounds) {
            return Arc::clone(lane);
        }
        let places = Arc::new(Semaphore::new(bounds.concurrency));
        let lane = Arc::new(Lane { bounds, places, waiting: AtomicUsize::new(0) });
        // What was deleted leaves with those that nobody is in.
        if functions.len() >= 1_024 {
            functions.retain(|_, lane| Arc::strong_count(lane) > 1);
        }
        functions.insert(function.into(), Arc::clone(&lane));
        lane
    }
}

impl Lane {
    async fn place(&self, function: &str) -> Result<OwnedSemaphorePermit> {
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            return Ok(place);
        }
        let waiting = Waiting::begin(&self.waiting);
        if waiting.place > self.bounds.queue {
            return Err(busy(function));
        }
        Arc::clone(&self.places).acquire_owned().await.map_err(Error::internal)
    }
}

/// One that waits, counted for as long as it does.
struct Waiting<'a> {
    count: &'a AtomicUsize,
    place: usize,
}

impl<'a> Waiting<'a> {
    fn begin(count: &'a AtomicUsize) -> Self {
        Self { count, place: count.fetch_add(1, Ordering::Relaxed) + 1 }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}

pub(super) fn busy(function: &str) -> Error {
    let detail = format!("Too many calls of {function} are under way; try again in a moment.");
    Error::new(Code::FunctionBusy, detail).retry_after(Duration::from_secs(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(concurrency: usize, queue: usize, timeout: Duration) -> Bounds {
        Bounds { concurrency, queue, timeout }
    }

    #[tokio::test]
    async fn what_has_no_place_waits_in_a_bounded_queue_and_not_for_ever() {
        let (gate, one) = (Gate::default(), bounds(1, 1, Duration::from_secs(5)));
        let first = gate.enter("slow", one, Class::Call).await.unwrap();
        let second = gate.enter("slow", one, Class::Call);
        let mut second = std::pin::pin!(second);
        assert!(futures_util::poll!(&mut second).is_pending(), "it waits");
        let third = gate.enter("slow", one, Class::Call).await.unwrap_err();
        assert_eq!(third.code(), Code::FunctionBusy);
        assert!(third.retry_after_hint().is_some());
        gate.enter("other", one, Class::Call).await.unwrap();
        drop(first);
        let _second = second.await.unwrap();
        let short = bounds(1, 1, Duration::from_millis(10));
        let _only = gate.enter("short", short, Class::Call).await.unwrap();
        let late = gate.enter("short", short, Class::Call).await.unwrap_err();
        assert_eq!(late.code(), Code::FunctionBusy, "its time is over");
    }

    #[tokio::test]
    async fn before_hooks_have_places_when_calls_have_taken_all() {
        let (gate, many) = (Gate::default(), bounds(CALLS + 1, 0, Duration::from_millis(10)));
        let mut held = Vec::new();
        for _ in 0..CALLS {
            held.push(gate.enter("slow", many, Class::Call).await.unwrap());
        }
        assert!(gate.enter("slow", many, Class::Call).await.is_err());
        assert!(gate.enter("slow", many, Class::Nested).await.is_ok());
        assert!(gate.enter("guard", many, Class::Hook).await.is_ok());
    }
}
