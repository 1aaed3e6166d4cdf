//! `functions.…`: calls of other functions, and tasks.

use basalt_core::{Caller, Result};
use basalt_runtime::HostReply;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{BoxFuture, Call, reply, unknown};

/// The room of functions, as this one needs it.
pub trait Functions: Send + Sync {
    /// What the function returned; `None`: nothing.
    fn invoke(&self, caller: Caller, invoke: Invoke) -> BoxFuture<'_, Result<Option<Bytes>>>;

    /// The task's id.
    fn enqueue(&self, caller: Caller, enqueue: Enqueue) -> BoxFuture<'_, Result<String>>;

    fn cancel(&self, caller: Caller, id: String) -> BoxFuture<'_, Result<()>>;
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Invoke {
    pub name: String,
    #[serde(default)]
    pub input: Value,
    pub alias: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Enqueue {
    pub name: String,
    #[serde(default)]
    pub input: Value,
    /// `"90s"`, or milliseconds.
    pub delay: Option<Value>,
    pub run_at: Option<String>,
    pub key: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cancel {
    id: String,
}

pub(super) async fn call(mut call: Call<'_>, what: &str) -> Result<HostReply> {
    let functions = &call.host.functions;
    let caller = call.caller.clone();
    match what {
        "invoke" => {
            let invoke = call.read()?;
            let result = functions.invoke(caller, invoke).await?;
            let value: Value = match result {
                Some(text) => serde_json::from_slice(&text).map_err(basalt_core::Error::internal)?,
                None => Value::Null,
            };
            reply(value)
        }
        "enqueue" => {
            let enqueue = call.read()?;
            let id = functions.enqueue(caller, enqueue).await?;
            reply(json!({ "id": id }))
        }
        "cancel" => {
            let Cancel { id } = call.read()?;
            functions.cancel(caller, id).await?;
            reply(Value::Null)
        }
        _ => Err(unknown(call.op)),
    }
}
