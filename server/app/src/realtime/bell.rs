//! Waking connections: one call to each thread that serves some, however many of them are meant.
//!
//! A wake-up from another thread costs a call of the system; thousands of them, for one change, cost more than what is
//! sent. So who gets something is put on the list of the thread that serves him, and that thread wakes its own.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use tokio::sync::Notify;

/// The bell of one thread; its clones are the same.
#[derive(Clone, Default)]
pub struct Bell(Arc<Inner>);

#[derive(Default)]
struct Inner {
    /// Each connection is on it once at most: its waker is taken when it is put there.
    waiting: Mutex<Vec<Waker>>,
    rung: Notify,
}

impl Bell {
    pub fn new() -> Self {
        Self::default()
    }

    /// Wakes whom it was rung for, without end; to be run on the thread that serves them.
    pub async fn run(&self) {
        let mut woken = Vec::new();
        loop {
            self.0.rung.notified().await;
            std::mem::swap(&mut *self.waiting(), &mut woken);
            woken.drain(..).for_each(Waker::wake);
            // The lists of rare crowds are not kept.
            woken.shrink_to(KEPT);
        }
    }

    pub(super) fn ring(&self, waker: Waker) {
        let mut waiting = self.waiting();
        waiting.push(waker);
        let is_first = waiting.len() == 1;
        drop(waiting);
        if is_first {
            self.0.rung.notify_one();
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Waker>> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Places of a list that stay.
const KEPT: usize = 1_024;

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Wake};

    use super::*;

    struct Counter(AtomicUsize);

    impl Wake for Counter {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn all_who_wait_are_woken_by_one_ring() {
        let (bell, counter) = (Bell::new(), Arc::new(Counter(AtomicUsize::new(0))));
        let mut run = std::pin::pin!(bell.run());
        let mut context = Context::from_waker(Waker::noop());
        for round in 1..=2 {
            for _ in 0..3 {
                bell.ring(Waker::from(Arc::clone(&counter)));
            }
            assert!(run.as_mut().poll(&mut context).is_pending());
            assert_eq!(counter.0.load(Ordering::Relaxed), round * 3);
        }
    }
}
