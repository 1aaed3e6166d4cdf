//! What functions may call, and the way from there back to functions.

use std::sync::{Arc, OnceLock, Weak};

use basalt_app::functions::{Call, Calls, HostCall, Hosts, Json, NewTask, When};
use basalt_app::host::{Allowed, BoxFuture, Enqueue, Functions, Host, Invoke, Invoked};
use basalt_core::{Caller, Code, DocumentId, Error, Result};
use basalt_runtime::HostApi;
use bytes::Bytes;
use tokio::task::JoinSet;

/// Calls of functions, once they are wired: what stands below them asks through here. Held weakly, since this is the one
/// circle among the rooms (documents, hooks, functions, host, documents); [`super::Functions`] holds them.
#[derive(Clone, Default)]
pub(crate) struct Late(Arc<OnceLock<Weak<Calls>>>);

/// What there is of them.
pub(super) enum Found {
    /// Nothing is wired yet: nobody writes but the server itself.
    Before,
    Calls(Calls),
    /// The node has ended.
    Gone,
}

impl Late {
    pub(super) fn set(&self, calls: &Arc<Calls>) {
        // Once only: a node is wired once.
        let _ = self.0.set(Arc::downgrade(calls));
    }

    pub(super) fn get(&self) -> Found {
        let Some(calls) = self.0.get() else { return Found::Before };
        calls.upgrade().map_or(Found::Gone, |calls| Found::Calls((*calls).clone()))
    }

    fn ready(&self) -> Result<Calls> {
        match self.get() {
            Found::Calls(calls) => Ok(calls),
            Found::Before | Found::Gone => Err(away()),
        }
    }
}

pub(super) fn away() -> Error {
    Error::new(Code::Unavailable, "The server is starting or stopping; try again in a moment.")
}

impl Functions for Late {
    fn invoke(&self, caller: Caller, invoke: Invoke) -> BoxFuture<'_, Result<Option<Bytes>>> {
        Box::pin(async move {
            let (calls, Invoke { name, input, alias }) = (self.ready()?, invoke);
            let resolved = calls.resolve(&name, alias.as_deref())?;
            let call = Call { resolved, input: Json::of(input), idempotency: None };
            // A task of its own, which ends with this one: calls within calls would lie on one stack else.
            let mut inner = JoinSet::new();
            inner.spawn(async move { calls.call(&caller, call).await });
            let answered = inner.join_next().await.ok_or_else(|| Error::internal("a call that did not begin"))?;
            Ok(answered.map_err(Error::internal)??.result)
        })
    }

    fn enqueue(&self, caller: Caller, enqueue: Enqueue) -> BoxFuture<'_, Result<String>> {
        Box::pin(async move {
            let Enqueue { name, input, delay, run_at, key } = enqueue;
            let when = When::parse(delay.as_ref(), run_at.as_deref())?;
            let task = NewTask { function: name, input, when, key };
            Ok(self.ready()?.enqueue(&caller, task, None).await?.to_string())
        })
    }

    fn cancel(&self, caller: Caller, id: String) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move { self.ready()?.cancel(&caller, &DocumentId::parse(&id)?).await })
    }
}

/// The room of hosts, for the room of functions.
pub(super) struct OfHost(pub(super) Host);

impl Hosts for OfHost {
    fn host(&self, call: HostCall) -> Arc<dyn HostApi> {
        let HostCall { caller, function, reads_only, egress, traffic, log } = call;
        let allowed = if reads_only { Allowed::Reading } else { Allowed::Everything };
        self.0.open(Invoked { caller, function, allowed, egress, traffic, log })
    }
}
