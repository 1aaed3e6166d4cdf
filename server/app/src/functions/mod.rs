//! Room `functions`: the code of an app: what is deployed of it, and how it is called.
//!
//! Promises: a deploy is checked whole before anything of it is written, and takes effect at once; versions never
//! change; secrets are set and never shown; what is written down of calls slows none of them.

mod aliases;
mod calls;
mod catalog;
mod code;
mod config;
mod deploy;
mod hooks;
mod names;
mod records;
mod secrets;
mod stored;
mod tasks;
mod told;
mod usage;
mod versions;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use basalt_core::{DocumentId, Result, Seq};
use basalt_data::events::{Subscribers, Subscription};
use basalt_runtime::{Code, CodeId, FunctionRuntime};
use tokio::sync::Notify;

use self::code::Codes;
use self::secrets::Opened;
use self::usage::Usage;
use crate::common::{Db, MasterSecret, Sealer};

pub use aliases::Rollback;
pub use basalt_runtime::{Kind, LogLevel};
pub use calls::{Answer, Call, Calls, CallsParts, HostCall, Hosts, HttpAnswer, HttpBody, HttpCall, Json, Sessions};
pub use catalog::{Deployed, Function, Resolved, Scheduled, Version, Weighted, sticky};
pub use config::{CatchUp, FunctionConfig, Overlap, Remote, Schedule, Source, Trigger, UserEvent, ValueSchema};
pub use deploy::{ChangeOfFunction, DeployPlan, DeployRequest, DeployedBy, PlannedFunction, SETTINGS};
pub use hooks::{DocumentHooks, UserHooks};
pub use names::{AliasName, FunctionName, LIVE, SecretName, not_found};
pub use records::{
    FunctionLog, InvocationOutcome, InvocationPage, InvocationQuery, InvocationRecord, InvokedBy, LogEntry, LogQuery,
    LogTail, RecordedError, millis,
};
pub use secrets::{Redactor, SecretInfo, Secrets};
pub use stored::{Egress, Moved, Share};
pub use tasks::{INVOCATION, InvocationLanes, InvocationState, NewTask, TASK, TaskLanes, TaskState, When};
pub use told::VersionInfo;
pub use usage::{Amounts, UsageOfDay};

/// How long reading what is deployed waits when it failed.
const PAUSE: Duration = Duration::from_millis(200);

/// What is deployed; cheap to clone, all clones share it.
#[derive(Clone)]
pub struct Registry {
    inner: Arc<Inner>,
}

pub struct RegistryParts {
    pub db: Db,
    pub master: MasterSecret,
    pub runtime: Arc<dyn FunctionRuntime>,
}

struct Inner {
    db: Db,
    sealer: Sealer,
    runtime: Arc<dyn FunctionRuntime>,
    deployed: RwLock<Arc<Deployed>>,
    secrets: RwLock<Arc<Opened>>,
    codes: Codes,
    usage: Usage,
    /// Deploys of one node come one after the other: each is decided on what the one before did.
    deploying: tokio::sync::Mutex<()>,
    /// The log says that something was deployed, or that a secret was changed.
    news: Notify,
    stale: std::sync::Mutex<Stale>,
}

/// What has to be read anew.
#[derive(Default)]
struct Stale {
    /// What is deployed is older than this place in the log.
    deployed: Option<Seq>,
    secrets: bool,
}

impl Registry {
    /// Reads what is deployed.
    pub async fn open(parts: RegistryParts) -> Result<Self> {
        let RegistryParts { db, master, runtime } = parts;
        let registry = Self {
            inner: Arc::new(Inner {
                sealer: Sealer::new(&master, secrets::PURPOSE),
                db,
                runtime,
                deployed: RwLock::default(),
                secrets: RwLock::default(),
                codes: Codes::new(),
                usage: Usage::default(),
                deploying: tokio::sync::Mutex::default(),
                news: Notify::new(),
                stale: std::sync::Mutex::default(),
            }),
        };
        registry.reload().await?;
        registry.reload_secrets().await?;
        Ok(registry)
    }

    /// What is deployed now.
    pub fn deployed(&self) -> Arc<Deployed> {
        Arc::clone(&self.inner.deployed.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The version that a call of an alias (`live` where none is said) goes to; `draw` is of 0 to 99.
    pub fn resolve(&self, name: &str, alias: Option<&str>, draw: u32) -> Result<Resolved> {
        self.deployed().resolve(name, alias, draw)
    }

    pub async fn code(&self, id: &CodeId) -> Result<Arc<Code>> {
        self.inner.codes.get(&self.inner.db, id).await
    }

    /// What functions called by this alias see in `ctx.secrets`.
    pub fn secrets(&self, alias: &AliasName) -> Arc<Secrets> {
        self.opened().of(alias)
    }

    /// One secret's value, for those who sign with it.
    pub fn secret(&self, name: &SecretName, alias: &AliasName) -> Option<crate::Secret> {
        self.opened().value(name.as_str(), alias).map(crate::Secret::new)
    }

    /// Writes down a call that is over, and what it used. Never waits.
    pub fn record(&self, record: &InvocationRecord) {
        self.inner.usage.count(record);
        self.inner.db.store().record(record.to_record());
    }

    /// Writes down a line that a function logged. Never waits.
    pub fn log(&self, log: FunctionLog) {
        self.inner.db.store().record(log.into_record());
    }

    /// A new invocation's id, which says when it began.
    pub fn new_invocation(&self) -> DocumentId {
        self.inner.db.new_id()
    }

    /// The reader of the log that hears of deploys by other nodes.
    pub fn follow(&self) -> catalog::Follow {
        catalog::Follow(self.clone())
    }

    /// Reads anew what other nodes changed, whenever the log tells of it; ends with the node.
    pub async fn keep_up(&self) {
        loop {
            self.inner.news.notified().await;
            while let Err(error) = self.catch_up().await {
                tracing::warn!(?error, "what is deployed can't be read");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    /// Reads what is deployed.
    pub async fn reload(&self) -> Result<()> {
        let known = self.deployed();
        let loaded = catalog::load(&self.inner.db, &known).await?;
        for closed in loaded.closed {
            tracing::error!(version = closed, "a stored function is not valid: nobody can call it");
        }
        let mut deployed = self.inner.deployed.write().unwrap_or_else(PoisonError::into_inner);
        if loaded.deployed.since < deployed.since {
            return Ok(());
        }
        let former = std::mem::replace(&mut *deployed, Arc::new(loaded.deployed));
        let used = deployed.codes();
        for code in former.codes().difference(&used) {
            self.inner.runtime.evict(code);
        }
        Ok(())
    }

    async fn reload_secrets(&self) -> Result<()> {
        let opened = secrets::load(&self.inner.db, &self.inner.sealer).await?;
        *self.inner.secrets.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(opened);
        Ok(())
    }

    async fn catch_up(&self) -> Result<()> {
        let stale = std::mem::take(&mut *self.stale());
        let outcome = async {
            if stale.deployed.is_some_and(|seq| seq > self.deployed().since || seq == 0) {
                self.reload().await?;
            }
            if stale.secrets {
                self.reload_secrets().await?;
            }
            Ok(())
        };
        let outcome = outcome.await;
        if outcome.is_err() {
            let mut waiting = self.stale();
            waiting.deployed = waiting.deployed.max(stale.deployed);
            waiting.secrets |= stale.secrets;
        }
        outcome
    }

    /// The log tells of a change at this place; 0: changes of it were missed.
    fn changed(&self, seq: Seq) {
        let mut stale = self.stale();
        stale.deployed = stale.deployed.max(Some(seq));
        drop(stale);
        self.inner.news.notify_one();
    }

    fn secrets_changed(&self) {
        self.stale().secrets = true;
        self.inner.news.notify_one();
    }

    fn stale(&self) -> std::sync::MutexGuard<'_, Stale> {
        self.inner.stale.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn opened(&self) -> Arc<Opened> {
        Arc::clone(&self.inner.secrets.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Held while what is deployed is changed.
    async fn deploying(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.inner.deploying.lock().await
    }

    fn runtime(&self) -> &dyn FunctionRuntime {
        &*self.inner.runtime
    }

    fn db(&self) -> &Db {
        &self.inner.db
    }

    fn sealer(&self) -> &Sealer {
        &self.inner.sealer
    }
}

/// What functions want of events.
impl Subscribers for Registry {
    fn subscriptions(&self) -> Arc<Vec<Arc<Subscription>>> {
        self.deployed().subscriptions()
    }
}
