//! Waiting for what happens behind an answer.

use std::future::Future;
use std::time::{Duration, Instant};

/// How long a test waits before it fails; after a kill a job comes back when its lease has run out.
const PATIENCE: Duration = Duration::from_secs(90);
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

/// Asks again and again until there is something.
pub async fn eventually<T, F>(what: &str, mut look: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let limit = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < limit, "waited in vain for {what}");
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
}
