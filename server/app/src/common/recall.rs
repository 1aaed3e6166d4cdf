//! A cache that can't hold what is known to be untrue.
//!
//! An entry is stamped with the generations of the names it depends on, taken *before* its value was read. Forgetting
//! a name raises its generation; an entry whose stamp is old is not given out. So a value that was read before a
//! change and put after it is never used, whatever the order of the threads.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use basalt_core::Timestamp;
use basalt_data::changes::Lag;
use quick_cache::sync::Cache;

/// Names share generations by their hash: a collision costs a read, never the truth.
const STRIPES: usize = 4_096;
/// While this node hears of changes later than this, nothing is remembered.
const DEAF: Duration = Duration::from_secs(2);

pub(crate) struct Recall<V> {
    cache: Cache<Box<str>, Entry<V>>,
    generations: Box<[AtomicU64]>,
    hasher: RandomState,
    lag: Lag,
}

#[derive(Clone)]
struct Entry<V> {
    value: V,
    stamp: Stamp,
}

/// The generations of two names at one moment.
#[derive(Clone, Copy)]
pub(crate) struct Stamp([(usize, u64); 2]);

impl<V: Clone> Recall<V> {
    pub(crate) fn new(capacity: usize, lag: Lag) -> Self {
        Self {
            cache: Cache::new(capacity),
            generations: (0..STRIPES).map(|_| AtomicU64::new(0)).collect(),
            hasher: RandomState::new(),
            lag,
        }
    }

    /// To be taken before the value is read.
    pub(crate) fn stamp(&self, names: [&str; 2]) -> Stamp {
        Stamp(names.map(|name| {
            let stripe = self.stripe(name);
            (stripe, self.generations[stripe].load(Ordering::SeqCst))
        }))
    }

    pub(crate) fn get(&self, key: &str, now: Timestamp) -> Option<V> {
        if self.lag.behind(now) > DEAF {
            return None;
        }
        let entry = self.cache.get(key)?;
        let holds = |(stripe, generation): (usize, u64)| self.generations[stripe].load(Ordering::SeqCst) == generation;
        entry.stamp.0.into_iter().all(holds).then_some(entry.value)
    }

    pub(crate) fn put(&self, key: &str, value: V, stamp: Stamp) {
        self.cache.insert(key.into(), Entry { value, stamp });
    }

    /// Everything that depends on the name is read anew.
    pub(crate) fn forget(&self, name: &str) {
        self.generations[self.stripe(name)].fetch_add(1, Ordering::SeqCst);
    }

    /// Everything is read anew.
    pub(crate) fn reset(&self) {
        for generation in &self.generations {
            generation.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn stripe(&self, name: &str) -> usize {
        #[expect(clippy::cast_possible_truncation, reason = "reduced to the number of stripes")]
        let hash = self.hasher.hash_one(name) as usize;
        hash % STRIPES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn recall() -> Recall<u32> {
        Recall::new(8, Lag::new(NOW))
    }

    #[test]
    fn what_is_forgotten_is_not_given_out() {
        let recall = recall();
        recall.put("s1", 1, recall.stamp(["u1", "s1"]));
        assert_eq!(recall.get("s1", NOW), Some(1));
        recall.forget("u1");
        assert_eq!(recall.get("s1", NOW), None);
        recall.put("s1", 2, recall.stamp(["u1", "s1"]));
        recall.reset();
        assert_eq!(recall.get("s1", NOW), None);
    }

    #[test]
    fn a_value_read_before_a_change_and_put_after_it_is_not_given_out() {
        let recall = recall();
        let stamp = recall.stamp(["u1", "s1"]);
        recall.forget("s1");
        recall.put("s1", 1, stamp);
        assert_eq!(recall.get("s1", NOW), None);
    }

    #[test]
    fn a_node_that_is_behind_the_log_remembers_nothing() {
        let recall = recall();
        recall.put("s1", 1, recall.stamp(["u1", "s1"]));
        assert_eq!(recall.get("s1", NOW.plus(DEAF)), Some(1));
        assert_eq!(recall.get("s1", NOW.plus(Duration::from_secs(3))), None);
    }
}
