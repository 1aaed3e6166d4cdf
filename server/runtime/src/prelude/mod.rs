//! What JavaScript finds when it starts: the web's standard surface, `basalt:functions`, `ctx`; and the door by which the
//! worker calls a function.
//!
//! Promises: nothing here reaches the outside but through [`Natives`]; what an app does to the prototypes of its own
//! instance breaks neither a call's answer nor the next call; what is rare is loaded when it is first asked for.
//!
//! **The life of an instance** (one runtime, one context, one version of one function, one call at a time):
//! 1. Once per process: [`Image::compile`] in a context of its own with everything, which turns the sources into
//!    bytecode. Nothing else runs in that context.
//! 2. A context *without* the intrinsic `Eval` (so `eval`, `new Function` and their like throw), with all the others;
//!    then [`install`]. It loads bytecode alone, and returns the entry object (keep it in a `Persistent`).
//! 3. The app's modules (bytecode, too) are loaded and evaluated. The resolver knows the paths of `Code::modules` and
//!    `basalt:functions`, which is in the context already; everything else is refused. Relative names are relative to
//!    the importing module: `compile` has written the specifiers as full paths (`functions/lib.ts`), so that nothing
//!    is left to resolve.
//! 4. [`declarations`] of the entry's namespace, for `prepare`; [`invoke`] for a call.
//!
//! **A call**: the parent makes the text of a call by [`call_text`], the worker hands it to [`invoke`] with the input's
//! bytes, drives the runtime until the promise has settled, and reads it by [`outcome`]. When it has settled, the
//! prelude has cleared the call's timers, and what is left of the call (a promise nobody awaited) is refused at the host
//! with `call_ended`; the worker drops host calls that are still under way. A promise that *rejects* is a fault of the
//! engine: out of memory, or the interrupt handler.

mod bytes;
mod entry;
mod image;
mod install;
mod link;

pub use entry::{call_text, declarations, invoke, outcome, unhandled};
pub use image::Image;
pub use install::{Natives, install};
