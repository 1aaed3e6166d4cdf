//! Scripts in worker processes, supervised.
//!
//! The server side of `worker`: a pool of processes, a thread that keeps them to their limits ([`keeper`]), and a future
//! for each call. What goes wrong in a worker is a call's outcome, never the server's fault.

mod call;
mod compiling;
mod hub;
mod keeper;
mod metrics;
mod options;
mod pool;
mod process;
mod worker;

use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Instant;

use basalt_core::{Clock, Error, Result};
use bytes::Bytes;

pub use options::WorkersOptions;

use crate::cache::Cache;
use crate::report::{Outcome, Report, RuntimeStats, Thrown};
use crate::{BoxFuture, Code, CodeId, FunctionRuntime, HostApi, Invocation, Prepared, Sources, compile};
use hub::Hub;
use keeper::{Errand, Keeper};
use pool::Key;

/// Deploys that are compiled at once, each in a process of its own.
const COMPILERS: usize = 2;

/// Runs [`Code::Script`].
pub struct Workers {
    hub: Arc<Hub>,
    bundles: Cache<Bytes>,
    compilers: tokio::sync::Semaphore,
    keeper: Option<JoinHandle<()>>,
}

impl Workers {
    /// Starts the keeper; the first worker starts with the first call. Tasks run in the runtime of the caller.
    pub fn start(options: WorkersOptions, clock: Arc<dyn Clock>) -> Result<Self> {
        metrics::describe();
        let (send, errands) = mpsc::channel();
        let bundles = Cache::new(options.bytecode);
        let hub = Arc::new(Hub::new(options, clock, send));
        let runtime = tokio::runtime::Handle::try_current().map_err(Error::internal)?;
        let keeper = Keeper::new(Arc::clone(&hub), runtime);
        let thread = std::thread::Builder::new().name("workers".to_owned());
        let keeper = thread.spawn(move || keeper.run(&errands)).map_err(Error::internal)?;
        Ok(Self { hub, bundles, compilers: tokio::sync::Semaphore::new(COMPILERS), keeper: Some(keeper) })
    }

    /// The processes at the moment, for those who look at them.
    pub fn pids(&self) -> Vec<u32> {
        self.hub.pool().handles().map(|worker| worker.pid).collect()
    }

    async fn compile(&self, code: &Code, evaluate: bool) -> Result<(Bytes, Vec<crate::Declaration>)> {
        let _permit = self.compilers.acquire().await.map_err(Error::internal)?;
        compiling::compile(&self.hub, code, evaluate).await
    }

    async fn run(&self, invocation: Invocation, host: Arc<dyn HostApi>) -> Report {
        let started = Instant::now();
        let code = Arc::clone(&invocation.code);
        let made = async { self.compile(&code, false).await.map(|(bundle, _)| sized(bundle)) };
        let bundle = match self.bundles.get(code.id(), made).await {
            Ok(bundle) => bundle,
            Err(error) => return Report::without_call(started, Outcome::Threw(not_loaded(&error))),
        };
        let key: Key = format!("{}\n{}", invocation.instance, code.id()).into();
        let entered = loop {
            let Some(place) = self.hub.place(&key).await else {
                return Report::without_call(started, Outcome::Overloaded);
            };
            if let Some(entered) = call::Entered::at(&self.hub, place, &invocation.limits) {
                break entered;
            }
        };
        let mut report = call::run(&self.hub, entered, &bundle, invocation, host).await;
        if let Outcome::Threw(Thrown { stack: Some(stack), .. }) = &mut report.outcome {
            *stack = compile::original_stack(&code, stack);
        }
        report
    }
}

impl FunctionRuntime for Workers {
    fn prepare(&self, sources: Sources) -> BoxFuture<'_, Result<Prepared>> {
        Box::pin(async move {
            let stripped = tokio::task::spawn_blocking(move || compile::strip(&sources));
            let code = stripped.await.map_err(Error::internal)??;
            let (bundle, declarations) = self.compile(&code, true).await?;
            let (bundle, size) = sized(bundle);
            self.bundles.put(code.id(), bundle, size);
            Ok(Prepared { code, declarations })
        })
    }

    fn invoke(&self, invocation: Invocation, host: Arc<dyn HostApi>) -> BoxFuture<'_, Report> {
        Box::pin(self.run(invocation, host))
    }

    fn evict(&self, code: &CodeId) {
        self.bundles.forget(code);
        let forgotten = self.hub.pool().forget(|key| key.rsplit('\n').next() == Some(&code.0));
        hub::forget(forgotten);
    }

    fn stats(&self) -> RuntimeStats {
        self.hub.stats()
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.hub.send(Errand::Stop);
        if let Some(keeper) = self.keeper.take() {
            // Its panic has been printed, and the workers have died with it.
            let _ = keeper.join();
        }
    }
}

fn sized(bundle: Bytes) -> (Bytes, usize) {
    let size = bundle.len();
    (bundle, size)
}

/// Code that was prepared once can't be loaded any longer.
fn not_loaded(error: &Error) -> Thrown {
    let (name, message) = ("Error".to_owned(), error.detail().to_owned());
    Thrown { refusal: None, name, message, stack: None }
}
