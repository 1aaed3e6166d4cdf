//! One call of a guest, from its instance to its report, on a thread that waits.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use basalt_core::Clock;
use bytes::Bytes;
use rustix::time::{ClockId, clock_gettime};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use wasmtime::{ResourceLimiter, Result, Store, Trap, UpdateDeadline, format_err};

use super::engine::Loaded;
use super::imports::Ask;
use super::memory::{Window, unpack};
use crate::host::HostApi;
use crate::invocation::Limits;
use crate::report::{Outcome, Report, Thrown};

pub(super) const MEMORY: &str = "memory";
pub(super) const ALLOCATE: &str = "basalt_alloc";
pub(super) const CALL: &str = "basalt_call";

/// Entries of a guest's tables.
const TABLE_ENTRIES: usize = 20_000;

pub(super) struct Call {
    /// JSON text.
    pub(super) context: String,
    pub(super) input: Bytes,
    pub(super) limits: Limits,
    pub(super) deadline: Instant,
    pub(super) given_up: Arc<AtomicBool>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) host: Arc<dyn HostApi>,
    pub(super) ask: mpsc::Sender<Ask>,
}

/// What the host's functions see of the guest that calls them.
pub(super) struct Guest {
    pub(super) call: Call,
    pub(super) host_calls: u32,
    pub(super) logged: usize,
    pub(super) logs_dropped: u32,
    memory: usize,
    /// Growing was refused.
    starved: bool,
}

/// Why a guest was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    TimedOut,
    GivenUp,
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TimedOut => "its time is over",
            Self::GivenUp => "nobody waits for it",
        })
    }
}

impl std::error::Error for Stop {}

impl ResourceLimiter for Guest {
    fn memory_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> Result<bool> {
        let granted = desired <= self.call.limits.memory;
        self.starved |= !granted;
        if granted {
            self.memory = self.memory.max(desired);
        }
        Ok(granted)
    }

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> Result<bool> {
        Ok(desired <= TABLE_ENTRIES)
    }
}

pub(super) fn run(loaded: &Loaded, call: Call) -> Report {
    let (started, before) = (Instant::now(), thread_time());
    let (deadline, most, given_up) = (call.deadline, call.limits.cpu, Arc::clone(&call.given_up));
    let guest = Guest { call, host_calls: 0, logged: 0, logs_dropped: 0, memory: 0, starved: false };
    let mut store = Store::new(loaded.instance.module().engine(), guest);
    store.limiter(|guest| guest);
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(move |_| {
        if given_up.load(Ordering::Relaxed) {
            return Err(format_err!(Stop::GivenUp));
        }
        if Instant::now() >= deadline || thread_time().saturating_sub(before) >= most {
            return Err(format_err!(Stop::TimedOut));
        }
        Ok(UpdateDeadline::Continue(1))
    });
    let called = exchange(loaded, &mut store);
    let guest = store.data();
    let outcome = called.map_or_else(|error| failed(&error, guest), |text| answered(&text, guest.call.limits.result));
    Report {
        outcome,
        cold: true,
        wall: started.elapsed(),
        cpu: thread_time().saturating_sub(before),
        peak_memory: guest.memory as u64,
        host_calls: guest.host_calls,
        logs_dropped: guest.logs_dropped,
    }
}

/// Hands the call over, and reads what it gives.
fn exchange(loaded: &Loaded, store: &mut Store<Guest>) -> Result<Vec<u8>> {
    let instance = loaded.instance.instantiate(&mut *store)?;
    let window = Window::of(&instance, &mut *store)?;
    let call = instance.get_typed_func::<(u32, u32), i64>(&mut *store, CALL)?;
    let Call { context, input, .. } = &store.data().call;
    let mut text = Vec::with_capacity(context.len() + input.len() + 32);
    for part in [b"{\"context\":", context.as_bytes(), b",\"input\":", input, b"}"] {
        text.extend_from_slice(part);
    }
    let (pointer, length) = window.write(&mut *store, &text)?;
    let (pointer, length) = unpack(call.call(&mut *store, (pointer, length))?);
    window.read(&*store, pointer, length)
}

/// What a guest answers: nothing at all, a result, or an error.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer<'a> {
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    error: Option<Refusal>,
}

#[derive(Deserialize)]
struct Refusal {
    code: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    details: Value,
    status: Option<u16>,
}

fn answered(text: &[u8], most: usize) -> Outcome {
    if text.is_empty() {
        return Outcome::Returned(None);
    }
    match serde_json::from_slice::<Answer<'_>>(text) {
        Ok(Answer { error: Some(refusal), .. }) => refused(refusal),
        Ok(Answer { result: None, .. }) => Outcome::Returned(None),
        Ok(Answer { result: Some(result), .. }) if result.get().len() > most => {
            Outcome::BadResult(format!("the result is larger than {most} bytes"))
        }
        Ok(Answer { result: Some(result), .. }) => {
            Outcome::Returned(Some(Bytes::copy_from_slice(result.get().as_bytes())))
        }
        Err(error) => Outcome::BadResult(format!("it has to answer with {{\"result\"}} or {{\"error\"}}: {error}")),
    }
}

fn refused(refusal: Refusal) -> Outcome {
    let Refusal { code, message, details, status } = refusal;
    let refusal = Some((code, status.unwrap_or(400), details));
    Outcome::Threw(Thrown { refusal, name: "FunctionError".to_owned(), message, stack: None })
}

fn failed(error: &wasmtime::Error, guest: &Guest) -> Outcome {
    match error.downcast_ref::<Stop>() {
        Some(Stop::TimedOut) => return Outcome::TimedOut,
        Some(Stop::GivenUp) => return Outcome::WorkerLost,
        None => {}
    }
    if guest.starved {
        return Outcome::OutOfMemory;
    }
    let name = if error.downcast_ref::<Trap>().is_some() { "Trap" } else { "Error" };
    let (message, stack) = (error.root_cause().to_string(), Some(error.to_string()));
    Outcome::Threw(Thrown { refusal: None, name: name.to_owned(), message, stack })
}

fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
}
