//! Before-hooks: functions that see a write or a sign-in before it is decided, and may change or refuse it.
//!
//! Promises: several are asked in the order of their names, each shown what the one before made of it; one that fails,
//! or is over its time, refuses; what they return is decided on as if the caller had sent it.

mod documents;
mod users;

use basalt_core::{Caller, Error, Result};
use basalt_runtime::Input;
use serde_json::{Map, Value};

pub use documents::DocumentHooks;
pub use users::UserHooks;

use super::calls::{Calls, Run};
use super::{InvokedBy, Resolved};

impl Calls {
    /// What a hook returned of a change: an object, or nothing.
    async fn ask(&self, caller: &Caller, resolved: Resolved, change: &Value) -> Result<Option<Map<String, Value>>> {
        let function = resolved.version.function.clone();
        let run = Run {
            id: self.new_id(),
            resolved,
            caller: caller.clone(),
            by: InvokedBy::Hook,
            input: Input::Json(change.to_string().into()),
            idempotency_key: None,
            attempt: 1,
        };
        let Some(text) = self.run(run).await? else { return Ok(None) };
        match serde_json::from_slice(&text).map_err(Error::internal)? {
            Value::Null => Ok(None),
            Value::Object(next) => Ok(Some(next)),
            _ => {
                let detail = format!("The hook {function} returned neither an object nor nothing.");
                Err(Error::new(basalt_core::Code::FunctionResultInvalid, detail))
            }
        }
    }
}
