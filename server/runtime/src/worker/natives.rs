//! The native functions of an instance: all that its code has of the world.

use std::rc::Rc;

use bytes::Bytes;
use rquickjs::function::Opt;
use rquickjs::{ArrayBuffer, Ctx, Exception, Function, Object, Persistent, Promise, Result, Value};

use super::shared::{Piece, Shared};
use crate::prelude::Natives;
use crate::report::LogLevel;
use crate::wire::Refusal;

/// As `crypto.getRandomValues` has it.
const RANDOM_BYTES: usize = 65_536;

pub(super) fn natives<'js>(ctx: &Ctx<'js>, shared: &Rc<Shared>) -> Result<Natives<'js>> {
    let new = |shared: &Rc<Shared>| Rc::clone(shared);
    let (call, log, set, clear) = (new(shared), new(shared), new(shared), new(shared));
    let (head, piece, whole) = (new(shared), new(shared), new(shared));
    Ok(Natives {
        host_call: Function::new(
            ctx.clone(),
            move |ctx: Ctx<'js>, op: String, arguments: String, body: Opt<Value<'js>>| {
                host_call(&ctx, &call, op, &arguments, body.0)
            },
        )?,
        log: Function::new(
            ctx.clone(),
            move |level: String, message: String, fields: String, stack: Opt<Option<String>>| {
                log.log(self::level(&level), &message, &stack.0.flatten().unwrap_or_default(), &fields);
            },
        )?,
        set_timer: Function::new(ctx.clone(), move |ctx: Ctx<'js>, milliseconds: f64, callback: Function<'js>| {
            set_timer(&ctx, &set, milliseconds, callback)
        })?,
        clear_timer: Function::new(ctx.clone(), move |id: u32| clear.timers.borrow_mut().clear(id))?,
        random_bytes: Function::new(ctx.clone(), |ctx: Ctx<'js>, length: usize| random(&ctx, length))?,
        http_head: Function::new(ctx.clone(), move |status: u16, headers: String| head.head(status, &headers))?,
        http_chunk: Function::new(ctx.clone(), move |ctx: Ctx<'js>, bytes: ArrayBuffer<'js>| {
            http_chunk(&ctx, &piece, &bytes)
        })?,
        http_end: Function::new(ctx.clone(), move || whole.whole())?,
    })
}

fn host_call<'js>(
    ctx: &Ctx<'js>,
    shared: &Shared,
    op: String,
    arguments: &str,
    body: Option<Value<'js>>,
) -> Result<Promise<'js>> {
    let (promise, resolve, _) = Promise::new(ctx)?;
    let body = body.and_then(ArrayBuffer::from_value);
    let bytes = arguments.len() + body.as_ref().map_or(0, ArrayBuffer::len);
    if let Err(why) = shared.admit(bytes) {
        let code = "function_failed".to_owned();
        let refusal = Refusal { status: 429, code, message: why.to_owned(), details: "{}".to_owned() };
        resolve.call::<_, ()>((refused(ctx, &refusal)?,))?;
        return Ok(promise);
    }
    let body = body.map(|buffer| copy(&buffer)).unwrap_or_default();
    shared.ask(op, arguments.as_bytes(), &body, Persistent::save(ctx, resolve));
    Ok(promise)
}

/// What a call of the host is resolved with.
pub(super) fn replied<'js>(ctx: &Ctx<'js>, value: &str, body: &[u8]) -> Result<Object<'js>> {
    let reply = Object::new(ctx.clone())?;
    reply.set("ok", true)?;
    reply.set("value", value)?;
    if !body.is_empty() {
        reply.set("body", ArrayBuffer::new_copy(ctx.clone(), body)?)?;
    }
    Ok(reply)
}

/// The same where the host refuses.
pub(super) fn refused<'js>(ctx: &Ctx<'js>, refusal: &Refusal) -> Result<Object<'js>> {
    let reply = Object::new(ctx.clone())?;
    reply.set("ok", false)?;
    reply.set("status", refusal.status)?;
    reply.set("code", refusal.code.as_str())?;
    reply.set("message", refusal.message.as_str())?;
    reply.set("details", refusal.details.as_str())?;
    Ok(reply)
}

fn level(level: &str) -> LogLevel {
    match level {
        "debug" => LogLevel::Debug,
        "warn" => LogLevel::Warn,
        "error" => LogLevel::Error,
        _ => LogLevel::Info,
    }
}

fn set_timer<'js>(ctx: &Ctx<'js>, shared: &Shared, milliseconds: f64, callback: Function<'js>) -> Result<u32> {
    if !shared.is_called() {
        return Err(Exception::throw_type(ctx, "there are timers while a function is called"));
    }
    let timer = shared.timers.borrow_mut().set(milliseconds, Persistent::save(ctx, callback));
    timer.ok_or_else(|| Exception::throw_range(ctx, "there are too many timers"))
}

fn random<'js>(ctx: &Ctx<'js>, length: usize) -> Result<ArrayBuffer<'js>> {
    let mut bytes = vec![0; length.min(RANDOM_BYTES)];
    let mut filled = 0;
    while filled < bytes.len() {
        let flags = rustix::rand::GetRandomFlags::empty();
        match rustix::rand::getrandom(&mut bytes[filled..], flags) {
            Ok(count) => filled += count,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(Exception::throw_internal(ctx, &error.to_string())),
        }
    }
    ArrayBuffer::new_copy(ctx.clone(), bytes)
}

fn http_chunk<'js>(ctx: &Ctx<'js>, shared: &Shared, bytes: &ArrayBuffer<'js>) -> Result<Promise<'js>> {
    let (promise, resolve, _) = Promise::new(ctx)?;
    match shared.piece(&copy(bytes)) {
        Piece::Room => resolve.call::<_, ()>((true,))?,
        Piece::Closed => resolve.call::<_, ()>((false,))?,
        Piece::Wait => shared.wait_for_room(Persistent::save(ctx, resolve)),
    }
    Ok(promise)
}

fn copy(buffer: &ArrayBuffer<'_>) -> Bytes {
    #[expect(unsafe_code, reason = "the engine's memory is copied at once: no JavaScript runs meanwhile")]
    // SAFETY: see the reason.
    let bytes = unsafe { buffer.as_bytes() };
    bytes.map(Bytes::copy_from_slice).unwrap_or_default()
}
