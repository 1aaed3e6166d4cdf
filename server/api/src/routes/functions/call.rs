use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;
use actix_web::web::Data;
use basalt_app::functions::{Call, Calls, Json, Kind, Resolved};
use basalt_core::Result;

use serde::Serialize;
use utoipa::ToSchema;

use super::head::INVOCATION;
use super::http;
use crate::extract::FunctionRequest;
use crate::problem::Answer;
use crate::routes::documents::shared::replayed;

/// A call whose answer waits.
#[derive(Serialize, ToSchema)]
#[schema(as = InvocationStarted)]
pub(crate) struct Started {
    id: String,
}

/// Call a function
///
/// A callable: its input is the body, its result the answer. With `Prefer: respond-async` it runs later, and its answer
/// is found at `Location` for a day. An `http` function gets the request as it is, and answers as it likes.
#[utoipa::path(
    post,
    path = "/v1/functions/{name}",
    tag = "functions",
    params(("alias" = Option<String>, Query, description = "Of a callable: the alias that is meant, else `live`.")),
    request_body(content = Value, description = "The input: any JSON."),
    responses(
        (status = 200, description = "The result; `Basalt-Invocation` names the call.", body = Value),
        (status = 202, description = "It runs later.", body = Started),
        (status = 204, description = "It returned nothing."),
    ),
    extensions(("x-codes" = json!([
        "bad_json", "unsupported_media_type", "unknown_parameter", "schema_violation", "function_error",
        "result_too_large",
    ]))),
)]
pub(crate) async fn handle(asked: FunctionRequest, calls: Data<Calls>) -> Answer {
    let (name, alias) = asked.named()?;
    let resolved = calls.resolve(name, alias)?;
    match resolved.version.config.kind {
        Kind::Http => http::answer(&asked, resolved, &calls).await,
        _ => callable(&asked, resolved, &calls).await,
    }
}

async fn callable(asked: &FunctionRequest, resolved: Resolved, calls: &Calls) -> Answer {
    let caller = asked.caller().await?;
    let resolved = by_query(asked, resolved, calls)?;
    let input = Json::parse(asked.json().await?)?;
    let idempotency = asked.idempotency()?.bind(&caller, &input.text)?;
    if asked.responds_async() {
        let id = calls.call_later(&caller, &resolved, input, idempotency).await?.to_string();
        let place = format!("/v1/invocations/{id}");
        return Ok(HttpResponse::Accepted().insert_header((LOCATION, place)).json(Started { id }));
    }
    let answer = calls.call(&caller, Call { resolved, input, idempotency }).await?;
    let mut response = if answer.result.is_some() { HttpResponse::Ok() } else { HttpResponse::NoContent() };
    response.insert_header((INVOCATION, answer.invocation.as_str()));
    replayed(&mut response, answer.replayed);
    Ok(match answer.result {
        Some(json) => response.content_type("application/json").body(json),
        None => response.finish(),
    })
}

fn by_query(asked: &FunctionRequest, resolved: Resolved, calls: &Calls) -> Result<Resolved> {
    match asked.alias()? {
        Some(alias) => calls.resolve(asked.named()?.0, Some(&alias)),
        None => Ok(resolved),
    }
}
