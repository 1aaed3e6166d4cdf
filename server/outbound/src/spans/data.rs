//! Our spans in the form of the OpenTelemetry SDK.

use std::time::{Duration, UNIX_EPOCH};

use basalt_core::{Span, SpanKind};
use opentelemetry::trace::{SpanContext, SpanId, SpanKind as Kind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue, Value as Attribute};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use serde_json::Value;

pub(super) fn of(span: Span) -> SpanData {
    let Span { trace, parent, name, kind, start, duration, attributes, error } = span;
    let (id, own) = (TraceId::from_bytes(trace.id), SpanId::from_bytes(trace.span));
    let start_time = UNIX_EPOCH + Duration::from_millis(u64::try_from(start.millis()).unwrap_or(0));
    SpanData {
        span_context: SpanContext::new(id, own, TraceFlags::SAMPLED, false, TraceState::default()),
        parent_span_id: parent.map_or(SpanId::INVALID, SpanId::from_bytes),
        parent_span_is_remote: parent.is_some() && kind == SpanKind::Server,
        span_kind: kind_of(kind),
        name,
        start_time,
        end_time: start_time + duration,
        attributes: attributes.into_iter().map(|(name, value)| KeyValue::new(name, attribute(value))).collect(),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: error.map_or(Status::Unset, Status::error),
        instrumentation_scope: InstrumentationScope::builder("basalt").build(),
    }
}

fn kind_of(kind: SpanKind) -> Kind {
    match kind {
        SpanKind::Server => Kind::Server,
        SpanKind::Internal => Kind::Internal,
        SpanKind::Client => Kind::Client,
        SpanKind::Producer => Kind::Producer,
        SpanKind::Consumer => Kind::Consumer,
    }
}

fn attribute(value: Value) -> Attribute {
    match value {
        Value::String(text) => text.into(),
        Value::Bool(value) => value.into(),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => integer.into(),
            (None, Some(float)) => float.into(),
            (None, None) => number.to_string().into(),
        },
        other => other.to_string().into(),
    }
}
