//! The world outside: the one real clock, the one real source of randomness, and the environment.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use basalt_core::random::Random;
use basalt_core::{Clock, Timestamp};
use rand::Rng as _;

/// What a node needs of the world; tests hand in their own.
#[derive(Clone)]
pub struct Outside {
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Random>,
    /// What `"${NAME}"` in a manifest stands for.
    pub environment: Arc<BTreeMap<String, String>>,
    /// The binary that runs functions when it is called with `worker`.
    pub worker: PathBuf,
}

impl Outside {
    pub fn real() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
            environment: Arc::new(environment()),
            // This very binary, even where its file has been replaced by a newer one meanwhile.
            worker: PathBuf::from("/proc/self/exe"),
        }
    }
}

/// The variables that are texts.
fn environment() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        #[expect(clippy::disallowed_methods, reason = "this is the one real clock")]
        let now = SystemTime::now();
        let millis = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
        Timestamp::from_millis(i64::try_from(millis).unwrap_or(i64::MAX))
    }
}

struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) {
        #[expect(clippy::disallowed_methods, reason = "this is the one real source of randomness")]
        rand::rng().fill_bytes(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_and_randomness_are_real() {
        let outside = Outside::real();
        assert!(outside.clock.now() > Timestamp::parse("2026-01-01T00:00:00Z").unwrap());
        let draw = || basalt_core::random::bytes::<16>(&*outside.random);
        assert_ne!(draw(), draw());
    }
}
