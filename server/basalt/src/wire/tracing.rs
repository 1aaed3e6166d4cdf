//! Where spans go.

use std::sync::Arc;
use std::time::Duration;

use basalt_core::trace::NoSpans;
use basalt_core::{Result, Spans, random};
use basalt_outbound::{OtlpOptions, OtlpSpans};

use crate::configuration::Configuration;
use crate::outside::Outside;

const GATHER: Duration = Duration::from_millis(500);

/// Those who record spans have the one half, who stops the node the other.
#[derive(Clone)]
pub(crate) struct Tracing {
    pub(crate) spans: Arc<dyn Spans>,
    otlp: Option<OtlpSpans>,
}

impl Tracing {
    pub(super) fn start(configuration: &Configuration, outside: &Outside) -> Result<Self> {
        let Some(url) = configuration.otlp.url.clone() else {
            return Ok(Self { spans: Arc::new(NoSpans), otlp: None });
        };
        let headers = configuration.otlp.headers.iter();
        let headers = headers.map(|(name, value)| (name.clone(), value.expose().to_owned())).collect();
        let instance = random::base32hex(&random::bytes::<10>(&*outside.random));
        let otlp = OtlpSpans::start(OtlpOptions { url, headers, instance, gather: GATHER })?;
        Ok(Self { spans: Arc::new(otlp.clone()), otlp: Some(otlp) })
    }

    /// Sends what waits.
    pub(crate) async fn close(&self) {
        if let Some(otlp) = &self.otlp {
            otlp.close().await;
        }
    }
}
