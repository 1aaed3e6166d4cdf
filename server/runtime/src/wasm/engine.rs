//! The engine that all guests share, and the thread by which their time passes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use wasmtime::{
    Config, InstanceAllocationStrategy, InstancePre, Linker, Module, PoolingAllocationConfig, Result, bail, ensure,
};

use super::guest::{ALLOCATE, CALL, Guest, MEMORY};
use super::imports;

/// How often guests that run are looked at.
const TICK: Duration = Duration::from_millis(2);
/// The largest memory that a limit may grant.
const MEMORY_BYTES: usize = 1 << 30;
/// Of a memory that a thread keeps for the next guest.
const KEPT_BYTES: usize = 256 << 10;
const STACK_BYTES: usize = 1 << 20;

pub(super) struct Engine {
    shared: wasmtime::Engine,
    linker: Linker<Guest>,
    ticking: Arc<Ticking>,
    ticker: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Ticking {
    running: AtomicUsize,
    ended: AtomicBool,
}

/// A module that is compiled, checked and linked.
#[derive(Clone)]
pub(super) struct Loaded {
    pub(super) instance: InstancePre<Guest>,
}

impl Engine {
    pub(super) fn new(guests: usize) -> Result<Self> {
        let engine = wasmtime::Engine::new(&config(true, guests)?);
        // A machine that grants no address space ahead of its use still runs guests, only slower.
        let engine = engine.or_else(|_| wasmtime::Engine::new(&config(false, guests)?))?;
        let mut linker = Linker::new(&engine);
        imports::define(&mut linker)?;
        let ticking = Arc::new(Ticking::default());
        let (clock, watched) = (engine.clone(), Arc::clone(&ticking));
        let thread = std::thread::Builder::new().name("guests".to_owned());
        let ticker = thread.spawn(move || tick(&clock, &watched))?;
        Ok(Self { shared: engine, linker, ticking, ticker: Some(ticker) })
    }

    pub(super) fn load(&self, module: &[u8]) -> Result<Loaded> {
        let module = Module::new(&self.shared, module)?;
        check(&module)?;
        Ok(Loaded { instance: self.linker.instantiate_pre(&module)? })
    }

    /// Runs a guest; time passes for it.
    pub(super) fn run<T>(&self, guest: impl FnOnce() -> T) -> T {
        self.ticking.running.fetch_add(1, Ordering::SeqCst);
        if let Some(ticker) = &self.ticker {
            ticker.thread().unpark();
        }
        let done = guest();
        self.ticking.running.fetch_sub(1, Ordering::SeqCst);
        done
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.ticking.ended.store(true, Ordering::SeqCst);
        if let Some(ticker) = self.ticker.take() {
            ticker.thread().unpark();
            // It does nothing that could fail.
            let _ = ticker.join();
        }
    }
}

fn tick(engine: &wasmtime::Engine, ticking: &Ticking) {
    while !ticking.ended.load(Ordering::SeqCst) {
        if ticking.running.load(Ordering::SeqCst) == 0 {
            std::thread::park();
        } else {
            std::thread::sleep(TICK);
            engine.increment_epoch();
        }
    }
}

fn config(pooling: bool, guests: usize) -> Result<Config> {
    let mut config = Config::new();
    config.epoch_interruption(true);
    config.max_wasm_stack(STACK_BYTES);
    config.wasm_memory64(false);
    if pooling {
        let guests = u32::try_from(guests)?;
        let mut pool = PoolingAllocationConfig::default();
        pool.total_core_instances(guests).total_memories(guests).total_tables(guests);
        pool.max_memories_per_module(1).max_tables_per_module(1);
        pool.max_memory_size(MEMORY_BYTES).linear_memory_keep_resident(KEPT_BYTES);
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    }
    Ok(config)
}

/// What is missing is told at the deploy, not at the first call.
fn check(module: &Module) -> Result<()> {
    use wasmtime::ValType::{I32, I64};
    ensure!(module.get_export(MEMORY).is_some_and(|export| export.memory().is_some()), "it has to export {MEMORY:?}");
    let functions = [(ALLOCATE, &[I32][..], I32), (CALL, &[I32, I32][..], I64)];
    for (name, parameters, result) in functions {
        let export = module.get_export(name);
        let Some(function) = export.as_ref().and_then(wasmtime::ExternType::func) else {
            bail!("it has to export the function {name:?}");
        };
        let takes = function.params().zip(parameters).filter(|(is, wanted)| is.matches(wanted)).count();
        let fits = takes == parameters.len() && function.params().len() == takes;
        let gives = function.results().len() == 1 && function.results().all(|is| is.matches(&result));
        ensure!(fits && gives, "{name:?} has to take {parameters:?} and to give {result:?}");
    }
    Ok(())
}
