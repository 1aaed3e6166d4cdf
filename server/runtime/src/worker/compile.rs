//! From sources to bytecode, and what a module declares.

use std::io::{Error, Result};
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rquickjs::{Context, Runtime};

use super::clock::{Watch, thread_time};
use super::instance::{Instance, Kit};
use super::modules::Anything;
use super::outbox::Outbox;
use super::{bytecode, thrown};
use crate::prelude::Image;
use crate::report::Thrown;
use crate::wire::{Bounds, Bundle, Declared, End, Fault, Modules, Word};

/// Of the compiler: what is compiled may be much larger than what it takes to run it.
const COMPILER_BYTES: usize = 512 << 20;
const STACK_BYTES: usize = 1 << 20;

/// The prelude's bytecode, once per process.
pub(super) fn image() -> rquickjs::Result<Image> {
    let runtime = Runtime::new()?;
    runtime.set_loader(Anything, Anything);
    Context::full(&runtime)?.with(|ctx| Image::compile(&ctx))
}

/// Compiles all modules and, where it is wanted, runs the entry's top level in an instance without a call.
pub(super) fn compile(kit: &Kit, body: &Bytes, evaluate: bool, bounds: Bounds) -> Result<()> {
    let out = &kit.out;
    let wanted: Modules = serde_json::from_slice(body)?;
    let mut modules = Vec::new();
    for (name, source) in &wanted.modules {
        match module(kit, name, source, bounds) {
            Ok(code) => modules.push((name.clone(), Bytes::from(code))),
            Err(end) => return faulty(out, name, end),
        }
    }
    let bundle = Bundle { entry: wanted.entry, modules };
    out.say(&Word::Compiled, &[&bundle.encode()])?;
    if !evaluate {
        return Ok(());
    }
    let bundle = Rc::new(bundle);
    let declared = Instance::make(kit, &bundle, bounds).and_then(|mut instance| instance.declared());
    match declared {
        Ok(declarations) => {
            let declared = declarations.into_iter().map(|declared| {
                let crate::Declaration { export, kind, subject, options } = declared;
                Declared { export, kind, subject, options }
            });
            out.say(&Word::Declared(declared.collect()), &[])
        }
        Err(end) => faulty(out, &bundle.entry, end),
    }
}

/// Each module in an engine of its own: they can't be in each other's way.
fn module(kit: &Kit, name: &str, source: &str, bounds: Bounds) -> std::result::Result<Vec<u8>, End> {
    let engine = || {
        let runtime = Runtime::new()?;
        runtime.set_memory_limit(COMPILER_BYTES);
        runtime.set_max_stack_size(STACK_BYTES);
        runtime.set_loader(Anything, Anything);
        let watch = Watch::new(Rc::clone(&kit.gauge));
        watch.arm(
            Instant::now() + Duration::from_micros(bounds.wall),
            thread_time() + Duration::from_micros(bounds.cpu),
        );
        runtime.set_interrupt_handler(Some(Box::new(move || watch.is_over())));
        Context::full(&runtime)
    };
    let context = engine().map_err(|error: rquickjs::Error| thrown::of_engine(&error))?;
    context.with(|ctx| bytecode::compile(&ctx, name, source).map_err(|error| thrown::of(&ctx, &error)))
}

fn faulty(out: &Outbox, file: &str, end: End) -> Result<()> {
    let fault =
        |code: &str, message: String, stack| Fault { file: file.to_owned(), code: code.to_owned(), message, stack };
    let fault = match end {
        End::Threw(thrown) => {
            let Thrown { name, message, stack, .. } = *thrown;
            if name == "SyntaxError" {
                fault("syntax", message, stack)
            } else {
                fault("top_level", format!("{name}: {message}"), stack)
            }
        }
        End::TimedOut => fault("timeout", "the top level of the module ran too long".to_owned(), None),
        End::OutOfMemory => fault("out_of_memory", "the top level of the module took too much memory".to_owned(), None),
        _ => return Err(Error::other("compiling ended as a call")),
    };
    out.say(&Word::Faulty(fault), &[])
}
