//! WebAssembly in the server's process: a fresh instance for each call, on a thread of its own for as long as it runs.
//!
//! Promises: a guest reaches nothing but the two functions that it imports; it is stopped within a few milliseconds of its
//! deadline, wherever it is; one guest never takes the last thread from the others. `docs/functions-wasm.md` is the
//! contract with guests.

mod engine;
mod guest;
mod imports;
mod memory;
mod slots;

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use basalt_core::{Clock, Code as ErrorCode, Error, FieldError, Result};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use crate::asked::Asked;
use crate::cache::Cache;
use crate::report::{Outcome, Report, RuntimeStats, Thrown};
use crate::{
    BoxFuture, Code, CodeId, Declaration, FunctionRuntime, HostApi, Input, Invocation, Kind, Prepared, Sources, prelude,
};
use engine::{Engine, Loaded};
use guest::Call;
use imports::{Answer, Ask};
use slots::Slots;

/// Of compiled code that is kept.
const MODULE_BYTES: usize = 256 << 20;
/// Calls at once, each on a thread.
const THREADS: usize = 32;
/// How long a call waits for a thread.
const WAIT: Duration = Duration::from_secs(10);

/// Runs [`Code::Wasm`].
pub struct Guests {
    clock: Arc<dyn Clock>,
    /// Made for the first guest: without one it costs nothing.
    engine: OnceLock<Arc<Engine>>,
    modules: Cache<Loaded>,
    slots: Slots,
    compilers: tokio::sync::Semaphore,
}

impl Guests {
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let modules = Cache::new(MODULE_BYTES);
        let (engine, slots) = (OnceLock::new(), Slots::new(THREADS));
        Self { clock, engine, modules, slots, compilers: tokio::sync::Semaphore::new(1) }
    }

    fn engine(&self) -> Result<Arc<Engine>> {
        if let Some(engine) = self.engine.get() {
            return Ok(Arc::clone(engine));
        }
        let engine = Arc::new(Engine::new(THREADS).map_err(Error::internal)?);
        Ok(Arc::clone(self.engine.get_or_init(|| engine)))
    }

    /// The error is the module's fault, as people are told it.
    async fn load(&self, module: Bytes) -> Result<std::result::Result<Loaded, String>> {
        let engine = self.engine()?;
        let _permit = self.compilers.acquire().await.map_err(Error::internal)?;
        let loading = tokio::task::spawn_blocking(move || engine.load(&module).map_err(|error| format!("{error:#}")));
        loading.await.map_err(Error::internal)
    }

    async fn loaded(&self, code: &Code) -> Result<Loaded> {
        let make = async {
            let Code::Wasm { module, .. } = code else { return Err(Error::internal("a script is no guest")) };
            let bytes = BASE64_STANDARD.decode(module).map_err(Error::internal)?;
            let size = bytes.len();
            let loaded = self.load(Bytes::from(bytes)).await?.map_err(Error::internal)?;
            // Compiled code is a few times as large as what it was made of.
            Ok((loaded, size * 4))
        };
        self.modules.get(code.id(), make).await
    }

    async fn prepared(&self, sources: Sources) -> Result<Prepared> {
        let path = &sources.entry;
        let module = sources.files.get(path).cloned().unwrap_or_default();
        let size = module.len();
        let loaded = self.load(module.clone()).await?.map_err(|why| {
            let fault = FieldError::new(format!("/{path}"), "bad_module", why);
            Error::new(ErrorCode::InvalidDefinition, "the module can't be loaded").with_errors(vec![fault])
        })?;
        let id = CodeId(hex(&Sha256::digest(&module)));
        self.modules.put(&id, loaded, size * 4);
        let export = Path::new(path).file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let options = Value::Object(serde_json::Map::new());
        let declaration = Declaration { export, kind: Kind::Callable, subject: None, options };
        let code = Code::Wasm { id, module: BASE64_STANDARD.encode(&module) };
        Ok(Prepared { code, declarations: vec![declaration] })
    }

    async fn run(&self, invocation: Invocation, host: Arc<dyn HostApi>) -> Report {
        let started = Instant::now();
        let done = |outcome| Report::without_call(started, outcome);
        let loaded = match self.loaded(&invocation.code).await {
            Ok(loaded) => loaded,
            Err(error) => return done(Outcome::Threw(not_loaded(&error))),
        };
        let Ok(slot) = tokio::time::timeout(WAIT, self.slots.take(&invocation.instance)).await else {
            return done(Outcome::Overloaded);
        };
        let Ok(engine) = self.engine() else { return done(Outcome::WorkerLost) };
        let (ask, mut asked) = mpsc::channel(1);
        let given_up = GivenUp(Arc::new(AtomicBool::new(false)));
        let context = prelude::call_text(&invocation);
        let Input::Json(input) = invocation.input else {
            return done(Outcome::BadResult("a WebAssembly function gets JSON and gives JSON".to_owned()));
        };
        let call = Call {
            context,
            input,
            limits: invocation.limits,
            deadline: Instant::now() + invocation.limits.wall,
            given_up: Arc::clone(&given_up.0),
            clock: Arc::clone(&self.clock),
            host: Arc::clone(&host),
            ask,
        };
        let running = tokio::task::spawn_blocking(move || {
            let report = engine.run(|| guest::run(&loaded, call));
            // Given back by the thread: a call that nobody waits for any longer has one, too, until it is stopped.
            drop(slot);
            report
        });
        tokio::pin!(running);
        let (mut calls, mut answers) = (Asked::default(), HashMap::new());
        let mut count = 0;
        loop {
            tokio::select! {
                report = &mut running => return report.unwrap_or_else(|_| done(Outcome::WorkerLost)),
                Some(Ask { request, answer }) = asked.recv() => {
                    count += 1;
                    answers.insert(count, answer);
                    calls.ask(count, &host, request);
                }
                Some((number, replied)) = calls.next(), if !calls.is_empty() => {
                    // A guest whose time is over doesn't listen any longer.
                    let _ = answers.remove(&number).map(|answer: Answer| answer.send(replied));
                }
            }
        }
    }
}

impl FunctionRuntime for Guests {
    fn prepare(&self, sources: Sources) -> BoxFuture<'_, Result<Prepared>> {
        Box::pin(self.prepared(sources))
    }

    fn invoke(&self, invocation: Invocation, host: Arc<dyn HostApi>) -> BoxFuture<'_, Report> {
        Box::pin(self.run(invocation, host))
    }

    fn evict(&self, code: &CodeId) {
        self.modules.forget(code);
    }

    fn stats(&self) -> RuntimeStats {
        let (calls, waiting) = self.slots.counts();
        RuntimeStats { calls, waiting, ..RuntimeStats::default() }
    }
}

/// Tells the guest, when it is dropped, that nobody waits for it.
struct GivenUp(Arc<AtomicBool>);

impl Drop for GivenUp {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    digits.map(char::from).collect()
}

fn not_loaded(error: &Error) -> Thrown {
    let message = error.cause().unwrap_or(error.detail()).to_owned();
    Thrown { refusal: None, name: "Error".to_owned(), message, stack: None }
}
