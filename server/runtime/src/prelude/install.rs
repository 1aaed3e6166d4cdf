//! Puts the prelude into a context.

use std::sync::Arc;

use rquickjs::{Ctx, Function, Object, Result, Value};

use super::image::Image;
use super::{bytes, link};

/// What the worker gives. Each is an ordinary function of the context; the app never gets hold of them.
///
/// Bytes go as `ArrayBuffer`, structured values as JSON text.
pub struct Natives<'js> {
    /// `(op: string, arguments: string, body: ArrayBuffer | undefined) → Promise<Reply>`, which never rejects:
    /// `{ ok: true, value: string, body: ArrayBuffer | undefined }` with the value's JSON text, or
    /// `{ ok: false, status: number, code: string, message: string, details: string }` with a JSON object's text.
    pub host_call: Function<'js>,
    /// `(level: "debug" | "info" | "warn" | "error", message: string, fields: string, stack?: string) → undefined`; `fields`
    /// is the text of a JSON object, `stack` an error's, whose places are to be translated. The worker counts and cuts.
    pub log: Function<'js>,
    /// `(milliseconds: number, callback: () => void) → number`: once. Never 0.
    pub set_timer: Function<'js>,
    /// `(id: number) → undefined`; an unknown id is none.
    pub clear_timer: Function<'js>,
    /// `(length: number) → ArrayBuffer`, of at most 65,536 random bytes.
    pub random_bytes: Function<'js>,
    /// `(status: number, headers: string) → undefined`, once in a call of an `http` function; `headers` is the text of
    /// `[["name", "value"], …]`.
    pub http_head: Function<'js>,
    /// `(piece: ArrayBuffer) → Promise<boolean>`, resolved when there is room for the next; `false` when nobody reads any
    /// longer. Never rejects.
    pub http_chunk: Function<'js>,
    /// `() → undefined`: the body is whole. A call that ends without it has broken off.
    pub http_end: Function<'js>,
}

/// Loads what every instance has, and returns the entry object for [`super::declarations`], [`super::invoke`] and
/// [`super::unhandled`].
pub fn install<'js>(ctx: &Ctx<'js>, image: &Arc<Image>, natives: Natives<'js>) -> Result<Object<'js>> {
    let all = Object::new(ctx.clone())?;
    all.set("hostCall", natives.host_call)?;
    all.set("log", natives.log)?;
    all.set("setTimer", natives.set_timer)?;
    all.set("clearTimer", natives.clear_timer)?;
    all.set("randomBytes", natives.random_bytes)?;
    all.set("httpHead", natives.http_head)?;
    all.set("httpChunk", natives.http_chunk)?;
    all.set("httpEnd", natives.http_end)?;
    bytes::define(ctx, &all)?;
    link::define(ctx, &all)?;
    let loaded = Arc::clone(image);
    all.set(
        "load",
        Function::new(ctx.clone(), move |ctx: Ctx<'js>, name: String| loaded.load::<Value<'js>>(&ctx, &name))?,
    )?;
    let start: Function<'js> = image.load(ctx, "start")?;
    let entry: Object<'js> = start.call((all,))?;
    image.declare_functions(ctx, &entry)?;
    Ok(entry)
}
