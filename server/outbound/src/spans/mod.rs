//! Spans out, by OTLP over HTTP.
//!
//! Promises: whoever records a span never waits; what the queue can't take, or the collector doesn't, is dropped and
//! counted; what was recorded before the end is sent at the end, which no collector holds up by more than [`LAST`].

mod data;
mod export;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use basalt_core::{Error, Result, Span, Spans};
use opentelemetry_sdk::Resource;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use export::Exporter;

/// Spans that wait to be sent.
const QUEUE: usize = 8_192;
/// How long the end waits for what is still to be sent.
const LAST: Duration = Duration::from_secs(5);
/// Where a collector takes traces, if only its address is given.
const PATH: &str = "/v1/traces";

#[derive(Clone)]
pub struct OtlpOptions {
    /// `http://collector:4318`, or the whole address with its path.
    pub url: String,
    /// For whom the collector is somebody else's: `authorization` and the like.
    pub headers: HashMap<String, String>,
    /// Tells nodes apart: `service.instance.id`.
    pub instance: String,
    /// How long spans are gathered.
    pub gather: Duration,
}

/// Spans on their way to a collector; cheap to clone.
#[derive(Clone)]
pub struct OtlpSpans(Arc<Inner>);

struct Inner {
    queue: Mutex<Option<mpsc::Sender<Span>>>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl OtlpSpans {
    pub fn start(options: OtlpOptions) -> Result<Self> {
        let gather = options.gather;
        let exporter = Exporter::new(address(&options.url)?, options.headers, &resource(options.instance))?;
        metrics::describe_counter!("basalt_spans_sent_total", "Spans that the collector took.");
        metrics::describe_counter!("basalt_spans_dropped_total", "Spans that found no room, or no collector.");
        let (queue, spans) = mpsc::channel(QUEUE);
        #[expect(clippy::disallowed_methods, reason = "OtlpSpans owns it and awaits it when it is closed")]
        let task = tokio::spawn(exporter.serve(spans, gather));
        Ok(Self(Arc::new(Inner { queue: Mutex::new(Some(queue)), task: Mutex::new(Some(task)) })))
    }

    /// Sends what waits, then ends; what is recorded from now on is dropped.
    pub async fn close(&self) {
        drop(self.0.queue.lock().unwrap_or_else(PoisonError::into_inner).take());
        let task = self.0.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut task) = task else { return };
        match tokio::time::timeout(LAST, &mut task).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => tracing::error!("the sender of spans panicked"),
            Err(_) => {
                task.abort();
                tracing::warn!("the collector does not take the last spans");
            }
        }
    }
}

impl Spans for OtlpSpans {
    fn collects(&self) -> bool {
        true
    }

    fn record(&self, span: Span) {
        // Whoever began the trace decided that it is of no interest.
        if !span.trace.sampled {
            return;
        }
        let queue = self.0.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.as_ref().is_none_or(|queue| queue.try_send(span).is_err()) {
            dropped(1);
        }
    }
}

pub(crate) fn dropped(count: usize) {
    metrics::counter!("basalt_spans_dropped_total").increment(u64::try_from(count).unwrap_or(u64::MAX));
}

fn address(url: &str) -> Result<String> {
    let mut parsed =
        reqwest::Url::parse(url).map_err(|error| Error::internal(format!("the collector's URL: {error}")))?;
    if !matches!(parsed.scheme(), "http" | "https") {
        return Err(Error::internal("the collector's URL begins with http:// or https://"));
    }
    if matches!(parsed.path(), "" | "/") {
        parsed.set_path(PATH);
    }
    Ok(parsed.into())
}

fn resource(instance: String) -> Resource {
    let attribute = |name: &'static str, value: String| opentelemetry::KeyValue::new(name, value);
    Resource::builder_empty()
        .with_service_name("basalt")
        .with_attribute(attribute("service.version", env!("CARGO_PKG_VERSION").to_owned()))
        .with_attribute(attribute("service.instance.id", instance))
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collectors_address_gets_the_path_of_traces() {
        assert_eq!(address("http://collector:4318").unwrap(), "http://collector:4318/v1/traces");
        assert_eq!(address("https://c.example/otlp/v1/traces?x=1").unwrap(), "https://c.example/otlp/v1/traces?x=1");
        for bad in ["", "collector:4318", "grpc://collector:4317"] {
            assert!(address(bad).is_err(), "{bad}");
        }
    }
}
