//! One call of a function.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use crate::bundle::{Code, Kind};

#[derive(Debug)]
pub struct Invocation {
    pub id: String,
    /// `add`.
    pub function: String,
    /// `add@7/live`: instances are shared by calls of the same one, and by no others.
    pub instance: String,
    pub code: Arc<Code>,
    /// The export to call.
    pub export: String,
    pub kind: Kind,
    pub input: Input,
    pub context: Context,
    pub limits: Limits,
    pub isolation: Isolation,
}

#[derive(Debug)]
pub enum Input {
    /// The argument as JSON text: a callable's input, an event, a change, a tick.
    Json(Bytes),
    Http(HttpInput),
}

/// A request to an `http` function, and where its answer goes.
#[derive(Debug)]
pub struct HttpInput {
    pub method: String,
    /// Absolute.
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
    /// Told once, when the function has answered; what follows of the body comes through the head's channel.
    pub answer: oneshot::Sender<HttpHead>,
}

#[derive(Debug)]
pub struct HttpHead {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    /// A few pieces ahead; closed at the body's end. A body that breaks off ends with the report's outcome.
    pub body: mpsc::Receiver<Bytes>,
}

/// What `ctx` shows beside what it calls.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// As rules see it: `null` for a visitor, and where nobody calls.
    pub auth: Value,
    pub alias: String,
    pub version: u32,
    /// The same on every try of one event, task or tick.
    pub idempotency_key: Option<String>,
    /// 1 on the first try.
    pub attempt: u32,
    pub traceparent: Option<String>,
    pub secrets: BTreeMap<String, String>,
    pub env: BTreeMap<String, String>,
}

/// `Fresh`: an instance of its own, thrown away after the call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Isolation {
    #[default]
    Shared,
    Fresh,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub wall: Duration,
    /// Time on a processor; waiting for the host is free.
    pub cpu: Duration,
    /// Bytes of its heap.
    pub memory: usize,
    /// Bytes of a result, or of an `http` answer.
    pub result: usize,
    /// Bytes of what it logs.
    pub log: usize,
    /// Calls of the host.
    pub host_calls: u32,
    /// Calls of this instance's function under way at once, in all workers.
    pub concurrency: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            wall: Duration::from_secs(10),
            cpu: Duration::from_secs(10),
            memory: 64 << 20,
            result: 6 << 20,
            log: 256 << 10,
            host_calls: 1_000,
            concurrency: 100,
        }
    }
}
