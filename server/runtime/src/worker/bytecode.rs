//! Modules to bytecode and back.

use rquickjs::module::{Declared, WriteOptions};
use rquickjs::{Ctx, Module, Result};

/// Compiles without running anything. Lines are kept for stacks, the source isn't.
pub(crate) fn compile(ctx: &Ctx<'_>, name: &str, source: &str) -> Result<Vec<u8>> {
    let module = Module::declare(ctx.clone(), name, source)?;
    module.write(WriteOptions { strip_source: true, ..WriteOptions::default() })
}

/// Loads what [`compile`] made, in this process or in another of the same binary.
pub(crate) fn load<'js>(ctx: &Ctx<'js>, code: &[u8]) -> Result<Module<'js, Declared>> {
    #[expect(
        unsafe_code,
        reason = "the bytes are bytecode of this very engine: they come from `compile` by our own server"
    )]
    // SAFETY: see the reason; no other way leads bytes here.
    unsafe {
        Module::load(ctx.clone(), code)
    }
}
