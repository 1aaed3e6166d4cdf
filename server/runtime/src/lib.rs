//! Sandboxes for the code of an app: TypeScript and JavaScript in worker processes, WebAssembly beside them.
//!
//! Promises: code reaches nothing but what [`HostApi`] gives it; whatever it does, it ends within 50 ms of its deadline
//! and within its memory, and no other function's call suffers; bytecode is made here and never taken from outside.

mod asked;
mod bundle;
mod cache;
mod code_pages;
pub mod compile;
mod host;
mod invocation;
pub mod prelude;
mod report;
mod runtimes;
#[cfg(feature = "wasm")]
mod wasm;
mod wire;
pub mod worker;
mod workers;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use basalt_core::Result;

pub use bundle::{Code, CodeId, Declaration, Kind, Prepared, Sources};
pub use code_pages::let_go_of_code;
pub use host::{HostApi, HostError, HostReply, HostRequest};
pub use invocation::{Context, HttpHead, HttpInput, Input, Invocation, Isolation, Limits};
pub use report::{LogLevel, LogLine, Outcome, Report, RuntimeStats, Thrown};
pub use runtimes::Runtimes;
#[cfg(feature = "wasm")]
pub use wasm::Guests;
pub use workers::{Workers, WorkersOptions};

pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What runs functions. Cheap to share; everything it holds is bounded.
pub trait FunctionRuntime: Send + Sync {
    /// Strips types, compiles, runs the top level of the module once without a host, and lists what it declares.
    /// Faults of the sources are [`basalt_core::Code::InvalidDefinition`] with `errors[]`: `path` is `/FILE`, with line
    /// and column.
    fn prepare(&self, sources: Sources) -> BoxFuture<'_, Result<Prepared>>;

    /// Runs a function once. Never fails: what goes wrong is the report's outcome. Dropping the future ends the call.
    fn invoke(&self, invocation: Invocation, host: Arc<dyn HostApi>) -> BoxFuture<'_, Report>;

    /// Forgets instances and bytecode of this code, once calls under way have ended.
    fn evict(&self, code: &CodeId);

    fn stats(&self) -> RuntimeStats;
}
