//! Work that is done after the commit that caused it: at least once, under a lease, retried with growing pauses.
//!
//! Promises: a job is done, or tried again, or kept as dead; never lost. A job that fails or hangs holds nobody else
//! up, but for those that share its order key. Stopping finishes what is under way.

mod backoff;
mod dead;
mod runner;

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use basalt_core::Timestamp;
use basalt_store::jobs::Job;

pub use dead::DEAD_SPACE;
pub use runner::{Runner, RunnerOptions};

/// How long a job is its doer's at a time; while he is at it that is renewed.
const HELD: Duration = Duration::from_secs(15);

/// What became of one try.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    Done,
    /// To be tried again: at `at`, or after the usual pause; dead after [`Handler::tries`].
    Retry {
        at: Option<Timestamp>,
        error: String,
    },
    /// Never to be tried again; kept for inspection.
    Dead {
        error: String,
    },
}

pub type JobFuture<'a> = Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;

/// Does the jobs of one kind. A job may come twice (its doer may have died before saying so), so doing it again has to
/// be harmless.
pub trait Handler: Send + Sync {
    fn run<'a>(&'a self, job: &'a Job) -> JobFuture<'a>;

    /// How long one try may take; afterwards it is given up and another node may take the job. A node that dies is
    /// taken over from sooner: what is done for long is held a little at a time.
    fn lease(&self) -> Duration {
        Duration::from_mins(1)
    }

    /// Tries before a job is dead: the usual pauses make eight of them about an hour.
    fn tries(&self) -> u32 {
        8
    }
}

/// The handlers of this node, by kind.
#[derive(Clone, Default)]
pub struct Handlers(BTreeMap<&'static str, Arc<dyn Handler>>);

impl Handlers {
    #[must_use]
    pub fn with(mut self, kind: &'static str, handler: Arc<dyn Handler>) -> Self {
        self.0.insert(kind, handler);
        self
    }

    fn get(&self, kind: &str) -> Option<&Arc<dyn Handler>> {
        self.0.get(kind)
    }

    /// Kinds that are claimed together, for so long at first.
    fn by_lease(&self) -> BTreeMap<Duration, Vec<&'static str>> {
        let mut groups: BTreeMap<Duration, Vec<&'static str>> = BTreeMap::new();
        for (kind, handler) in &self.0 {
            groups.entry(handler.lease().min(HELD)).or_default().push(kind);
        }
        groups
    }
}
