//! Work that is done after the commit that caused it: at least once, under a lease, retried with growing pauses.
//!
//! Promises: a job is done, or tried again, or kept as a dead letter; never lost. Each kind is a lane of its own, with a
//! bound of its own: what fails or hangs there holds nobody else up, but for those that share its order key. Stopping
//! finishes what is under way.

mod backoff;
mod dead;
mod flight;
mod runner;

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use basalt_core::Timestamp;
use basalt_store::jobs::Job;

pub use dead::{DEAD_LETTERS, DeadLetter};
pub use runner::{Runner, RunnerOptions};

/// How long a job is its doer's at a time; while he is at it that is renewed.
const HELD: Duration = Duration::from_secs(15);

/// What became of one try.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    Done,
    /// To be tried again: at `at`, or after the usual pause; dead after [`Lane::tries`].
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

/// How the jobs of one kind are done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lane {
    /// Under way at once on a node, up to [`Lane::CONCURRENCY_MAX`].
    pub concurrency: usize,
    /// Before a job is a dead letter.
    pub tries: u32,
    /// The longest that one try may take.
    pub timeout: Duration,
}

impl Lane {
    pub const CONCURRENCY_MAX: usize = 64;
    const DEFAULT_CONCURRENCY: usize = 16;
}

/// Does a family of kinds: `event/function/add` is of the family `event`, and `function/add` is the name of its lane.
/// Which lanes there are need not be known before: those that have jobs are asked about.
pub trait Lanes: Send + Sync {
    fn lane(&self, name: &str) -> Lane;

    fn run<'a>(&'a self, name: &'a str, job: &'a Job) -> JobFuture<'a>;

    /// A job of a lane has become a dead letter, under this id. May be told twice.
    fn died<'a>(
        &'a self,
        name: &'a str,
        job: &'a Job,
        letter: &'a DeadLetter,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        let _ = (name, job, letter);
        Box::pin(std::future::ready(()))
    }
}

/// The handlers of this node, by kind and by family.
#[derive(Clone, Default)]
pub struct Handlers {
    kinds: BTreeMap<&'static str, Arc<dyn Lanes>>,
    families: BTreeMap<&'static str, Arc<dyn Lanes>>,
}

impl Handlers {
    #[must_use]
    pub fn with(mut self, kind: &'static str, handler: Arc<dyn Handler>) -> Self {
        self.kinds.insert(kind, Arc::new(Single(handler)));
        self
    }

    /// All kinds `FAMILY/…`.
    #[must_use]
    pub fn with_family(mut self, family: &'static str, lanes: Arc<dyn Lanes>) -> Self {
        self.families.insert(family, lanes);
        self
    }

    /// Who does a kind, and what the kind is called among his.
    fn of<'a>(&self, kind: &'a str) -> Option<(&Arc<dyn Lanes>, &'a str)> {
        if let Some(lanes) = self.kinds.get(kind) {
            return Some((lanes, kind));
        }
        let (family, name) = kind.split_once('/')?;
        self.families.get(family).map(|lanes| (lanes, name))
    }
}

/// A family of one kind.
struct Single(Arc<dyn Handler>);

impl Lanes for Single {
    fn lane(&self, _: &str) -> Lane {
        // A try ends before a node of the version before would take the job over.
        let timeout = self.0.lease().mul_f64(0.9);
        Lane { concurrency: Lane::DEFAULT_CONCURRENCY, tries: self.0.tries(), timeout }
    }

    fn run<'a>(&'a self, _: &'a str, job: &'a Job) -> JobFuture<'a> {
        self.0.run(job)
    }
}
