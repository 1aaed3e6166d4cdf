//! The task that sends them, in batches.

use std::collections::HashMap;
use std::time::Duration;

use basalt_core::{Error, Result, Span};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanExporter as _;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::{data, dropped};
use crate::guard::tls;

/// Spans of one request.
const BATCH: usize = 512;
const TIMEOUT: Duration = Duration::from_secs(5);
/// How often a collector that takes nothing is told of.
const QUIET: Duration = Duration::from_mins(1);

pub(super) struct Exporter {
    exporter: SpanExporter,
    /// When the last failure was logged.
    told: Option<Instant>,
}

impl Exporter {
    pub(super) fn new(url: String, headers: HashMap<String, String>, resource: &Resource) -> Result<Self> {
        #[expect(clippy::disallowed_methods, reason = "the collector is named by who runs the server")]
        let builder = reqwest::Client::builder();
        let client = builder.tls_backend_preconfigured(tls::config()?).no_proxy().timeout(TIMEOUT).build();
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(client.map_err(Error::internal)?)
            .with_endpoint(url)
            .with_timeout(TIMEOUT)
            .with_headers(headers)
            .build();
        let mut exporter = exporter.map_err(Error::internal)?;
        exporter.set_resource(resource);
        Ok(Self { exporter, told: None })
    }

    /// Until the queue is closed and empty.
    pub(super) async fn serve(mut self, mut spans: mpsc::Receiver<Span>, gather: Duration) {
        let mut batch = Vec::with_capacity(BATCH);
        while let Some(first) = spans.recv().await {
            batch.push(data::of(first));
            let sent_at = Instant::now() + gather;
            while batch.len() < BATCH
                && let Ok(Some(span)) = tokio::time::timeout_at(sent_at, spans.recv()).await
            {
                batch.push(data::of(span));
            }
            self.send(std::mem::take(&mut batch)).await;
        }
    }

    async fn send(&mut self, batch: Vec<opentelemetry_sdk::trace::SpanData>) {
        let count = batch.len();
        let Err(error) = self.exporter.export(batch).await else {
            return metrics::counter!("basalt_spans_sent_total").increment(u64::try_from(count).unwrap_or(u64::MAX));
        };
        dropped(count);
        if self.told.is_none_or(|told| told.elapsed() > QUIET) {
            tracing::warn!(%error, spans = count, "the collector does not take spans");
            self.told = Some(Instant::now());
        }
    }
}
