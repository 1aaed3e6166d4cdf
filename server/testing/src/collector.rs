//! A collector of spans on loopback: what is sent there by OTLP over HTTP is read, and waited for.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::trace::v1::Span as Proto;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use prost::Message as _;
use serde_json::{Value, json};

use crate::receiver::{Receiver, Reply};

/// Less than the receiver waits, so that what has come is told.
const PATIENCE: Duration = Duration::from_secs(20);

pub struct Collector {
    receiver: Receiver,
    spans: tokio::sync::Mutex<Vec<CollectedSpan>>,
}

/// A span as it arrived; ids in hexadecimal digits.
#[derive(Clone, Debug, PartialEq)]
pub struct CollectedSpan {
    pub trace: String,
    pub id: String,
    pub parent: Option<String>,
    pub name: String,
    /// `server`, `internal`, `client`, `producer` or `consumer`.
    pub kind: &'static str,
    pub attributes: BTreeMap<String, Value>,
    pub error: Option<String>,
    /// `service.name` and so on.
    pub resource: BTreeMap<String, Value>,
}

impl Collector {
    pub async fn start() -> Self {
        let receiver = Receiver::start().await;
        receiver.answers(|_| Reply::with(200, &[("content-type", "application/x-protobuf")], ""));
        Self { receiver, spans: tokio::sync::Mutex::default() }
    }

    /// What `BASALT_OTLP_URL` is to be.
    pub fn url(&self) -> String {
        self.receiver.url("")
    }

    pub fn receiver(&self) -> &Receiver {
        &self.receiver
    }

    /// All spans so far, once they are enough; fails the test, with what has come, where they never are.
    pub async fn until(&self, enough: impl Fn(&[CollectedSpan]) -> bool) -> Vec<CollectedSpan> {
        let mut spans = self.spans.lock().await;
        while !enough(&spans) {
            let Ok(request) = tokio::time::timeout(PATIENCE, self.receiver.next()).await else {
                panic!("the collector waited in vain; it has {spans:#?}");
            };
            assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/v1/traces"));
            spans.extend(read(&request.body));
        }
        spans.clone()
    }

    /// Those of one trace, once they are enough, parents before children.
    pub async fn trace(&self, id: &str, enough: impl Fn(&[CollectedSpan]) -> bool) -> Vec<CollectedSpan> {
        let of_trace = |spans: &[CollectedSpan]| -> Vec<CollectedSpan> {
            spans.iter().filter(|span| span.trace == id).cloned().collect()
        };
        let spans = self.until(|spans| enough(&of_trace(spans))).await;
        in_order(of_trace(&spans))
    }
}

/// Children after their parents, each level by name.
fn in_order(mut rest: Vec<CollectedSpan>) -> Vec<CollectedSpan> {
    let mut ordered: Vec<CollectedSpan> = Vec::with_capacity(rest.len());
    rest.sort_by(|one, other| one.name.cmp(&other.name));
    while !rest.is_empty() {
        let waits = |span: &CollectedSpan| {
            span.parent.as_ref().is_some_and(|parent| rest.iter().any(|other| other.id == *parent))
        };
        let (later, now): (Vec<_>, Vec<_>) = rest.iter().cloned().partition(waits);
        assert!(!now.is_empty(), "spans are each other's parents: {later:#?}");
        ordered.extend(now);
        rest = later;
    }
    ordered
}

fn read(body: &[u8]) -> Vec<CollectedSpan> {
    let request = ExportTraceServiceRequest::decode(body).expect("spans in protobuf");
    let mut spans = Vec::new();
    for of_resource in request.resource_spans {
        let resource = of_resource.resource.map(|resource| attributes(resource.attributes)).unwrap_or_default();
        let of_scopes = of_resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
        spans.extend(of_scopes.map(|span| collected(span, &resource)));
    }
    spans
}

fn collected(span: Proto, resource: &BTreeMap<String, Value>) -> CollectedSpan {
    let kind = ["unspecified", "internal", "server", "client", "producer", "consumer"];
    let kind = usize::try_from(span.kind).ok().and_then(|n| kind.get(n).copied());
    let failed = span.status.filter(|status| status.code == StatusCode::Error as i32);
    CollectedSpan {
        trace: hex(&span.trace_id),
        id: hex(&span.span_id),
        parent: (!span.parent_span_id.is_empty()).then(|| hex(&span.parent_span_id)),
        name: span.name,
        kind: kind.unwrap_or("unspecified"),
        attributes: attributes(span.attributes),
        error: failed.map(|status| status.message),
        resource: resource.clone(),
    }
}

fn attributes(pairs: Vec<opentelemetry_proto::tonic::common::v1::KeyValue>) -> BTreeMap<String, Value> {
    let value = |value: Any| match value {
        Any::StringValue(text) => json!(text),
        Any::BoolValue(value) => json!(value),
        Any::IntValue(number) => json!(number),
        Any::DoubleValue(number) => json!(number),
        other => json!(format!("{other:?}")),
    };
    pairs.into_iter().filter_map(|pair| Some((pair.key, value(pair.value?.value?)))).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
