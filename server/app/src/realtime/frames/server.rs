//! What clients get. The parts that all subscribers of a query share are encoded once; only the subscription's own id
//! is put in front.

use basalt_core::Error;
use bytes::Bytes;
use serde_json::{Value, json};

/// All of a frame behind the subscription's id.
#[derive(Clone, Debug)]
pub(crate) struct Tail(Bytes);

/// The types of frames that clients get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ServerType {
    Snapshot,
    Change,
    Presence,
    Message,
    Ok,
    Error,
    Pong,
    Resync,
    AuthExpired,
    Goodbye,
}

impl ServerType {
    #[cfg(test)]
    pub(crate) const ALL: [Self; 10] = [
        Self::Snapshot,
        Self::Change,
        Self::Presence,
        Self::Message,
        Self::Ok,
        Self::Error,
        Self::Pong,
        Self::Resync,
        Self::AuthExpired,
        Self::Goodbye,
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Snapshot => "snapshot",
            Self::Change => "change",
            Self::Presence => "presence",
            Self::Message => "message",
            Self::Ok => "ok",
            Self::Error => "error",
            Self::Pong => "pong",
            Self::Resync => "resync",
            Self::AuthExpired => "auth_expired",
            Self::Goodbye => "goodbye",
        }
    }
}

/// What happened to a document in a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Added,
    Modified,
    Removed,
}

impl Op {
    fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Modified => "modified",
            Self::Removed => "removed",
        }
    }
}

impl Tail {
    /// The frame of one subscription.
    pub(crate) fn frame(&self, kind: ServerType, id: &str) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.0.len() + id.len() + 40);
        out.extend_from_slice(b"{\"type\":\"");
        out.extend_from_slice(kind.as_str().as_bytes());
        out.extend_from_slice(b"\",\"id\":");
        out.extend_from_slice(Value::from(id).to_string().as_bytes());
        out.extend_from_slice(&self.0);
        out
    }
}

/// `{"type":"change","id":…,"seq","op","doc","index","more"}`; `doc` is encoded already.
pub(crate) fn change(seq: &str, op: Op, doc: &[u8], index: Option<usize>, more: bool) -> Tail {
    let mut out = Vec::with_capacity(doc.len() + seq.len() + 64);
    out.extend_from_slice(b",\"seq\":\"");
    out.extend_from_slice(seq.as_bytes());
    out.extend_from_slice(b"\",\"op\":\"");
    out.extend_from_slice(op.as_str().as_bytes());
    out.extend_from_slice(b"\",\"doc\":");
    out.extend_from_slice(doc);
    if let Some(index) = index {
        out.extend_from_slice(b",\"index\":");
        out.extend_from_slice(index.to_string().as_bytes());
    }
    out.extend_from_slice(if more { b",\"more\":true}" } else { b"}" });
    Tail(out.into())
}

/// `{"type":"snapshot","id":…,"seq","docs"}`; the documents are encoded already.
pub(crate) fn snapshot<'a>(seq: &str, docs: impl Iterator<Item = &'a Bytes>) -> Tail {
    let mut out = Vec::with_capacity(256);
    out.extend_from_slice(b",\"seq\":\"");
    out.extend_from_slice(seq.as_bytes());
    out.extend_from_slice(b"\",\"docs\":[");
    for (index, doc) in docs.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(doc);
    }
    out.extend_from_slice(b"]}");
    Tail(out.into())
}

/// `{"type":"error","id"?,"code","message","errors"?}`
pub(crate) fn error(id: Option<&str>, error: &Error) -> Vec<u8> {
    let mut frame =
        json!({"type": ServerType::Error.as_str(), "id": id, "code": error.code().as_str(), "message": error.detail()});
    if !error.errors().is_empty() {
        frame["errors"] = json!(error.errors());
    }
    if let Some(after) = error.retry_after_hint() {
        frame["retryAfterMs"] = json!(u64::try_from(after.as_millis()).unwrap_or(u64::MAX));
    }
    frame.to_string().into_bytes()
}

pub(crate) fn ok(id: Option<&str>) -> Vec<u8> {
    with_id(ServerType::Ok, id)
}

pub(crate) fn pong(id: Option<&str>) -> Vec<u8> {
    with_id(ServerType::Pong, id)
}

/// A new snapshot follows: frames were dropped.
pub(crate) fn resync(id: &str) -> Vec<u8> {
    with_id(ServerType::Resync, Some(id))
}

pub(crate) fn auth_expired() -> Vec<u8> {
    with_id(ServerType::AuthExpired, None)
}

/// The server stops: come back after this time, with `since`.
pub(crate) fn goodbye(retry_after_ms: u64) -> Vec<u8> {
    json!({"type": ServerType::Goodbye.as_str(), "retryAfterMs": retry_after_ms}).to_string().into_bytes()
}

fn with_id(kind: ServerType, id: Option<&str>) -> Vec<u8> {
    let frame = match id {
        Some(id) => json!({"type": kind.as_str(), "id": id}),
        None => json!({"type": kind.as_str()}),
    };
    frame.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(bytes: &[u8]) -> Value {
        serde_json::from_slice(bytes).unwrap()
    }

    #[test]
    fn frames_are_json_whatever_the_id_is() {
        let tail = change("07", Op::Added, b"{\"id\":\"a\"}", Some(3), true);
        let expected = json!({"type": "change", "id": "\"s\n", "seq": "07", "op": "added", "doc": {"id": "a"}, "index": 3, "more": true});
        assert_eq!(parsed(&tail.frame(ServerType::Change, "\"s\n")), expected);
        let docs = [Bytes::from_static(b"{}"), Bytes::from_static(b"{\"a\":1}")];
        let tail = snapshot("07", docs.iter());
        assert_eq!(parsed(&tail.frame(ServerType::Snapshot, "s"))["docs"], json!([{}, {"a": 1}]));
    }
}
