//! Calls of functions, whatever they come from: who may, with what, how many at once, and what becomes of them.
//!
//! Promises: nothing runs that a rule didn't allow; what waits is bounded, and says so where it is too much; a fault of
//! a function is its caller's answer and nobody else's trouble; every call is written down, measured and traced.

mod answer;
mod callers;
mod events;
mod gate;
mod http;
mod once;
mod outcome;
mod record;
mod remote;
mod rights;
mod run;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use basalt_core::random;
use basalt_core::trace::Spans;
use basalt_core::{Caller, DocumentId, Result};
use basalt_outbound::{Egress, Guarded};
use basalt_runtime::{FunctionRuntime, HostApi, LogLine};

pub use answer::{Answer, Call, Json};
pub use callers::Sessions;
pub(in crate::functions) use callers::{Remembered, may_see, odd, owner};
pub(in crate::functions) use events::told;
pub use http::{HttpAnswer, HttpBody, HttpCall};
pub(in crate::functions) use outcome::is_final;
pub(in crate::functions) use run::Run;

use super::{Registry, Resolved};
use crate::common::Db;
use gate::Gate;

pub(super) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What the server is for one call: the room `host` makes it.
pub struct HostCall {
    /// In the call's trace, one call deeper than the call's own caller.
    pub caller: Caller,
    pub function: Arc<str>,
    /// A before-hook: it writes nothing.
    pub reads_only: bool,
    pub egress: Arc<Egress>,
    /// Bytes to and from other servers are added here.
    pub traffic: Arc<AtomicU64>,
    pub log: Box<dyn Fn(LogLine) + Send + Sync>,
}

pub trait Hosts: Send + Sync {
    fn host(&self, call: HostCall) -> Arc<dyn HostApi>;
}

/// What calls stand on.
pub struct CallsParts {
    pub db: Db,
    pub registry: Registry,
    pub runtime: Arc<dyn FunctionRuntime>,
    pub hosts: Arc<dyn Hosts>,
    pub sessions: Arc<dyn Sessions>,
    /// The way to functions elsewhere.
    pub guarded: Guarded,
    pub spans: Arc<dyn Spans>,
}

/// Calls of functions; cheap to clone.
#[derive(Clone)]
pub struct Calls(Arc<Inner>);

pub struct Inner {
    pub(in crate::functions) db: Db,
    pub(in crate::functions) registry: Registry,
    runtime: Arc<dyn FunctionRuntime>,
    hosts: Arc<dyn Hosts>,
    sessions: Arc<dyn Sessions>,
    guarded: Guarded,
    spans: Arc<dyn Spans>,
    gate: Gate,
}

impl std::ops::Deref for Calls {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Calls {
    pub fn new(parts: CallsParts) -> Self {
        let CallsParts { db, registry, runtime, hosts, sessions, guarded, spans } = parts;
        Self(Arc::new(Inner { db, registry, runtime, hosts, sessions, guarded, spans, gate: Gate::default() }))
    }

    /// The version that a call of `name` goes to, drawn by the weights of its alias.
    pub fn resolve(&self, name: &str, alias: Option<&str>) -> Result<Resolved> {
        let [drawn] = random::bytes::<1>(self.db.random());
        self.registry.resolve(name, alias, u32::from(drawn) * 100 / 256)
    }

    pub(in crate::functions) fn new_id(&self) -> DocumentId {
        self.registry.new_invocation()
    }
}
