//! The prelude's modules in bytecode.

use std::collections::BTreeMap;

use rquickjs::module::{Declared, WriteOptions};
use rquickjs::{Ctx, Module, Object, Result, Value};

/// What is loaded at the start, and what when it is first asked for: modules without imports, each of which exports one
/// function by default.
const PIECES: [(&str, &str); 14] = [
    ("start", include_str!("../../js/start.js")),
    ("context", include_str!("../../js/context.js")),
    ("body", include_str!("../../js/body.js")),
    ("clone", include_str!("../../js/clone.js")),
    ("crypto", include_str!("../../js/crypto.js")),
    ("database", include_str!("../../js/database.js")),
    ("encoding", include_str!("../../js/encoding.js")),
    ("events", include_str!("../../js/events.js")),
    ("expression", include_str!("../../js/expression.js")),
    ("fetch", include_str!("../../js/fetch.js")),
    ("inspect", include_str!("../../js/inspect.js")),
    ("streams", include_str!("../../js/streams.js")),
    ("transform", include_str!("../../js/transform.js")),
    ("url", include_str!("../../js/url.js")),
];

const FUNCTIONS: &str = include_str!("../../js/functions.js");

/// Made by this process for this engine, and never taken from outside.
pub struct Image {
    pieces: BTreeMap<&'static str, Vec<u8>>,
    functions: Vec<u8>,
}

impl Image {
    /// Compiles everything, in a context that has all intrinsics and isn't used for anything else.
    pub fn compile(ctx: &Ctx<'_>) -> Result<Self> {
        let pieces = PIECES
            .into_iter()
            .map(|(name, source)| Ok((name, bytecode(ctx, &format!("basalt:internal/{name}"), source)?)))
            .collect::<Result<_>>()?;
        Ok(Self { pieces, functions: bytecode(ctx, crate::compile::FUNCTIONS, FUNCTIONS)? })
    }

    /// A piece's function.
    pub(super) fn load<'js, V: rquickjs::FromJs<'js>>(&self, ctx: &Ctx<'js>, name: &str) -> Result<V> {
        let bytes = self.pieces.get(name).ok_or(rquickjs::Error::Unknown)?;
        let (module, evaluated) = read(ctx, bytes)?.eval()?;
        // Without `await` at the top it is done by now, and an error is told here.
        evaluated.result::<Value<'js>>().transpose()?;
        module.get("default")
    }

    /// Makes the module that functions import. What it exports comes to it by a global that it removes itself.
    pub(super) fn declare_functions<'js>(&self, ctx: &Ctx<'js>, entry: &Object<'js>) -> Result<()> {
        let exports: Object<'js> = entry.get("exports")?;
        ctx.globals().set(crate::compile::FUNCTIONS, exports)?;
        let (_, evaluated) = read(ctx, &self.functions)?.eval()?;
        evaluated.result::<Value<'js>>().transpose()?;
        Ok(())
    }
}

fn bytecode(ctx: &Ctx<'_>, name: &str, source: &str) -> Result<Vec<u8>> {
    let options = WriteOptions { strip_source: true, ..WriteOptions::default() };
    Module::declare(ctx.clone(), name, source)?.write(options)
}

#[expect(unsafe_code, reason = "the bytes are of an Image, which this process has compiled with this very engine")]
fn read<'js>(ctx: &Ctx<'js>, bytes: &[u8]) -> Result<Module<'js, Declared>> {
    unsafe { Module::load(ctx.clone(), bytes) }
}
