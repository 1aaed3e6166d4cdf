//! The span of a write: its rules, its decision and its commit. The log keeps it as the write's trace, so that what
//! follows from the write follows from it.

use std::borrow::Cow;
use std::time::Instant;

use basalt_core::{Caller, Error, Principal, Span, SpanKind, Timestamp, Trace};
use serde_json::{Map, json};

use super::service::Documents;
use super::write::Operation;

pub(super) struct Traced {
    own: Trace,
    parent: [u8; 8],
    name: Cow<'static, str>,
    operations: usize,
    rule: &'static str,
    start: Timestamp,
    began: Instant,
}

impl Traced {
    /// `None` where nobody wants to know.
    pub(super) fn begin(
        documents: &Documents,
        caller: &Caller,
        operations: &[Operation],
        start: Timestamp,
    ) -> Option<Self> {
        let trace = caller.request.trace.filter(|trace| trace.sampled && documents.0.spans.collects())?;
        let first = operations.first()?;
        let one = operations.iter().all(|operation| operation.collection == first.collection);
        let name = if one { format!("write {}", first.collection).into() } else { "write".into() };
        let rule = match caller.principal {
            Principal::Visitor | Principal::User(_) => "asked",
            Principal::Service(_) | Principal::Operator(_) | Principal::System => "passed over",
        };
        let (own, operations) = (trace.child(&*documents.0.random), operations.len());
        Some(Self { own, parent: trace.span, name, operations, rule, start, began: Instant::now() })
    }

    /// The caller as the log is to know him.
    pub(super) fn caller(&self, caller: &Caller) -> Caller {
        let mut caller = caller.clone();
        caller.request.trace = Some(self.own);
        caller
    }

    pub(super) fn end(self, documents: &Documents, error: Option<&Error>) {
        let attributes = [("basalt.operations", json!(self.operations)), ("basalt.rule", json!(self.rule))];
        documents.0.spans.record(Span {
            trace: self.own,
            parent: Some(self.parent),
            name: self.name,
            kind: SpanKind::Internal,
            start: self.start,
            duration: self.began.elapsed(),
            attributes: Map::from_iter(attributes.map(|(name, value)| (name.to_owned(), value))),
            error: error.map(|error| error.code_text().to_owned()),
        });
    }
}
