//! Ticks: when each schedule is due, and who of the nodes decides it.

use std::collections::BTreeMap;
use std::time::Duration;

use basalt_core::{Caller, Result, Seq, Timestamp};
use basalt_data::manifest::{CatchUp, Overlap, ScheduleSection};
use tokio::sync::watch;
use tokio::time::Instant;

use super::state::{Run, RunState, State};
use super::{Known, Schedules, cron, definition, runs};
use crate::common::{Cron, Tx, rights};

/// How often it is looked what is due.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// A tick that is decided later than this was missed.
const LATE: Duration = Duration::from_mins(1);
/// How often they are read anew while something is written.
const READ_EVERY: Duration = Duration::from_secs(1);

/// What a node knows of when to do what.
#[derive(Default)]
pub(super) struct Watch {
    /// The log's end when the schedules were read last, and when that was.
    read: Option<(Seq, Instant)>,
    /// What functions brought then.
    brought: Vec<(String, ScheduleSection)>,
    /// By name.
    watched: BTreeMap<String, Watched>,
}

/// A schedule whose times are worked out.
struct Watched {
    known: Known,
    print: String,
    cron: Cron,
    next: Next,
}

#[derive(Clone, Copy)]
enum Next {
    /// Not looked up yet.
    Unknown,
    At(Timestamp),
    Never,
}

impl From<Option<Timestamp>> for Next {
    fn from(at: Option<Timestamp>) -> Self {
        at.map_or(Self::Never, Self::At)
    }
}

/// What became of a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Decided {
    /// Its run is enqueued.
    Enqueued,
    /// The run before goes on, or the tick was missed and isn't made up for.
    LeftOut,
    /// Another node has decided it, or it is of another declaration.
    Elsewhere,
}

impl Schedules {
    /// Ticks until `stop` is true.
    pub async fn run(&self, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            if let Err(error) = self.look(READ_EVERY).await {
                tracing::warn!(?error, "schedules can't be looked at");
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                changed = stop.changed() => if changed.is_err() { break },
            }
        }
    }

    /// Enqueues the runs that are due now, and says how many this node enqueued.
    pub async fn tick(&self) -> Result<usize> {
        self.look(Duration::ZERO).await
    }

    /// `aged`: how old what is known has to be to be read anew.
    async fn look(&self, aged: Duration) -> Result<usize> {
        let mut watch = self.0.watch.lock().await;
        let now = self.db().now();
        let end = *self.db().store().log_end().borrow();
        let brought = self.0.parts.brought.schedules();
        let stale = watch.read.is_none_or(|(seq, at)| seq != end && at.elapsed() >= aged);
        if stale || watch.brought != brought {
            watch.learn(self.all(&brought).await?);
            (watch.read, watch.brought) = (Some((end, Instant::now())), brought);
            self.learn(watch.watched.values().map(|watched| &watched.known));
        }
        let mut enqueued = 0;
        for watched in watch.watched.values_mut() {
            match self.look_at(watched, now).await {
                Ok(Decided::Enqueued) => enqueued += 1,
                Ok(Decided::LeftOut | Decided::Elsewhere) => {}
                Err(error) => tracing::warn!(?error, schedule = watched.known.name, "a schedule can't tick"),
            }
        }
        Ok(enqueued)
    }

    /// A run now, whatever else goes on; its id.
    pub async fn run_now(&self, caller: &Caller, name: &str) -> Result<String> {
        rights::admin_write(caller)?;
        let known = self.known(name).await?;
        let id = format!("{name}.{}", self.db().new_id());
        let (run, drawn) = (known, id.clone());
        let decide = move |tx: &mut Tx<'_>| {
            let mut state = State::of(tx, &run.name)?;
            let entry = Run::new(drawn.clone(), tx.now(), true);
            tx.enqueue(runs::job(&run.name, &run.schedule, &entry, tx.now())?);
            state.add(entry);
            state.write(tx, &run.name);
            Ok(())
        };
        self.db().commit(caller, decide).await?;
        Ok(id)
    }

    async fn look_at(&self, watched: &mut Watched, now: Timestamp) -> Result<Decided> {
        if let Next::Unknown = watched.next {
            watched.next = self.first(watched).await?;
        }
        let due = matches!(watched.next, Next::At(at) if at <= now);
        let Some(tick) = watched.cron.last(now).filter(|_| due) else { return Ok(Decided::LeftOut) };
        let decided = self.decide(&watched.known, &watched.print, tick, now).await?;
        watched.next = match decided {
            // Of what stands there by now.
            Decided::Elsewhere => self.first(watched).await?,
            Decided::Enqueued | Decided::LeftOut => watched.cron.next(now).into(),
        };
        Ok(decided)
    }

    /// When a schedule is due that this node has not met before. Under a new declaration ticks count from now on.
    async fn first(&self, watched: &Watched) -> Result<Next> {
        let Watched { known, print, cron, .. } = watched;
        let state = self.state(&known.name).await?;
        let from = match state.tick {
            Some(tick) if state.print == *print => tick,
            _ => self.begin(known, print).await?,
        };
        Ok(if known.schedule.enabled { cron.next(from).into() } else { Next::Never })
    }

    async fn begin(&self, known: &Known, print: &str) -> Result<Timestamp> {
        let (name, print) = (known.name.clone(), print.to_owned());
        let decide = move |tx: &mut Tx<'_>| {
            let mut state = State::of(tx, &name)?;
            match state.tick {
                Some(tick) if state.print == print => Ok(tick),
                _ => {
                    state.tick = Some(tx.now());
                    state.print.clone_from(&print);
                    state.write(tx, &name);
                    Ok(tx.now())
                }
            }
        };
        let system = Caller::system(self.db().now());
        self.db().commit(&system, decide).await.map(|outcome| outcome.value)
    }

    async fn decide(&self, known: &Known, print: &str, tick: Timestamp, now: Timestamp) -> Result<Decided> {
        let (known, print) = (known.clone(), print.to_owned());
        let missed = now.since(tick) >= LATE && known.schedule.catch_up == CatchUp::None;
        let decide = move |tx: &mut Tx<'_>| {
            let mut state = State::of(tx, &known.name)?;
            if state.print != print || state.tick.is_none_or(|decided| decided >= tick) {
                return Ok(Decided::Elsewhere);
            }
            state.tick = Some(tick);
            let id = format!("{}.{}", known.name, tick.millis());
            let mut run = Run::new(id, tick, false);
            let skips = known.schedule.overlap == Overlap::Skip && state.is_running(tx.now());
            let decided = if missed || skips {
                run.state = RunState::Skipped;
                run.fail(if missed { "The tick was missed." } else { "The run before went on." });
                Decided::LeftOut
            } else {
                tx.enqueue(runs::job(&known.name, &known.schedule, &run, tx.now())?);
                Decided::Enqueued
            };
            state.add(run);
            state.write(tx, &known.name);
            Ok(decided)
        };
        let system = Caller::system(now);
        self.db().commit(&system, decide).await.map(|outcome| outcome.value)
    }
}

impl Watch {
    /// Takes what there is now; of what stayed as it was the next time stays known.
    fn learn(&mut self, all: Vec<Known>) {
        let mut before = std::mem::take(&mut self.watched);
        for known in all {
            let watched = match before.remove(&known.name) {
                Some(watched) if watched.known.schedule == known.schedule => Watched { known, ..watched },
                _ => {
                    let Some(cron) = cron(&known.schedule) else { continue };
                    Watched { print: print(&known.schedule), known, cron, next: Next::Unknown }
                }
            };
            self.watched.insert(watched.known.name.clone(), watched);
        }
    }
}

/// What ticks depend on.
fn print(schedule: &ScheduleSection) -> String {
    let times = format!("{} {}", schedule.cron, definition::timezone(schedule));
    if schedule.enabled { times } else { format!("off: {times}") }
}
