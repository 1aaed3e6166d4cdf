//! What workers are counted by.

use metrics::{counter, describe_counter, describe_gauge, gauge};

use crate::report::RuntimeStats;

/// Says what the names mean; once a process.
pub(super) fn describe() {
    describe_gauge!("basalt_function_workers", "Processes that run functions.");
    describe_gauge!("basalt_function_instances", "Instances of functions in them, idle ones among them.");
    describe_counter!("basalt_function_cold_starts_total", "Calls that an instance was made for.");
    describe_counter!("basalt_function_workers_lost_total", "Workers that were killed or died with calls in them.");
}

pub(super) fn cold_start() {
    counter!("basalt_function_cold_starts_total").increment(1);
}

pub(super) fn lost() {
    counter!("basalt_function_workers_lost_total").increment(1);
}

pub(super) fn seen(stats: &RuntimeStats) {
    gauge!("basalt_function_workers").set(stats.workers as f64);
    gauge!("basalt_function_instances").set(stats.instances as f64);
}
