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
        let (stop, stopped) = watch::channel(false);
        let mut background = Self { stop, tasks: JoinSet::new() };
        let (changes, clock, lag) = (rooms.changes.clone(), Arc::clone(&rooms.clock), rooms.lag.clone());
        // Rights first: what live queries then ask about them is asked anew.
        let (since, follower) = (rooms.changes.end(), stopped.clone());
        let (registry, webhooks) = (rooms.functions.registry.clone(), rooms.webhooks.clone());
        let rest = ((registry.follow(), webhooks), (rooms.realtime.feed(), rooms.changes.recent(since)));
        let mut readers = (rooms.principals.clone(), rest);
        background.tasks.spawn(async move {
            changes.follow(since, &mut readers, &*clock, &lag, follower).await;
        });
        let (realtime, stopping) = (rooms.realtime.clone(), stopped);
        background.tasks.spawn(async move { realtime.run(stopping).await });
        let (jobs, stopped) = (rooms.jobs.clone(), background.stop.subscribe());
        background.tasks.spawn(async move { jobs.run(stopped).await });
        let (triggers, stopped) = (rooms.triggers.clone(), background.stop.subscribe());
        background.tasks.spawn(async move { triggers.run(stopped).await });
        let (schedules, stopped) = (rooms.schedules.clone(), background.stop.subscribe());
        background.tasks.spawn(async move { schedules.run(stopped).await });
        let (triggers, known) = (rooms.triggers.clone(), Arc::default());
        background.every(QUEUES, "measuring the queues", move || {
            let (triggers, known): (_, Arc<tokio::sync::Mutex<_>>) = (triggers.clone(), Arc::clone(&known));
            async move { triggers.measure(&mut *known.lock().await).await }
        });
        let triggers = rooms.triggers.clone();
        background.every(SWEEP, "sweeping dead letters", move || {
            let triggers = triggers.clone();
            async move { triggers.sweep().await }
        });
        let (changes, clock) = (rooms.changes.clone(), Arc::clone(&rooms.clock));
        background.every(LOG_METRICS, "measuring the change log", move || {
            let (changes, clock) = (changes.clone(), Arc::clone(&clock));
            async move { changes.measure(clock.now()).await }
        });
        let documents = rooms.documents.clone();
        background.every(EXPIRED, "sweeping expired documents", move || {
            let documents = documents.clone();
            async move { documents.sweep_expired().await.map(drop) }
        });
        let documents = rooms.documents.clone();
        background.every(HISTORY, "writing down versions", move || {
            let documents = documents.clone();
            async move { documents.follow_history().await.map(drop) }
        });
        let documents = rooms.documents.clone();
        background.every(SWEEP, "sweeping versions", move || {
            let documents = documents.clone();
            async move { documents.sweep_history().await.map(drop) }
        });
        let files = rooms.files.clone();
        background.every(SWEEP, "sweeping files", move || {
            let files = files.clone();
            async move { files.sweep().await }
        });
        let keys = rooms.keys.clone();
        background.every(KEY_USES, "noting the uses of keys", move || {
            let keys = keys.clone();
            async move { keys.note_uses().await }
        });
        let keyring = rooms.keyring.clone();
        background.every(KEY_RING, "reading the signing keys", move || {
            let keyring = keyring.clone();
            async move { keyring.reload().await }
        });
        let (keyring, mut stopped) = (rooms.keyring.clone(), background.stop.subscribe());
        background.tasks.spawn(async move {
            tokio::select! {
                () = keyring.keep_up() => {}
                // A sender that is gone can't say stop any more, which is one.
                _ = stopped.changed() => {}
            }
        });
        let (webhooks, mut stopped) = (rooms.webhooks.clone(), background.stop.subscribe());
        background.tasks.spawn(async move {
            tokio::select! {
                () = webhooks.keep_up() => {}
                // A sender that is gone can't say stop any more, which is one.
                _ = stopped.changed() => {}
            }
        });
        let (registry, mut stopped) = (rooms.functions.registry.clone(), background.stop.subscribe());
        background.tasks.spawn(async move {
            tokio::select! {
                () = registry.keep_up() => {}
                // A sender that is gone can't say stop any more, which is one.
                _ = stopped.changed() => {}
            }
        });
        let registry = rooms.functions.registry.clone();
        background.every(USAGE, "writing down what functions used", move || {
            let registry = registry.clone();
            async move { registry.flush_usage().await }
        });
        let auth = rooms.auth.clone();
        background.every(SWEEP, "sweeping sessions", move || {
            let auth = auth.clone();
            async move { auth.sweep().await.map(drop) }
        });
        let (audit, changes) = (rooms.audit.clone(), rooms.changes.clone());
        background.every(AUDIT, "writing down what operators changed", move || {
            let (audit, changes) = (audit.clone(), changes.clone());
            async move { audit.follow(&changes).await.map(drop) }
        });
        let watched = rooms.clone();
        background.every(METRICS, "keeping up the metrics", move || {
            basalt_api::metrics::report(&gauges(&watched));
            basalt_api::metrics::upkeep();
            std::future::ready(Ok(()))
        });
        background
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
