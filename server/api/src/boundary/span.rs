//! The span of a request: what everything that it causes lies in or follows from.

use actix_web::http::StatusCode;
use basalt_core::{Span, SpanKind, Timestamp};
use serde_json::{Map, json};

use super::{Passage, RequestInfo, Settings};
use crate::metrics::DoorMetrics;

/// When the request came, if a span of it will be recorded: looking at the clock is for those alone.
pub(super) fn begin(info: &RequestInfo, settings: &Settings) -> Option<Timestamp> {
    let wanted = settings.tracing.spans.collects() && info.trace().is_some_and(|trace| trace.sampled);
    wanted.then(|| settings.clock.now())
}

impl Passage {
    /// Named by method and route, which are few; what a path, a query or a body holds is nobody's business.
    pub(super) fn record(&self, door: Option<&DoorMetrics>, status: StatusCode) {
        let (Some(start), Some(joined)) = (self.came, self.info.joined()) else { return };
        let route = door.map(DoorMetrics::route);
        let name = route.map_or_else(|| self.method.to_string(), |route| format!("{} {route}", self.method));
        let attributes = [
            ("http.request.method", json!(self.method.as_str())),
            ("http.response.status_code", json!(status.as_u16())),
            ("basalt.request_id", json!(self.info.id())),
        ];
        let route = route.map(|route| ("http.route", json!(route)));
        let attributes: Map<_, _> =
            attributes.into_iter().chain(route).map(|(name, value)| (name.to_owned(), value)).collect();
        self.settings.tracing.spans.record(Span {
            trace: joined.trace,
            parent: joined.parent,
            name: name.into(),
            kind: SpanKind::Server,
            start,
            duration: self.started.elapsed(),
            attributes,
            error: status.is_server_error().then(|| status.to_string()),
        });
    }
}
