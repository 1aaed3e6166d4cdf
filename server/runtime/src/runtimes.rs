//! Both kinds of sandboxes behind one face: code goes to the one that its language asks for.

use std::sync::Arc;

use basalt_core::{Clock, Result};

use crate::report::RuntimeStats;
#[cfg(feature = "wasm")]
use crate::wasm::Guests;
use crate::workers::{Workers, WorkersOptions};
use crate::{BoxFuture, Code, CodeId, FunctionRuntime, HostApi, Invocation, Prepared, Report, Sources};

/// What a server runs functions with.
pub struct Runtimes {
    scripts: Workers,
    #[cfg(feature = "wasm")]
    guests: Guests,
}

impl Runtimes {
    /// Starts what both need, which is little before the first call. Tasks run in the runtime of the caller.
    pub fn start(options: WorkersOptions, clock: Arc<dyn Clock>) -> Result<Self> {
        Ok(Self {
            #[cfg(feature = "wasm")]
            guests: Guests::new(Arc::clone(&clock)),
            scripts: Workers::start(options, clock)?,
        })
    }

    #[cfg(feature = "wasm")]
    fn of(&self, is_wasm: bool) -> &dyn FunctionRuntime {
        if is_wasm { &self.guests } else { &self.scripts }
    }

    /// Without WebAssembly in this build, workers say what they think of it.
    #[cfg(not(feature = "wasm"))]
    fn of(&self, _: bool) -> &dyn FunctionRuntime {
        &self.scripts
    }
}

impl FunctionRuntime for Runtimes {
    fn prepare(&self, sources: Sources) -> BoxFuture<'_, Result<Prepared>> {
        let is_wasm = std::path::Path::new(&sources.entry).extension().is_some_and(|extension| extension == "wasm");
        self.of(is_wasm).prepare(sources)
    }

    fn invoke(&self, invocation: Invocation, host: Arc<dyn HostApi>) -> BoxFuture<'_, Report> {
        self.of(matches!(*invocation.code, Code::Wasm { .. })).invoke(invocation, host)
    }

    fn evict(&self, code: &CodeId) {
        self.of(true).evict(code);
        self.of(false).evict(code);
    }

    fn stats(&self) -> RuntimeStats {
        let scripts = self.scripts.stats();
        #[cfg(feature = "wasm")]
        {
            let guests = self.guests.stats();
            RuntimeStats { calls: scripts.calls + guests.calls, waiting: scripts.waiting + guests.waiting, ..scripts }
        }
        #[cfg(not(feature = "wasm"))]
        scripts
    }
}
