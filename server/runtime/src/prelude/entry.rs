//! The door by which a function is called.

use bytes::Bytes;
use rquickjs::{ArrayBuffer, Ctx, Function, Object, Promise, Result, Value};
use serde::Deserialize;
use serde_json::json;

use crate::{Declaration, Input, Invocation, Kind, Outcome, Thrown};

/// The text of a call: all of the invocation but its input, its code and its limits.
pub fn call_text(invocation: &Invocation) -> String {
    let http = match &invocation.input {
        Input::Json(_) => serde_json::Value::Null,
        Input::Http(http) => json!({"method": http.method, "url": http.url, "headers": http.headers}),
    };
    let context = &invocation.context;
    json!({
        "id": invocation.id,
        "function": invocation.function,
        "export": invocation.export,
        "kind": invocation.kind,
        "http": http,
        "auth": context.auth,
        "alias": context.alias,
        "version": context.version,
        "idempotencyKey": context.idempotency_key,
        "attempt": context.attempt,
        "traceparent": context.traceparent,
        "secrets": context.secrets,
        "env": context.env,
    })
    .to_string()
}

/// What a module's namespace declares, in the order of names. `entry` is what `install` returned.
pub fn declarations<'js>(entry: &Object<'js>, namespace: Object<'js>) -> Result<Vec<Declaration>> {
    let list: Function<'js> = entry.get("declarations")?;
    let text: String = list.call((namespace,))?;
    let declared: Vec<Declared> = serde_json::from_str(&text).map_err(|_| rquickjs::Error::Unknown)?;
    Ok(declared
        .into_iter()
        .map(|d| Declaration { export: d.export, kind: d.kind, subject: d.subject, options: d.options })
        .collect())
}

#[derive(Deserialize)]
struct Declared {
    export: String,
    kind: Kind,
    subject: Option<String>,
    options: serde_json::Value,
}

/// Calls a function of `namespace`. `call` is the text by [`call_text`]; `input` the JSON text, or the request's body.
pub fn invoke<'js>(
    ctx: &Ctx<'js>,
    entry: &Object<'js>,
    namespace: Object<'js>,
    call: &str,
    input: &[u8],
) -> Result<Promise<'js>> {
    let invoke: Function<'js> = entry.get("invoke")?;
    invoke.call((namespace, call, ArrayBuffer::new_copy(ctx.clone(), input)?))
}

/// Writes a line of a rejection that nobody handles.
pub fn unhandled<'js>(entry: &Object<'js>, reason: Value<'js>) -> Result<()> {
    let uncaught: Function<'js> = entry.get("uncaught")?;
    uncaught.call(("Unhandled rejection", reason))
}

/// Reads what the promise of [`invoke`] has resolved with: `Returned`, `Threw` or `BadResult`. Stacks are of the modules
/// as they run: `compile::original_stack` translates them.
pub fn outcome(settled: Value<'_>) -> Result<Outcome> {
    let parts = settled.into_array().ok_or(rquickjs::Error::Unknown)?;
    let tag: String = parts.get(0)?;
    let text: Option<String> = parts.get(1)?;
    let text = text.map(String::into_bytes);
    Ok(match (tag.as_str(), text) {
        ("returned", text) => Outcome::Returned(text.map(Bytes::from)),
        ("threw", Some(text)) => {
            let raised: Raised = serde_json::from_slice(&text).map_err(|_| rquickjs::Error::Unknown)?;
            Outcome::Threw(raised.into())
        }
        ("bad", Some(text)) => Outcome::BadResult(String::from_utf8_lossy(&text).into_owned()),
        _ => return Err(rquickjs::Error::Unknown),
    })
}

#[derive(Deserialize)]
struct Raised {
    refusal: Option<(String, u16, serde_json::Value)>,
    name: String,
    message: String,
    stack: Option<String>,
}

impl From<Raised> for Thrown {
    fn from(raised: Raised) -> Self {
        let Raised { refusal, name, message, stack } = raised;
        Self { refusal, name, message, stack }
    }
}
