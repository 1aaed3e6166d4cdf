//! Compiling in a worker that is nobody else's: the top level of a stranger's module runs there.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use basalt_core::{Code as ErrorCode, Error, FieldError, Result};
use bytes::Bytes;

use super::call::{bounds, enter};
use super::hub::Hub;
use super::worker::{Event, Worker};
use crate::invocation::Limits;
use crate::report::Outcome;
use crate::wire::{Declared, Fault, Modules, Order, Word};
use crate::{Code, Declaration};

/// Compiling and the top level of the module together.
const TIME: Duration = Duration::from_secs(5);
const MEMORY: usize = 64 << 20;

/// The bytecode of a script; with `evaluate` also what its entry declares.
pub(super) async fn compile(hub: &Hub, code: &Code, evaluate: bool) -> Result<(Bytes, Vec<Declaration>)> {
    let Code::Script { entry, modules, .. } = code else {
        return Err(Error::new(ErrorCode::InvalidDefinition, "workers run scripts, and this is none"));
    };
    let worker = hub.start_alone().await?;
    let worker = Alone { hub, worker };
    let modules = Modules { entry: entry.clone(), modules: modules.clone() };
    let answer = ask(hub, &worker.worker, &modules, evaluate).await;
    answer.map_err(|refused| refused.into_error(code))
}

enum Refused {
    Fault(Fault),
    Outcome(Outcome),
    Error(Error),
}

async fn ask(
    hub: &Hub,
    worker: &Worker,
    modules: &Modules,
    evaluate: bool,
) -> std::result::Result<(Bytes, Vec<Declaration>), Refused> {
    let limits = Limits { wall: TIME, cpu: TIME, memory: MEMORY, result: usize::MAX, ..Limits::default() };
    let body = serde_json::to_vec(modules).map_err(|error| Refused::Error(Error::internal(error)))?;
    let events = enter(hub, worker, 0, None, &limits);
    let mut events = events.ok_or(Refused::Outcome(Outcome::WorkerLost))?;
    worker.send(&Order::Compile { evaluate, bounds: bounds(&limits) }, &[&body]);
    let mut bundle = None;
    loop {
        match events.recv().await {
            Some(Event::Said(Word::Compiled, compiled)) if evaluate => bundle = Some(compiled),
            Some(Event::Said(Word::Compiled, compiled)) => return Ok((compiled, Vec::new())),
            Some(Event::Said(Word::Declared(declared), _)) => {
                let bundle = bundle.ok_or(Refused::Outcome(Outcome::WorkerLost))?;
                return Ok((bundle, declared.into_iter().map(declaration).collect()));
            }
            Some(Event::Said(Word::Faulty(fault), _)) => return Err(Refused::Fault(fault)),
            Some(Event::Said(..)) => {}
            Some(Event::Lost(outcome)) => return Err(Refused::Outcome(outcome)),
            None => return Err(Refused::Outcome(Outcome::WorkerLost)),
        }
    }
}

fn declaration(declared: Declared) -> Declaration {
    let Declared { export, kind, subject, options } = declared;
    Declaration { export, kind, subject, options }
}

impl Refused {
    fn into_error(self, code: &Code) -> Error {
        let fault = match self {
            Self::Error(error) => return error,
            Self::Fault(fault) => field_error(&fault, code),
            Self::Outcome(outcome) => {
                let what = match outcome {
                    Outcome::TimedOut => ("timeout", "it ran too long before it was there"),
                    Outcome::OutOfMemory => ("out_of_memory", "it took too much memory before it was there"),
                    _ => ("crashed", "it ended the process that was to load it"),
                };
                let Code::Script { entry, .. } = code else { return Error::internal(what.1) };
                FieldError::new(format!("/{entry}"), what.0, what.1)
            }
        };
        Error::new(ErrorCode::InvalidDefinition, "the code can't be loaded").with_errors(vec![fault])
    }
}

/// With the place in the deployed sources, which the engine tells in the stack.
fn field_error(fault: &Fault, code: &Code) -> FieldError {
    let stack = fault.stack.as_deref().map(|stack| crate::compile::original_stack(code, stack));
    let files: BTreeMap<String, String> = match code {
        Code::Script { sources, .. } => sources.clone(),
        Code::Wasm { .. } => BTreeMap::new(),
    };
    let place = stack.as_deref().and_then(|stack| place(stack, &files));
    let file = place.as_ref().map_or(fault.file.as_str(), |(file, _, _)| file);
    let mut error = FieldError::new(format!("/{file}"), fault.code.as_str(), fault.message.as_str());
    if let Some((_, line, column)) = place {
        error.line = Some(line);
        error.column = Some(column);
    }
    error
}

/// The first place of a stack that is in the deployed sources: `    at name (functions/a.ts:3:7)`.
fn place(stack: &str, files: &BTreeMap<String, String>) -> Option<(String, u32, u32)> {
    stack.lines().find_map(|line| {
        let place = line.trim().trim_start_matches("at ").trim_end_matches(')');
        let place = place.rsplit_once('(').map_or(place, |(_, place)| place);
        let (rest, column) = place.rsplit_once(':')?;
        let (file, line) = rest.rsplit_once(':')?;
        files.contains_key(file).then_some(())?;
        Some((file.to_owned(), line.parse().ok()?, column.parse().ok()?))
    })
}

/// Ends the worker whatever becomes of the answer.
struct Alone<'a> {
    hub: &'a Hub,
    worker: Arc<Worker>,
}

impl Drop for Alone<'_> {
    fn drop(&mut self) {
        drop(self.worker.close_calls());
        self.hub.end_alone(&self.worker);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_has_the_place_that_the_stack_tells() {
        let files = BTreeMap::from([("functions/a.ts".to_owned(), String::new())]);
        let stack = "    at native\n    at f (functions/a.ts:3:7)\n    at <anonymous> (functions/a.ts:9:1)\n";
        assert_eq!(place(stack, &files), Some(("functions/a.ts".to_owned(), 3, 7)));
        assert_eq!(place("    at functions/a.ts:2:1", &files), Some(("functions/a.ts".to_owned(), 2, 1)));
        assert_eq!(place("    at x (elsewhere.js:1:1)", &files), None);
    }
}
