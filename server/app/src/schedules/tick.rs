//! Ticks: when each schedule is due, and who of the nodes decides it.

use std::collections::HashMap;
use std::time::Duration;

use basalt_core::{Caller, Result, Seq, Timestamp};
use basalt_data::manifest::{CatchUp, Overlap, ScheduleSection};
use tokio::sync::watch;

use super::state::{Run, RunState, State};
use super::{Known, Schedules, cron, definition, runs};
use crate::common::{Cron, Tx, rights};

/// How often it is looked what is due.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// A tick that is decided later than this was missed.
const LATE: Duration = Duration::from_mins(1);

/// What a node knows of when to do what.
#[derive(Default)]
pub(super) struct Watch {
    /// The log's end when the schedules were read last.
    read_at: Option<Seq>,
    declared: Vec<Known>,
    /// By name.
    next: HashMap<String, Next>,
}

struct Next {
    print: String,
    /// `None`: never.
    at: Option<Timestamp>,
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
            if let Err(error) = self.tick().await {
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
        let mut watch = self.0.watch.lock().await;
        let now = self.db().now();
        let end = *self.db().store().log_end().borrow();
        if watch.read_at != Some(end) {
            // Schedules of functions change with a write, too.
            watch.declared = self.all().await?;
            watch.read_at = Some(end);
            self.learn(&watch.declared);
            let Watch { declared, next, .. } = &mut *watch;
            next.retain(|name, _| declared.iter().any(|known| known.name == *name));
        }
        let Watch { declared, next, .. } = &mut *watch;
        let mut enqueued = 0;
        for known in declared.iter() {
            match self.look_at(known, next, now).await {
                Ok(Decided::Enqueued) => enqueued += 1,
                Ok(Decided::LeftOut | Decided::Elsewhere) => {}
                Err(error) => tracing::warn!(?error, schedule = known.name, "a schedule can't tick"),
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

    async fn look_at(&self, known: &Known, next: &mut HashMap<String, Next>, now: Timestamp) -> Result<Decided> {
        let print = print(&known.schedule);
        let Some(cron) = cron(&known.schedule) else { return Ok(Decided::LeftOut) };
        let due = next.get(&known.name).filter(|next| next.print == print).map(|next| next.at);
        let at = match due {
            Some(at) => at,
            None => self.first(known, &print, &cron).await?,
        };
        let due = at.filter(|at| *at <= now);
        let decided = match due.and_then(|_| cron.last(now)) {
            Some(tick) => self.decide(known, &print, tick, now).await?,
            None => Decided::LeftOut,
        };
        let at = match (due, decided) {
            (None, _) => at,
            // Of what stands there by now.
            (Some(_), Decided::Elsewhere) => self.first(known, &print, &cron).await?,
            (Some(_), Decided::Enqueued | Decided::LeftOut) => cron.next(now),
        };
        next.insert(known.name.clone(), Next { print, at });
        Ok(decided)
    }

    /// When a schedule is due that this node has not met before. Under a new declaration ticks count from now on.
    async fn first(&self, known: &Known, print: &str, cron: &Cron) -> Result<Option<Timestamp>> {
        let state = self.state(&known.name).await?;
        let from = match state.tick {
            Some(tick) if state.print == print => tick,
            _ => self.begin(known, print).await?,
        };
        Ok(if known.schedule.enabled { cron.next(from) } else { None })
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

/// What ticks depend on.
fn print(schedule: &ScheduleSection) -> String {
    let times = format!("{} {}", schedule.cron, definition::timezone(schedule));
    if schedule.enabled { times } else { format!("off: {times}") }
}
