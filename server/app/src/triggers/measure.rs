use std::time::Duration;

pub(super) fn describe() {
    metrics::describe_gauge!("basalt_trigger_lag_seconds", "Age of the oldest change that triggers have not read");
    metrics::describe_counter!("basalt_trigger_events_total", "Deliveries that triggers enqueued");
    metrics::describe_counter!("basalt_trigger_deliveries_total", "Tries to deliver, by target and outcome");
    metrics::describe_counter!("basalt_trigger_messages_dropped_total", "Messages of channels that nobody could take");
    metrics::describe_gauge!("basalt_queue_jobs", "Open jobs, by kind");
    metrics::describe_gauge!("basalt_dead_letters", "Dead letters that are kept");
}

pub(super) fn lag(lag: Duration) {
    metrics::gauge!("basalt_trigger_lag_seconds").set(lag.as_secs_f64());
}

pub(super) fn enqueue(count: usize) {
    metrics::counter!("basalt_trigger_events_total").increment(count as u64);
}

pub(super) fn delivered(target: &str, outcome: &'static str) {
    let labels = [("target", target.to_owned()), ("outcome", outcome.to_owned())];
    metrics::counter!("basalt_trigger_deliveries_total", &labels).increment(1);
}

pub(super) fn dropped(count: usize) {
    metrics::counter!("basalt_trigger_messages_dropped_total").increment(count as u64);
}

pub(super) fn queue(kind: &str, jobs: u64) {
    metrics::gauge!("basalt_queue_jobs", "kind" => kind.to_owned()).set(jobs as f64);
}

pub(super) fn letters(count: u64) {
    metrics::gauge!("basalt_dead_letters").set(count as f64);
}
