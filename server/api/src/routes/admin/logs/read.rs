use actix_web::http::Method;
use actix_web::http::header::ACCEPT;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use basalt_app::functions::{FunctionName, LogQuery, Registry};
use basalt_core::{DocumentId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::shared::{Level, Line};
use super::stream;
use crate::extract::{AdminRead, AdminRenewal, Query};
use crate::problem::Answer;
use crate::streams::Streams;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Parameters {
    /// Of this function.
    #[param(value_type = Option<String>)]
    function: Option<FunctionName>,
    /// Of this call.
    #[param(value_type = Option<String>)]
    invocation: Option<DocumentId>,
    /// Of this level, and of those above it.
    #[param(inline)]
    level: Option<Level>,
    /// A text that the message or its fields hold, whatever the case of its letters.
    filter: Option<String>,
    /// Logged at this time or later.
    #[param(value_type = Option<String>)]
    from: Option<Timestamp>,
    /// Logged before this time.
    #[param(value_type = Option<String>)]
    to: Option<Timestamp>,
    /// 1 to 500, 30 where it isn't given.
    limit: Option<u32>,
    /// `nextCursor` of the page before: older lines.
    cursor: Option<String>,
    /// The lines as they come, as a stream; so it is with `Accept: text/event-stream`, too.
    #[serde(default)]
    follow: bool,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = FunctionLogPage)]
pub(crate) struct Page {
    items: Vec<Line>,
    /// Null where that was all. A page may be short, or empty, and yet not the last.
    next_cursor: Option<String>,
}

/// Read what functions logged
///
/// The newest lines, the oldest of them first; or those that come from now on, as server-sent events whose `data` is a
/// line, from all nodes, within a second.
#[utoipa::path(
    get,
    path = "/v1/admin/logs",
    tag = "admin",
    params(Parameters),
    responses((status = 200, description = "A page, or a stream.", content(
        (Page = "application/json"),
        (String = "text/event-stream"),
    ))),
    extensions(("x-codes" = json!(["bad_parameter", "bad_cursor", "overloaded"]))),
)]
pub(crate) async fn handle(
    caller: AdminRead,
    renewal: AdminRenewal,
    request: HttpRequest,
    query: Query<Parameters>,
    registry: Data<Registry>,
    streams: Data<Streams>,
) -> Answer {
    let Parameters { function, invocation, level, filter, from, to, limit, cursor, follow } = query.0;
    let query = LogQuery { function, invocation, level: level.map(Into::into), filter, from, to, limit, cursor };
    let accept = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok());
    let streams_wanted = follow || accept.is_some_and(|accept| accept.contains("text/event-stream"));
    if streams_wanted && *request.method() != Method::HEAD {
        let tail = registry.follow_logs(&caller.0, query).await?;
        return Ok(stream::answer(tail, renewal, streams.seat()?));
    }
    let (lines, next_cursor) = registry.logs(&caller.0, &query).await?;
    Ok(HttpResponse::Ok().json(Page { items: lines.into_iter().map(Line::from).collect(), next_cursor }))
}
