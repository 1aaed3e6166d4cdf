//! The functions that a guest imports, which are all that it has of the world.

use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::time::Instant;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};
use wasmtime::{Caller, Linker, Result, bail, format_err};

use super::guest::{Guest, Stop};
use super::memory::{Window, pack};
use crate::host::{HostError, HostReply, HostRequest};
use crate::report::{LogLevel, LogLine};

const MODULE: &str = "basalt";

pub(super) type Answer = SyncSender<std::result::Result<HostReply, HostError>>;

/// A call of the host on its way, and where the answer is awaited.
pub(super) struct Ask {
    pub(super) request: HostRequest,
    pub(super) answer: Answer,
}

pub(super) fn define(linker: &mut Linker<Guest>) -> Result<()> {
    linker.func_wrap(MODULE, "host_call", host_call)?;
    linker.func_wrap(MODULE, "log", log)?;
    Ok(())
}

/// `host_call(op, op_length, arguments, arguments_length) → packed`: the JSON text of `{"value", "body"?}` or `{"error"}`.
fn host_call(mut caller: Caller<'_, Guest>, op: u32, op_length: u32, at: u32, length: u32) -> Result<i64> {
    let window = Window::of_caller(&mut caller)?;
    let op = String::from_utf8(window.read(&caller, op, op_length)?)?;
    let arguments = window.read(&caller, at, length)?;
    let replied = match parse(op, &arguments) {
        Ok(request) => ask(caller.data_mut(), request)?,
        Err(error) => Err(error),
    };
    let reply = match replied {
        Ok(HostReply { value, body }) if body.is_empty() => json!({ "value": value }),
        Ok(HostReply { value, body }) => json!({ "value": value, "body": BASE64_STANDARD.encode(body) }),
        Err(HostError { status, code, message, details }) => {
            json!({ "error": { "status": status, "code": code, "message": message, "details": details } })
        }
    };
    let (pointer, length) = window.write(&mut caller, reply.to_string().as_bytes())?;
    Ok(pack(pointer, length))
}

/// Bytes beside the arguments come as their member `body`, in base 64.
fn parse(op: String, arguments: &[u8]) -> std::result::Result<HostRequest, HostError> {
    let bad = |message: &str| HostError {
        status: 422,
        code: "validation_failed".to_owned(),
        message: message.to_owned(),
        details: serde_json::Map::new(),
    };
    let mut arguments: Value = serde_json::from_slice(arguments).map_err(|_| bad("the arguments are no JSON"))?;
    let body = arguments.as_object_mut().and_then(|arguments| arguments.remove("body"));
    let body = match body {
        None | Some(Value::Null) => Bytes::new(),
        Some(Value::String(body)) => {
            BASE64_STANDARD.decode(body).map_err(|_| bad("the body has to be in base 64"))?.into()
        }
        Some(_) => return Err(bad("the body has to be a text in base 64")),
    };
    Ok(HostRequest { op, arguments, body })
}

/// Waits on the guest's thread, no longer than the guest may.
fn ask(guest: &mut Guest, request: HostRequest) -> Result<std::result::Result<HostReply, HostError>> {
    if guest.host_calls >= guest.call.limits.host_calls {
        let (code, message) = ("function_failed".to_owned(), "the function has called the host too often".to_owned());
        return Ok(Err(HostError { status: 429, code, message, details: serde_json::Map::new() }));
    }
    guest.host_calls += 1;
    let (answer, answered) = sync_channel(1);
    guest.call.ask.blocking_send(Ask { request, answer }).map_err(|_| format_err!(Stop::GivenUp))?;
    let left = guest.call.deadline.saturating_duration_since(Instant::now());
    match answered.recv_timeout(left) {
        Ok(replied) => Ok(replied),
        Err(RecvTimeoutError::Timeout) => bail!(Stop::TimedOut),
        Err(RecvTimeoutError::Disconnected) => bail!(Stop::GivenUp),
    }
}

/// `log(level, text, length)`; levels are 0 (debug) to 3 (error).
fn log(mut caller: Caller<'_, Guest>, level: u32, text: u32, length: u32) -> Result<()> {
    let window = Window::of_caller(&mut caller)?;
    let guest = caller.data_mut();
    let logged = guest.logged.saturating_add(length as usize).saturating_add(32);
    if logged > guest.call.limits.log {
        guest.logs_dropped = guest.logs_dropped.saturating_add(1);
        return Ok(());
    }
    guest.logged = logged;
    let text = window.read(&caller, text, length)?;
    let level = match level {
        0 => LogLevel::Debug,
        1 => LogLevel::Info,
        2 => LogLevel::Warn,
        _ => LogLevel::Error,
    };
    let call = &caller.data().call;
    let message = String::from_utf8_lossy(&text).into_owned();
    call.host.log(LogLine { at: call.clock.now(), level, message, fields: Value::Object(serde_json::Map::new()) });
    Ok(())
}
