//! What goes on beside requests: following the log, and tidying up.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use basalt_api::metrics::Gauges;
use basalt_core::Result;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::Rooms;

const KEY_USES: Duration = Duration::from_mins(1);
const KEY_RING: Duration = Duration::from_mins(1);
const SWEEP: Duration = Duration::from_mins(10);
const EXPIRED: Duration = Duration::from_secs(5);
const HISTORY: Duration = Duration::from_secs(2);
const AUDIT: Duration = Duration::from_secs(5);
const LOG_METRICS: Duration = Duration::from_secs(15);
const USAGE: Duration = Duration::from_secs(10);
const QUEUES: Duration = Duration::from_mins(1);
const METRICS: Duration = Duration::from_secs(5);

fn gauges(rooms: &Rooms) -> Gauges {
    Gauges {
        log_lag: rooms.lag.behind(rooms.clock.now()),
        commits: rooms.store.commits_under_way(),
        wal_bytes: rooms.store.wal_bytes(),
        hashes: rooms.passwords.waiting(),
    }
}

/// The tasks of a node; they end together.
pub(crate) struct Background {
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Background {
    pub(crate) fn start(rooms: &Rooms) -> Self {
        let mut background = Self { stop: watch::channel(false).0, tasks: JoinSet::new() };
        background.follow_the_log(rooms);
        background.work(rooms);
        background.keep_up(rooms);
        background.tidy(rooms);
        background.write_down(rooms);
        background.measure(rooms);
        background
    }

    fn follow_the_log(&mut self, rooms: &Rooms) {
        let (changes, clock, lag) = (rooms.changes.clone(), Arc::clone(&rooms.clock), rooms.lag.clone());
        let (since, stopped) = (rooms.changes.end(), self.stop.subscribe());
        let (registry, webhooks) = (rooms.functions.registry.clone(), rooms.webhooks.clone());
        let listeners = (rooms.triggers.feed(), (rooms.realtime.feed(), rooms.changes.recent(since)));
        // Rights first: what live queries then ask about them is asked anew.
        let mut readers = (rooms.principals.clone(), ((registry.follow(), webhooks), listeners));
        self.tasks.spawn(async move {
            changes.follow(since, &mut readers, &*clock, &lag, stopped).await;
        });
    }

    /// What is done as it comes; each ends by itself when it is told to.
    fn work(&mut self, rooms: &Rooms) {
        let (realtime, stopped) = (rooms.realtime.clone(), self.stop.subscribe());
        self.tasks.spawn(async move { realtime.run(stopped).await });
        let (jobs, stopped) = (rooms.jobs.clone(), self.stop.subscribe());
        self.tasks.spawn(async move { jobs.run(stopped).await });
        let (triggers, stopped) = (rooms.triggers.clone(), self.stop.subscribe());
        self.tasks.spawn(async move { triggers.run(stopped).await });
        let (schedules, stopped) = (rooms.schedules.clone(), self.stop.subscribe());
        self.tasks.spawn(async move { schedules.run(stopped).await });
    }

    /// What is held in memory and read anew when it may have changed.
    fn keep_up(&mut self, rooms: &Rooms) {
        let keyring = rooms.keyring.clone();
        self.every(KEY_RING, "reading the signing keys", move || {
            let keyring = keyring.clone();
            async move { keyring.reload().await }
        });
        let keyring = rooms.keyring.clone();
        self.until_stopped(async move { keyring.keep_up().await });
        let webhooks = rooms.webhooks.clone();
        self.until_stopped(async move { webhooks.keep_up().await });
        let registry = rooms.functions.registry.clone();
        self.until_stopped(async move { registry.keep_up().await });
    }

    fn tidy(&mut self, rooms: &Rooms) {
        let triggers = rooms.triggers.clone();
        self.every(SWEEP, "sweeping dead letters", move || {
            let triggers = triggers.clone();
            async move { triggers.sweep().await }
        });
        let documents = rooms.documents.clone();
        self.every(EXPIRED, "sweeping expired documents", move || {
            let documents = documents.clone();
            async move { documents.sweep_expired().await.map(drop) }
        });
        let documents = rooms.documents.clone();
        self.every(SWEEP, "sweeping versions", move || {
            let documents = documents.clone();
            async move { documents.sweep_history().await.map(drop) }
        });
        let files = rooms.files.clone();
        self.every(SWEEP, "sweeping files", move || {
            let files = files.clone();
            async move { files.sweep().await }
        });
        let auth = rooms.auth.clone();
        self.every(SWEEP, "sweeping sessions", move || {
            let auth = auth.clone();
            async move { auth.sweep().await.map(drop) }
        });
    }

    fn write_down(&mut self, rooms: &Rooms) {
        let documents = rooms.documents.clone();
        self.every(HISTORY, "writing down versions", move || {
            let documents = documents.clone();
            async move { documents.follow_history().await.map(drop) }
        });
        let keys = rooms.keys.clone();
        self.every(KEY_USES, "noting the uses of keys", move || {
            let keys = keys.clone();
            async move { keys.note_uses().await }
        });
        let registry = rooms.functions.registry.clone();
        self.every(USAGE, "writing down what functions used", move || {
            let registry = registry.clone();
            async move { registry.flush_usage().await }
        });
        let (audit, changes) = (rooms.audit.clone(), rooms.changes.clone());
        self.every(AUDIT, "writing down what operators changed", move || {
            let (audit, changes) = (audit.clone(), changes.clone());
            async move { audit.follow(&changes).await.map(drop) }
        });
    }

    fn measure(&mut self, rooms: &Rooms) {
        let (triggers, known) = (rooms.triggers.clone(), Arc::default());
        self.every(QUEUES, "measuring the queues", move || {
            let (triggers, known): (_, Arc<tokio::sync::Mutex<_>>) = (triggers.clone(), Arc::clone(&known));
            async move { triggers.measure(&mut *known.lock().await).await }
        });
        let (changes, clock) = (rooms.changes.clone(), Arc::clone(&rooms.clock));
        self.every(LOG_METRICS, "measuring the change log", move || {
            let (changes, clock) = (changes.clone(), Arc::clone(&clock));
            async move { changes.measure(clock.now()).await }
        });
        let watched = rooms.clone();
        self.every(METRICS, "keeping up the metrics", move || {
            basalt_api::metrics::report(&gauges(&watched));
            basalt_api::metrics::upkeep();
            std::future::ready(Ok(()))
        });
    }

    /// Runs something that never ends by itself.
    fn until_stopped(&mut self, work: impl Future<Output = ()> + Send + 'static) {
        let mut stopped = self.stop.subscribe();
        self.tasks.spawn(async move {
            tokio::select! {
                () = work => {}
                // A sender that is gone can't say stop any more, which is one.
                _ = stopped.changed() => {}
            }
        });
    }

    /// Runs something now and then. A failure is logged, and tried again the next time.
    fn every<F, R>(&mut self, period: Duration, what: &'static str, mut run: F)
    where
        F: FnMut() -> R + Send + 'static,
        R: Future<Output = Result<()>> + Send,
    {
        let mut stopped = self.stop.subscribe();
        self.tasks.spawn(async move {
            let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + period, period);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    _ = ticks.tick() => {
                        if let Err(error) = run().await {
                            tracing::warn!(?error, "{what} failed");
                        }
                    }
                    _ = stopped.changed() => return,
                }
            }
        });
    }

    /// Lets everything finish what it is at.
    pub(crate) async fn stop(mut self) {
        // Nobody listening is as good as stopped.
        let _ = self.stop.send(true);
        while self.tasks.join_next().await.is_some() {}
    }
}
