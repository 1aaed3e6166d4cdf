//! Room `schedules`: functions that run at times.
//!
//! Promises: a tick is decided once over all nodes, in one commit that also enqueues its run; ticks that no node was
//! there for are made up for by one run, or left out, as declared. A run that fails is tried again like an event, then
//! kept as a dead letter. What became of the last [`state::KEPT`] runs is told.

mod declare;
mod definition;
mod runs;
mod state;
mod tick;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use basalt_core::filter::Filter;
use basalt_core::{Caller, Code, Document, DocumentId, Error, Result, Timestamp};
use basalt_data::events::Receiver;
use basalt_data::manifest::ScheduleSection;
use basalt_store::{CellKey, List};
use tokio::sync::Mutex;

use crate::common::names::SCHEDULES;
use crate::common::{Cron, Db, rights};
use state::State;
use tick::Watch;

pub use declare::{Change, Origin};
pub use runs::{FAMILY, ScheduledRuns};
pub use state::{Run, RunState};

/// Schedules of one server.
const MOST: usize = 500;

/// Schedules that come with something else: port of this room, implemented over the functions that are deployed.
pub trait Brought: Send + Sync {
    /// By their names, which are the functions'.
    fn schedules(&self) -> Vec<(String, ScheduleSection)>;
}

/// What the room stands on.
pub struct SchedulesParts {
    pub db: Db,
    pub brought: Arc<dyn Brought>,
    /// Who runs functions.
    pub receiver: Arc<dyn Receiver>,
}

/// The room; cheap to clone.
#[derive(Clone)]
pub struct Schedules(Arc<Inner>);

struct Inner {
    parts: SchedulesParts,
    watch: Mutex<Watch>,
    /// The functions of the schedules that this node knows, by the schedules' names.
    functions: RwLock<HashMap<String, String>>,
}

/// Where a schedule comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// It was declared: by the admin API or an app's manifest.
    Declared { created_at: Timestamp, updated_at: Timestamp },
    /// It is a function's own.
    Function,
}

/// A schedule as operators see it.
#[derive(Clone, Debug, PartialEq)]
pub struct ScheduleInfo {
    pub name: String,
    pub schedule: ScheduleSection,
    pub source: Source,
    /// `None`: it is switched off.
    pub next_run_at: Option<Timestamp>,
    pub last_run: Option<Run>,
}

/// One of those that there are.
#[derive(Clone, Debug)]
struct Known {
    name: String,
    schedule: ScheduleSection,
    source: Source,
}

impl Schedules {
    pub fn new(parts: SchedulesParts) -> Self {
        Self(Arc::new(Inner { parts, watch: Mutex::default(), functions: RwLock::default() }))
    }

    /// What does the runs: jobs of the family [`FAMILY`].
    pub fn runs_of_jobs(&self) -> Arc<ScheduledRuns> {
        Arc::new(ScheduledRuns::new(self.clone()))
    }

    /// All of them, by name.
    pub async fn list(&self, caller: &Caller) -> Result<Vec<ScheduleInfo>> {
        rights::admin_read(caller)?;
        let mut infos = Vec::new();
        for known in self.all(&self.0.parts.brought.schedules()).await? {
            infos.push(self.info(known).await?);
        }
        Ok(infos)
    }

    pub async fn get(&self, caller: &Caller, name: &str) -> Result<ScheduleInfo> {
        rights::admin_read(caller)?;
        self.info(self.known(name).await?).await
    }

    /// The last runs, the newest first.
    pub async fn runs(&self, caller: &Caller, name: &str) -> Result<Vec<Run>> {
        rights::admin_read(caller)?;
        self.known(name).await?;
        Ok(self.state(name).await?.runs)
    }

    /// `None`: this node knows of no such schedule.
    fn function_of(&self, name: &str) -> Option<String> {
        self.0.functions.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    fn learn<'a>(&self, all: impl Iterator<Item = &'a Known>) {
        let functions = all.map(|known| (known.name.clone(), known.schedule.function.clone())).collect();
        *self.0.functions.write().unwrap_or_else(PoisonError::into_inner) = functions;
    }

    fn db(&self) -> &Db {
        &self.0.parts.db
    }

    async fn info(&self, known: Known) -> Result<ScheduleInfo> {
        let Known { name, schedule, source } = known;
        let state = self.state(&name).await?;
        let cron = cron(&schedule).filter(|_| schedule.enabled);
        let next_run_at = cron.and_then(|cron| cron.next(self.db().now()));
        Ok(ScheduleInfo { name, schedule, source, next_run_at, last_run: state.runs.into_iter().next() })
    }

    async fn known(&self, name: &str) -> Result<Known> {
        self.all(&self.0.parts.brought.schedules())
            .await?
            .into_iter()
            .find(|known| known.name == name)
            .ok_or_else(not_found)
    }

    /// What was declared, and what functions bring; a declared one takes the place of a function's of its name.
    async fn all(&self, brought: &[(String, ScheduleSection)]) -> Result<Vec<Known>> {
        let documents = self.db().store().list(list()).await?.documents;
        let mut all = documents.iter().map(declared).collect::<Result<Vec<_>>>()?;
        for (name, schedule) in brought {
            if !all.iter().any(|known| known.name == *name) {
                all.push(Known { name: name.clone(), schedule: schedule.clone(), source: Source::Function });
            }
        }
        all.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(all)
    }

    async fn state(&self, name: &str) -> Result<State> {
        let cell = self.db().store().cell(&state_key(name)).await?;
        Ok(cell.map(|cell| State::parse(&cell.value)).unwrap_or_default())
    }
}

fn list() -> List {
    let limit = u32::try_from(MOST).unwrap_or(u32::MAX);
    List {
        collection: SCHEDULES.clone(),
        filter: Filter::True,
        search: None,
        sort: Vec::new(),
        limit,
        after: None,
        count: false,
    }
}

fn declared(document: &Document) -> Result<Known> {
    let Document { created_at, updated_at, .. } = *document;
    let schedule = definition::of_data(&document.data)?;
    Ok(Known { name: document.id.to_string(), schedule, source: Source::Declared { created_at, updated_at } })
}

/// `None`: it isn't valid (any more), which whoever declares is told before.
fn cron(schedule: &ScheduleSection) -> Option<Cron> {
    Cron::parse(&schedule.cron, definition::timezone(schedule)).ok()
}

fn state_key(name: &str) -> CellKey {
    CellKey::new("schedules", name)
}

fn id(name: &str) -> Result<DocumentId> {
    DocumentId::parse(name).map_err(|_| not_found())
}

fn not_found() -> Error {
    Error::new(Code::ScheduleNotFound, "There is no such schedule.")
}
