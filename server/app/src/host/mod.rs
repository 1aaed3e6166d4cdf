//! What functions may call: the same use cases that the API calls, as the function's caller.
//!
//! Promises: a function gets no right that its caller doesn't have, but where it says `asService()`; what it gets back
//! is bounded; before a write is committed nothing is written on its behalf. This room knows documents, files and
//! channels, and no room knows it.

mod arguments;
mod channels;
mod db;
mod fetch;
mod files;
mod functions;
mod messages;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use basalt_core::principal::{Scope, ServicePrincipal};
use basalt_core::{Caller, Code, DocumentId, Error, Principal, Result, Spans};
use basalt_data::documents::Documents;
use basalt_outbound::{Egress, Guarded};
use basalt_runtime::{HostApi, HostError, HostReply, HostRequest, LogLine};
use serde::Serialize;
use serde_json::Value;
use tokio::sync::Semaphore;

pub use functions::{Enqueue, Functions, Invoke};
pub use messages::{MESSAGES, MessagesHandler, Outbox, OutboxPage};

use crate::common::Db;
use crate::files::Files;
use crate::realtime::Realtime;

pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Calls of one invocation that are under way at once; further ones wait.
const AT_ONCE: usize = 32;
/// Bytes of JSON that one call gives back.
const ANSWER_BYTES: usize = 16 << 20;

/// What the room stands on.
pub struct HostParts {
    pub db: Db,
    pub documents: Documents,
    pub files: Files,
    pub realtime: Realtime,
    pub functions: Arc<dyn Functions>,
    /// The way to other servers.
    pub guarded: Guarded,
    pub spans: Arc<dyn Spans>,
    /// `https://api.example.org`, for signed URLs.
    pub public_url: Option<String>,
}

/// The room; cheap to clone.
#[derive(Clone)]
pub struct Host(Arc<HostParts>);

/// One invocation, as its calls need to know it.
pub struct Invoked {
    /// Whose rights the calls have: in the invocation's trace, one call deeper than the invocation's own caller.
    pub caller: Caller,
    pub function: Arc<str>,
    pub allowed: Allowed,
    pub egress: Arc<Egress>,
    /// Bytes that left for other servers and came from them.
    pub traffic: Arc<AtomicU64>,
    pub log: Box<dyn Fn(LogLine) + Send + Sync>,
}

/// What an invocation may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowed {
    Everything,
    /// A before-hook: what it wrote would outlive the write that it refuses.
    Reading,
}

impl Host {
    pub fn new(parts: HostParts) -> Self {
        Self(Arc::new(parts))
    }

    /// The server as one invocation sees it.
    pub fn open(&self, invoked: Invoked) -> Arc<dyn HostApi> {
        let service = as_service(&invoked.caller, &invoked.function);
        let places = Semaphore::new(AT_ONCE);
        Arc::new(Opened { host: Arc::clone(&self.0), invoked, service, places })
    }
}

/// The same request with the rights of a service: the log's actor is then `fn-` and the function's name.
fn as_service(caller: &Caller, function: &str) -> Caller {
    let name: String = function.chars().take(61).collect();
    let principal = match DocumentId::parse(&format!("fn-{name}")) {
        Ok(id) => Principal::Service(Arc::new(ServicePrincipal { id, scopes: vec![Scope::All] })),
        Err(_) => Principal::System,
    };
    Caller { principal, request: caller.request.clone() }
}

struct Opened {
    host: Arc<HostParts>,
    invoked: Invoked,
    service: Caller,
    places: Semaphore,
}

/// One call, its arguments still to be read.
struct Call<'a> {
    host: &'a HostParts,
    invoked: &'a Invoked,
    caller: &'a Caller,
    op: &'a str,
    arguments: Value,
    body: bytes::Bytes,
}

impl HostApi for Opened {
    fn call(&self, request: HostRequest) -> basalt_runtime::BoxFuture<'_, Result<HostReply, HostError>> {
        Box::pin(async move {
            let place = self.places.acquire().await;
            let answered = self.answer(request).await;
            drop(place);
            answered.map_err(|error| {
                if error.code() == Code::Internal {
                    tracing::error!(?error, function = %self.invoked.function, "a call of a function failed");
                }
                HostError::from(error)
            })
        })
    }

    fn log(&self, line: LogLine) {
        (self.invoked.log)(line);
    }
}

impl Opened {
    async fn answer(&self, request: HostRequest) -> Result<HostReply> {
        let HostRequest { op, mut arguments, body } = request;
        let service = arguments.as_object_mut().and_then(|map| map.remove("service")) == Some(Value::Bool(true));
        if self.invoked.allowed == Allowed::Reading && !only_reads(&op) {
            let detail =
                format!("{op} can't be called in a before-hook: nothing is written before the write it is for.");
            return Err(Error::new(Code::Forbidden, detail));
        }
        let caller = if service { &self.service } else { &self.invoked.caller };
        let call = Call { host: &self.host, invoked: &self.invoked, caller, op: &op, arguments, body };
        call.answer().await
    }
}

/// What leaves everything as it is.
fn only_reads(op: &str) -> bool {
    matches!(
        op,
        "db.get" | "db.list" | "db.aggregate" | "files.list" | "files.metadata" | "files.read" | "files.sign" | "fetch"
    )
}

impl Call<'_> {
    async fn answer(self) -> Result<HostReply> {
        match self.op.split_once('.') {
            Some(("db", what)) => {
                let what = what.to_owned();
                db::call(self, &what).await
            }
            Some(("files", what)) => {
                let what = what.to_owned();
                files::call(self, &what).await
            }
            Some(("functions", what)) => {
                let what = what.to_owned();
                functions::call(self, &what).await
            }
            Some(("channels", "publish")) => channels::publish(self).await,
            Some(("messages", "send")) => messages::send(self).await,
            None if self.op == "fetch" => fetch::call(self).await,
            _ => Err(unknown(self.op)),
        }
    }

    /// The arguments, and the rest of the call.
    fn read<T: serde::de::DeserializeOwned>(&mut self) -> Result<T> {
        arguments::read(self.op, std::mem::take(&mut self.arguments))
    }

    fn count(&self, bytes: usize) {
        self.invoked.traffic.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

fn unknown(op: &str) -> Error {
    let op: String = op.chars().take(64).collect();
    Error::new(Code::BadRequest, format!("There is no call {op:?}."))
}

/// An answer in JSON, if it isn't too large.
fn reply(value: impl Serialize) -> Result<HostReply> {
    let value = serde_json::to_value(value).map_err(Error::internal)?;
    let mut size = Counter(0);
    let fits = serde_json::to_writer(&mut size, &value).is_ok();
    if !fits {
        let detail = format!("The answer has more than {ANSWER_BYTES} bytes: ask for fewer documents at a time.");
        return Err(Error::new(Code::ResultTooLarge, detail));
    }
    Ok(HostReply { value, body: bytes::Bytes::new() })
}

/// Counts what is written, and stops where it is too much.
struct Counter(usize);

impl std::io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        if self.0 > ANSWER_BYTES { Err(std::io::ErrorKind::OutOfMemory.into()) } else { Ok(bytes.len()) }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use basalt_core::Timestamp;
    use basalt_core::change::ActorKind;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_function_as_a_service_has_its_name_in_the_log() {
        let caller = Caller { principal: Principal::Visitor, ..Caller::system(Timestamp::from_millis(0)) };
        let actor = as_service(&caller, "wordCount").actor();
        assert_eq!((actor.kind, actor.id.as_deref()), (ActorKind::Service, Some("fn-wordCount")));
        let long = as_service(&caller, &"x".repeat(63)).actor();
        assert_eq!(long.id.unwrap().len(), 64);
    }

    #[test]
    fn answers_are_bounded() {
        assert_eq!(reply(json!({"n": 1})).unwrap().value, json!({"n": 1}));
        let error = reply("x".repeat(ANSWER_BYTES)).unwrap_err();
        assert_eq!(error.code(), Code::ResultTooLarge);
    }

    #[test]
    fn a_before_hook_reads_only() {
        for op in ["db.create", "db.transaction", "files.write", "messages.send", "functions.invoke", "x"] {
            assert!(!only_reads(op), "{op}");
        }
        assert!(only_reads("db.get") && only_reads("fetch"));
    }
}
