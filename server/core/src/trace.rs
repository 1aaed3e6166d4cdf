//! W3C Trace Context: which trace a piece of work belongs to, and the spans that tell of it.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::random::{self, Random};
use crate::time::Timestamp;

/// A place in a trace: the span that work is done in, or that caused it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Trace {
    pub id: [u8; 16],
    pub span: [u8; 8],
    pub sampled: bool,
}

impl Trace {
    /// A trace that begins here.
    pub fn begin(random: &dyn Random) -> Self {
        Self { id: random::bytes(random), span: random::bytes(random), sampled: true }
    }

    /// A new span below this one.
    pub fn child(&self, random: &dyn Random) -> Self {
        Self { span: random::bytes(random), ..*self }
    }

    /// Reads a `traceparent` of version 00, or what a later version has in common with it.
    pub fn parse(header: &str) -> Option<Self> {
        let mut parts = header.trim().split('-');
        let (version, id, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        if version == "ff" || (version == "00" && parts.next().is_some()) {
            return None;
        }
        hex::<1>(version)?;
        let (id, span, flags) = (hex::<16>(id)?, hex::<8>(span)?, hex::<1>(flags)?);
        (id != [0; 16] && span != [0; 8]).then_some(Self { id, span, sampled: flags[0] & 1 == 1 })
    }

    /// The trace's id: 32 hexadecimal digits.
    pub fn id_text(&self) -> String {
        text(&self.id)
    }
}

/// As `traceparent` has it.
impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-0{}", text(&self.id), text(&self.span), u8::from(self.sampled))
    }
}

fn text(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        for half in [byte >> 4, byte & 15] {
            text.extend(char::from_digit(u32::from(half), 16));
        }
        text
    })
}

/// Lower case only, as the standard has it.
fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N || !digits.iter().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(b)) {
        return None;
    }
    let mut out = [0; N];
    for (n, byte) in out.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * n..2 * n + 2)?, 16).ok()?;
    }
    Some(out)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanKind {
    Server,
    Internal,
    Client,
    Producer,
    Consumer,
}

/// A piece of work that is over.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    pub trace: Trace,
    /// The span that it lies in or follows from.
    pub parent: Option<[u8; 8]>,
    /// Of few different values: `POST /v1/functions/{name}`, `function add`, `webhook crm`.
    pub name: Cow<'static, str>,
    pub kind: SpanKind,
    pub start: Timestamp,
    pub duration: Duration,
    pub attributes: Map<String, Value>,
    /// What went wrong.
    pub error: Option<String>,
}

/// Where spans go. Never waits: what can't be taken is dropped and counted.
pub trait Spans: Send + Sync {
    /// Whether anybody collects them: where nobody does, no trace is begun for their sake.
    fn collects(&self) -> bool;

    fn record(&self, span: Span);
}

/// Nobody collects them.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoSpans;

impl Spans for NoSpans {
    fn collects(&self) -> bool {
        false
    }

    fn record(&self, _: Span) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_is_read_and_written() {
        let header = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let trace = Trace::parse(header).unwrap();
        assert_eq!(trace.to_string(), header);
        assert_eq!(trace.id_text(), "0af7651916cd43dd8448eb211c80319c");
        assert!(Trace::parse("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03-later").unwrap().sampled);
        for bad in [
            "",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "0x-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            assert_eq!(Trace::parse(bad), None, "{bad}");
        }
    }
}
