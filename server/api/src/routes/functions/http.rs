//! Requests to `http` functions, at the function's own path.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use basalt_app::functions::{Calls, HttpAnswer, HttpCall, Kind, Resolved};
use basalt_core::{Code, Error};

use super::head;
use crate::extract::{FunctionRequest, RawRequest};
use crate::problem::{Answer, Problem};

/// One method at one path.
macro_rules! door {
    ($method:ident, $path:literal, $summary:literal $(, $params:tt)?) => {
        pub(crate) mod $method {
            use actix_web::web::Data;
            use basalt_app::functions::Calls;

            use crate::extract::FunctionRequest;
            use crate::problem::Answer;

            #[doc = $summary]
            ///
            /// It gets the raw body (6 MiB at most) and all headers, and answers as it likes. An `Authorization` that isn't
            /// this server's is passed on, and the caller is a visitor then.
            #[utoipa::path(
                $method,
                path = $path,
                tag = "functions",
                params(
                    (
                        "query" = Option<std::collections::BTreeMap<String, String>>, Query, style = Form, explode = true,
                        description = "Whatever the function reads of the address",
                    )
                    $(, $params)?
                ),
                responses((status = 200, description = "What the function answers, with any status.", body = String)),
                extensions(("x-codes" = json!(["method_not_allowed", "route_not_found"]))),
            )]
            pub(crate) async fn handle(asked: FunctionRequest, calls: Data<Calls>) -> Answer {
                $crate::routes::functions::http::handle(&asked, &calls).await
            }
        }
    };
}
pub(super) use door;

door!(get, "/v1/functions/{name}", "Get of an http function");
door!(put, "/v1/functions/{name}", "Put to an http function");
door!(patch, "/v1/functions/{name}", "Patch by an http function");
door!(delete, "/v1/functions/{name}", "Delete by an http function");

pub(super) async fn handle(asked: &FunctionRequest, calls: &Calls) -> Answer {
    let (name, alias) = asked.named()?;
    let resolved = calls.resolve(name, alias)?;
    match resolved.version.config.kind {
        Kind::Http => answer(asked, resolved, calls).await,
        Kind::Callable => Err(Problem::method_not_allowed("POST")),
        _ => Err(Error::new(Code::FunctionNotFound, format!("{name} takes no requests: it runs by itself.")).into()),
    }
}

pub(super) async fn answer(asked: &FunctionRequest, resolved: Resolved, calls: &Calls) -> Answer {
    let (caller, ours) = asked.guest().await?;
    let name = resolved.version.function.to_string();
    let RawRequest { method, url, headers, body } = asked.raw(ours).await?;
    let answered = calls.http(&caller, HttpCall { resolved, method, url, headers, body }).await?;
    let HttpAnswer { invocation, status, headers, body } = answered;
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status);
    head::write(&mut response, &headers, &name, &invocation);
    if status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED {
        // As a stream it would end with a chunk, which is the beginning of the next answer for who expects no body.
        actix_web::rt::spawn(head::run_out(body));
        return Ok(response.finish());
    }
    Ok(response.streaming(head::pieces(body)))
}
