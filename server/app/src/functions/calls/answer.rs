//! Callables: JSON in, JSON out.

use basalt_core::{Caller, Code, DocumentId, Error, Result, json};
use basalt_data::documents::Idempotency;
use basalt_runtime::{Input, Kind};
use bytes::Bytes;
use serde_json::Value;

use super::once::{Claimed, Once};
use super::run::Run;
use super::{Calls, Resolved};
use crate::functions::records::InvokedBy;

/// JSON as it came, and as it is looked into.
#[derive(Clone, Debug)]
pub struct Json {
    pub text: Bytes,
    pub value: Value,
}

/// A call of a callable.
pub struct Call {
    pub resolved: Resolved,
    pub input: Json,
    pub idempotency: Option<Idempotency>,
}

/// What a callable answered.
#[derive(Clone, Debug)]
pub struct Answer {
    pub invocation: DocumentId,
    /// JSON text; `None`: it returned nothing.
    pub result: Option<Bytes>,
    /// Whether the function did not run, since it had run for the same request.
    pub replayed: bool,
}

impl Json {
    /// Nothing at all is null.
    pub fn parse(text: Bytes) -> Result<Self> {
        if text.is_empty() {
            return Ok(Self { text: Bytes::from_static(b"null"), value: Value::Null });
        }
        Ok(Self { value: json::parse(&text)?, text })
    }

    pub fn of(value: Value) -> Self {
        Self { text: value.to_string().into(), value }
    }
}

impl Calls {
    /// Calls a callable as `caller`, if its rule lets him.
    pub async fn call(&self, caller: &Caller, call: Call) -> Result<Answer> {
        let Call { resolved, input, idempotency } = call;
        self.admit(caller, &resolved, &input.value).await?;
        let Some(idempotency) = idempotency else { return self.answer(caller, resolved, input.text).await };
        let longest = resolved.version.config.timeout;
        let once = match Once::claim(&self.db, caller, &idempotency, longest).await? {
            Claimed::Now(once) => once,
            Claimed::Before(answer) => return Ok(answer),
        };
        match self.answer(caller, resolved, input.text).await {
            Ok(answer) => {
                once.keep(&self.db, caller, &answer).await?;
                Ok(answer)
            }
            Err(error) => {
                once.release(&self.db, caller).await;
                Err(error)
            }
        }
    }

    /// Whether this may be called with that, by him.
    pub(in crate::functions) async fn admit(&self, caller: &Caller, resolved: &Resolved, input: &Value) -> Result<()> {
        let config = &resolved.version.config;
        if config.kind != Kind::Callable {
            return Err(not_called(resolved));
        }
        self.authorize(caller, resolved, input).await?;
        let faults = config.input.as_ref().map(|input_schema| input_schema.schema.faults(input)).unwrap_or_default();
        if faults.is_empty() {
            return Ok(());
        }
        Err(Error::new(Code::SchemaViolation, "The input does not fit the function's schema.").with_errors(faults))
    }

    async fn answer(&self, caller: &Caller, resolved: Resolved, input: Bytes) -> Result<Answer> {
        let invocation = self.new_id();
        let run = Run {
            id: invocation.clone(),
            resolved,
            caller: caller.clone(),
            by: InvokedBy::Call,
            input: Input::Json(input),
            idempotency_key: None,
            attempt: 1,
        };
        let result = self.run(run).await?;
        Ok(Answer { invocation, result, replayed: false })
    }
}

fn not_called(resolved: &Resolved) -> Error {
    let name = &resolved.version.function;
    let detail = match resolved.version.config.kind {
        Kind::Http => format!("{name} takes requests at /v1/functions/{name}, and is not called in another way."),
        _ => format!("{name} is not called: it runs by itself."),
    };
    Error::new(Code::FunctionNotFound, detail)
}
