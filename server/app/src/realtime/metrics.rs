//! What the room counts.

use std::sync::LazyLock;
use std::time::Duration;

use metrics::{Counter, Gauge, counter, describe_counter, describe_gauge, gauge};

// What is counted at each commit is looked up by its name once.
static CHANGES: LazyLock<Counter> = LazyLock::new(|| counter!("basalt_realtime_changes_total"));
static EVALUATIONS: LazyLock<Counter> = LazyLock::new(|| counter!("basalt_realtime_evaluations_total"));
static FRAMES: LazyLock<Counter> = LazyLock::new(|| counter!("basalt_realtime_frames_total"));
static LAG: LazyLock<Gauge> = LazyLock::new(|| gauge!("basalt_realtime_lag_seconds"));

/// Says what the names mean; once a process.
pub(super) fn describe() {
    describe_gauge!("basalt_realtime_connections", "Open connections.");
    describe_gauge!("basalt_realtime_subscriptions", "Subscriptions of all connections.");
    describe_gauge!("basalt_realtime_queries", "Distinct queries behind the subscriptions.");
    describe_gauge!("basalt_realtime_channels", "Channels that somebody is in.");
    describe_gauge!("basalt_realtime_members", "Those who are shown in channels.");
    describe_counter!("basalt_realtime_messages_total", "Messages in channels.");
    describe_counter!("basalt_realtime_signals_dropped_total", "News of channels that other nodes were not told.");
    describe_gauge!("basalt_realtime_queue_frames", "Frames that wait in the queues of all connections.");
    describe_gauge!("basalt_realtime_lag_seconds", "From the last change that was handed on to its commit.");
    describe_counter!("basalt_realtime_changes_total", "Changes looked at.");
    describe_counter!("basalt_realtime_evaluations_total", "Queries asked about a change.");
    describe_counter!("basalt_realtime_frames_total", "Change frames sent.");
    describe_counter!("basalt_realtime_snapshots_total", "Results read.");
    describe_counter!("basalt_realtime_resyncs_total", "Connections whose queue ran over.");
}

pub(super) fn evaluated(evaluations: usize, changes: usize) {
    CHANGES.increment(changes as u64);
    EVALUATIONS.increment(evaluations as u64);
}

pub(super) fn sent(frames: usize) {
    FRAMES.increment(frames as u64);
}

pub(super) fn taken() {
    counter!("basalt_realtime_snapshots_total").increment(1);
}

pub(super) fn resynced() {
    counter!("basalt_realtime_resyncs_total").increment(1);
}

pub(super) fn said() {
    counter!("basalt_realtime_messages_total").increment(1);
}

pub(super) fn untold() {
    counter!("basalt_realtime_signals_dropped_total").increment(1);
}

/// What there is now.
pub(super) struct Census {
    pub(super) connections: usize,
    pub(super) subscriptions: usize,
    pub(super) queries: usize,
    pub(super) channels: usize,
    pub(super) members: usize,
}

impl Census {
    pub(super) fn tell(&self) {
        gauge!("basalt_realtime_connections").set(self.connections as f64);
        gauge!("basalt_realtime_subscriptions").set(self.subscriptions as f64);
        gauge!("basalt_realtime_queries").set(self.queries as f64);
        gauge!("basalt_realtime_channels").set(self.channels as f64);
        gauge!("basalt_realtime_members").set(self.members as f64);
    }
}

/// Frames that wait in all queues.
pub(super) fn waiting(frames: usize) {
    gauge!("basalt_realtime_queue_frames").set(frames as f64);
}

pub(super) fn lag(lag: Duration) {
    LAG.set(lag.as_secs_f64());
}
