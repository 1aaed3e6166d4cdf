//! Threads for guests: bounded, and shared so that a guest may take another one only while more are free than it has.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

#[derive(Clone)]
pub(super) struct Slots(Arc<Inner>);

struct Inner {
    most: usize,
    taken: Mutex<Taken>,
    freed: Notify,
}

#[derive(Default)]
struct Taken {
    all: usize,
    by: HashMap<String, usize>,
    waiting: usize,
}

/// One thread's worth; given back when it is dropped.
pub(super) struct Slot {
    slots: Slots,
    by: String,
}

impl Slots {
    pub(super) fn new(most: usize) -> Self {
        Self(Arc::new(Inner { most, taken: Mutex::default(), freed: Notify::new() }))
    }

    pub(super) async fn take(&self, by: &str) -> Slot {
        if let Some(slot) = self.try_take(by) {
            return slot;
        }
        self.taken().waiting += 1;
        let _waiting = Waiting(self);
        loop {
            let freed = self.0.freed.notified();
            if let Some(slot) = self.try_take(by) {
                return slot;
            }
            freed.await;
        }
    }

    /// Calls that run, and those that wait.
    pub(super) fn counts(&self) -> (usize, usize) {
        let taken = self.taken();
        (taken.all, taken.waiting)
    }

    fn try_take(&self, by: &str) -> Option<Slot> {
        let mut taken = self.taken();
        let mine = taken.by.get(by).copied().unwrap_or(0);
        if self.0.most - taken.all <= mine {
            return None;
        }
        taken.all += 1;
        *taken.by.entry(by.to_owned()).or_default() += 1;
        Some(Slot { slots: self.clone(), by: by.to_owned() })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.0.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut taken = self.slots.taken();
        taken.all -= 1;
        if let Some(mine) = taken.by.get_mut(&self.by) {
            *mine -= 1;
            if *mine == 0 {
                taken.by.remove(&self.by);
            }
        }
        drop(taken);
        // All look whether it is theirs: the one that has waited longest may not have it.
        self.slots.0.freed.notify_waiters();
    }
}

struct Waiting<'a>(&'a Slots);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.taken().waiting -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_guest_leaves_threads_for_the_others() {
        let slots = Slots::new(8);
        let take = |by: &str| std::iter::from_fn(|| slots.try_take(by)).collect::<Vec<_>>();
        let (a, b, c) = (take("a"), take("b"), take("c"));
        assert_eq!((a.len(), b.len(), c.len()), (4, 2, 1));
        drop(a);
        assert_eq!(slots.counts(), (3, 0));
        assert!(slots.try_take("c").is_some());
    }

    #[tokio::test]
    async fn who_waits_gets_what_is_given_back() {
        let slots = Slots::new(1);
        let first = slots.take("a").await;
        let second = slots.take("b");
        tokio::pin!(second);
        assert!(futures_util::poll!(&mut second).is_pending());
        assert_eq!(slots.counts(), (1, 1));
        drop(first);
        let _second = second.await;
        assert_eq!(slots.counts(), (1, 0));
    }
}
