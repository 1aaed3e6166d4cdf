//! Functions: what runs them, what is deployed, how it is called.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use basalt_app::auth::{Moment, UserHookFuture, UserHooks as AuthHooks};
use basalt_app::functions::{
    Calls, CallsParts, DocumentHooks, INVOCATION, InvocationLanes, Registry, RegistryParts, Sessions, TASK, TaskLanes,
    UserEvent, UserHooks,
};
use basalt_app::host::{Host, HostParts, MESSAGES, MessagesHandler, Outbox};
use basalt_app::{Db, MasterSecret, Principals};
use basalt_core::principal::UserPrincipal;
use basalt_core::{Caller, ChangeOp, CollectionName, DocumentId, Result};
use basalt_data::documents::{BeforeWrite, Documents, HookFuture, Hooks, Verdict};
use basalt_data::jobs::Handlers;
use basalt_outbound::Guarded;
use basalt_runtime::{FunctionRuntime, Runtimes, WorkersOptions};
use serde_json::{Map, Value};

use super::host::{Found, Late, OfHost, away};
use super::tracing::Tracing;
use crate::configuration::Configuration;
use crate::outside::Outside;

/// What functions stand on.
pub(super) struct Foundation {
    pub(super) db: Db,
    pub(super) master: MasterSecret,
    pub(super) documents: Documents,
    pub(super) files: basalt_app::files::Files,
    pub(super) realtime: basalt_app::realtime::Realtime,
    pub(super) principals: Principals,
    pub(super) guarded: Guarded,
    pub(super) late: Late,
}

/// The rooms.
#[derive(Clone)]
pub struct Functions {
    pub registry: Registry,
    pub calls: Calls,
    pub outbox: Outbox,
    pub runtime: Arc<dyn FunctionRuntime>,
    /// What hooks and hosts find by [`Late`].
    _held: Arc<Calls>,
}

pub(super) async fn wire(
    foundation: Foundation,
    configuration: &Configuration,
    outside: &Outside,
    tracing: &Tracing,
) -> Result<Functions> {
    let Foundation { db, master, documents, files, realtime, principals, guarded, late } = foundation;
    let options = WorkersOptions::new(outside.worker.clone());
    let runtime: Arc<dyn FunctionRuntime> = Arc::new(Runtimes::start(options, Arc::clone(&outside.clock))?);
    let registry = Registry::open(RegistryParts { db: db.clone(), master, runtime: Arc::clone(&runtime) }).await?;
    let host = Host::new(HostParts {
        db: db.clone(),
        documents,
        files,
        realtime,
        functions: Arc::new(late.clone()),
        guarded: guarded.clone(),
        spans: Arc::clone(&tracing.spans),
        public_url: configuration.public_url.clone(),
    });
    let calls = Calls::new(CallsParts {
        db: db.clone(),
        registry: registry.clone(),
        runtime: Arc::clone(&runtime),
        hosts: Arc::new(OfHost(host)),
        sessions: Arc::new(OfPrincipals(principals)),
        guarded,
        spans: Arc::clone(&tracing.spans),
    });
    let held = Arc::new(calls.clone());
    late.set(&held);
    Ok(Functions { registry, calls, outbox: Outbox::new(db), runtime, _held: held })
}

/// The jobs that calls leave.
pub(super) fn handlers(handlers: Handlers, functions: &Functions) -> Handlers {
    handlers
        .with(MESSAGES, Arc::new(MessagesHandler(functions.outbox.clone())))
        .with_family(TASK, Arc::new(TaskLanes(functions.calls.clone())))
        .with_family(INVOCATION, Arc::new(InvocationLanes(functions.calls.clone())))
}

struct OfPrincipals(Principals);

impl Sessions for OfPrincipals {
    fn user<'a>(
        &'a self,
        user: &'a DocumentId,
        session: &'a DocumentId,
    ) -> Pin<Box<dyn Future<Output = Result<Arc<UserPrincipal>>> + Send + 'a>> {
        Box::pin(self.0.of_session(user, session))
    }
}

/// What is gone refuses: nothing is written past a hook.
impl Hooks for Late {
    fn concerns(&self, collection: &CollectionName, op: ChangeOp) -> bool {
        match self.get() {
            Found::Before => false,
            Found::Calls(calls) => DocumentHooks(calls).concerns(collection, op),
            Found::Gone => true,
        }
    }

    fn before<'a>(&'a self, caller: &'a Caller, write: BeforeWrite) -> HookFuture<'a> {
        Box::pin(async move {
            match self.get() {
                Found::Before => Ok(Verdict::Unchanged),
                Found::Calls(calls) => DocumentHooks(calls).before(caller, write).await,
                Found::Gone => Err(away()),
            }
        })
    }
}

impl AuthHooks for Late {
    fn concerns(&self, moment: Moment) -> bool {
        let moment = match moment {
            Moment::Create => UserEvent::Create,
            Moment::SignIn => UserEvent::SignIn,
        };
        match self.get() {
            Found::Before => false,
            Found::Calls(calls) => UserHooks(calls).concerns(moment),
            Found::Gone => true,
        }
    }

    fn create<'a>(
        &'a self,
        caller: &'a Caller,
        id: &'a DocumentId,
        next: Map<String, Value>,
    ) -> UserHookFuture<'a, Map<String, Value>> {
        Box::pin(async move {
            match self.get() {
                Found::Before => Ok(next),
                Found::Calls(calls) => UserHooks(calls).create(caller, id, next).await,
                Found::Gone => Err(away()),
            }
        })
    }

    fn sign_in<'a>(
        &'a self,
        caller: &'a Caller,
        id: &'a DocumentId,
        user: Map<String, Value>,
    ) -> UserHookFuture<'a, ()> {
        Box::pin(async move {
            match self.get() {
                Found::Before => Ok(()),
                Found::Calls(calls) => UserHooks(calls).sign_in(caller, id, user).await,
                Found::Gone => Err(away()),
            }
        })
    }
}
