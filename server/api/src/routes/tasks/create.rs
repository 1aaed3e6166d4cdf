use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;
use actix_web::web::Data;
use basalt_app::functions::{Calls, NewTask, When};
use basalt_core::{Code, Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::extract::{Caller, IdempotencyKey, ObjectBody};
use crate::problem::Answer;

/// What is to be done.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = NewTask)]
struct Body {
    /// A callable.
    function: String,
    #[serde(default)]
    input: Value,
    /// When; at once where neither this nor `delay` is said.
    #[schema(format = DateTime)]
    run_at: Option<String>,
    /// `"90s"`, or milliseconds.
    delay: Option<Value>,
    /// Unique among the caller's pending tasks of the function: the same again is the same task.
    key: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = TaskStarted)]
pub(crate) struct Started {
    id: String,
}

/// Have a function called later
///
/// The right to call it is asked for now, with the input; it runs without a caller (`ctx.auth` is null), is tried again
/// when it fails, and is a dead letter in the end.
#[utoipa::path(
    post,
    path = "/v1/tasks",
    tag = "functions",
    request_body = Body,
    responses((status = 202, description = "It waits.", body = Started)),
    extensions(("x-codes" = json!([
        "bad_parameter", "unknown_field", "function_not_found", "schema_violation", "unauthenticated", "rule_denied",
        "rule_missing", "scope_missing", "rate_limited",
    ]))),
)]
pub(crate) async fn handle(caller: Caller, key: IdempotencyKey, body: ObjectBody, calls: Data<Calls>) -> Answer {
    let once = key.bind(&caller.0, &body.bytes)?;
    let Body { function, input, run_at, delay, key } = read(body.map)?;
    let when = When::parse(delay.as_ref(), run_at.as_deref())?;
    let id = calls.enqueue(&caller.0, NewTask { function, input, when, key }, once).await?.to_string();
    let place = format!("/v1/tasks/{id}");
    Ok(HttpResponse::Accepted().insert_header((LOCATION, place)).json(Started { id }))
}

fn read(body: Map<String, Value>) -> Result<Body> {
    serde_json::from_value(Value::Object(body)).map_err(|error| {
        let unknown = error.to_string().starts_with("unknown field");
        Error::new(if unknown { Code::UnknownField } else { Code::BadParameter }, format!("A task: {error}."))
    })
}
