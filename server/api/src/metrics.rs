//! Counters and timings in Prometheus' text form. The recorder is the process's, as the `metrics` crate has it.

use std::cell::OnceCell;
use std::sync::OnceLock;
use std::time::Duration;

use actix_web::http::{Method, StatusCode};
use basalt_core::{Error, Result};
use metrics::{Counter, Histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

const SECONDS: [f64; 14] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// Installs the recorder, once a process. What is counted before is lost.
pub fn install() {
    recorder();
}

/// All metrics as text.
pub fn render() -> Result<String> {
    let recorder = recorder().ok_or_else(|| Error::internal("another metrics recorder is installed"))?;
    Ok(recorder.render())
}

/// How a node is doing beside its requests.
#[derive(Clone, Copy, Debug)]
pub struct Gauges {
    /// Since the node last knew the end of the change log.
    pub log_lag: Duration,
    /// Writes that wait for their commit, with those that are being committed.
    pub commits: usize,
    /// SQLite's write-ahead log; PostgreSQL keeps its own figures.
    pub wal_bytes: Option<u64>,
    /// Passwords that wait for a thread.
    pub hashes: usize,
}

/// Sets the gauges; to be called every few seconds.
#[expect(clippy::cast_precision_loss, reason = "a gauge is a float; these are far below 2^52")]
pub fn report(gauges: &Gauges) {
    metrics::gauge!("basalt_log_lag_seconds").set(gauges.log_lag.as_secs_f64());
    metrics::gauge!("basalt_commit_queue").set(gauges.commits as f64);
    metrics::gauge!("basalt_password_hash_queue").set(gauges.hashes as f64);
    if let Some(bytes) = gauges.wal_bytes {
        metrics::gauge!("basalt_wal_bytes").set(bytes as f64);
    }
}

/// Folds recorded timings into their buckets; to be called every few seconds, else they pile up until the next
/// [`render`].
pub fn upkeep() {
    if let Some(recorder) = recorder() {
        recorder.run_upkeep();
    }
}

fn recorder() -> Option<&'static PrometheusHandle> {
    RECORDER
        .get_or_init(|| {
            let builder = PrometheusBuilder::new();
            let builder = builder.set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS);
            let recorder = builder.and_then(PrometheusBuilder::install_recorder).ok();
            metrics::describe_counter!("basalt_http_requests_total", "Requests answered, by the status' first digit.");
            metrics::describe_histogram!("basalt_http_request_seconds", "From a request's head to its answer.");
            metrics::describe_counter!("basalt_panics_total", "Requests that ended in a panic.");
            metrics::describe_counter!("basalt_image_panics_total", "Codecs that panicked at a picture.");
            metrics::describe_gauge!("basalt_log_lag_seconds", "Since this node last knew the end of the change log.");
            metrics::describe_gauge!("basalt_commit_queue", "Writes that wait for their commit or are committed.");
            metrics::describe_gauge!("basalt_wal_bytes", "SQLite's write-ahead log.");
            metrics::describe_gauge!("basalt_password_hash_queue", "Passwords that wait to be hashed.");
            metrics::describe_gauge!("basalt_log_bytes", "Size of the change log.");
            metrics::describe_gauge!("basalt_log_age_seconds", "Age of the oldest change that is kept.");
            metrics::describe_gauge!(
                "basalt_log_reader_behind",
                "Changes that a durable reader has not read, at most."
            );
            metrics::describe_gauge!("basalt_log_reader_lag_seconds", "Age of the oldest change it has not read.");
            metrics::describe_gauge!("basalt_log_reader_broken", "1 where a durable reader misses changes.");
            metrics::describe_counter!("basalt_log_readers_broken_total", "Durable readers that were given up.");
            recorder
        })
        .as_ref()
}

/// The metrics of one path, with the handles looked up once a worker.
pub(crate) struct DoorMetrics {
    route: String,
    methods: Vec<(Method, MethodMetrics)>,
}

#[derive(Default)]
struct MethodMetrics {
    /// By the status' first digit.
    requests: [OnceCell<Counter>; 6],
    seconds: OnceCell<Histogram>,
}

const CLASSES: [&str; 6] = ["0xx", "1xx", "2xx", "3xx", "4xx", "5xx"];

impl DoorMetrics {
    pub(crate) fn new(route: String, methods: impl IntoIterator<Item = Method>) -> Self {
        Self { route, methods: methods.into_iter().map(|method| (method, MethodMetrics::default())).collect() }
    }

    /// The path as it is mounted: `/v1/functions/{name}`.
    pub(crate) fn route(&self) -> &str {
        &self.route
    }

    pub(crate) fn observe(&self, method: &Method, status: StatusCode, elapsed: Duration) {
        // Methods that the path doesn't answer are refused with 405 and not worth a series each.
        let Some((method, metrics)) = self.methods.iter().find(|(known, _)| known == method) else { return };
        let class = usize::from(status.as_u16() / 100).min(CLASSES.len() - 1);
        let requests = metrics.requests[class].get_or_init(|| self.counter(method, CLASSES[class]));
        requests.increment(1);
        metrics.seconds.get_or_init(|| self.histogram(method)).record(elapsed.as_secs_f64());
    }

    fn counter(&self, method: &Method, class: &'static str) -> Counter {
        let (route, method) = (self.route.clone(), method.as_str().to_owned());
        metrics::counter!("basalt_http_requests_total", "route" => route, "method" => method, "status" => class)
    }

    fn histogram(&self, method: &Method) -> Histogram {
        let (route, method) = (self.route.clone(), method.as_str().to_owned());
        metrics::histogram!("basalt_http_request_seconds", "route" => route, "method" => method)
    }
}
