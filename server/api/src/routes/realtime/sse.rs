use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use basalt_app::realtime::{Arrival, Join, Realtime, Subscription, Transport};
use basalt_core::{Code, Error};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::streams::Events;
use crate::extract::{Bearer, Json, browser};
use crate::problem::Answer;
use crate::ringer::Ringer;

/// Subscriptions of one stream.
const MOST: usize = 100;

/// What to watch.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = EventStream)]
pub(crate) struct Body {
    /// Each as in a `subscribe` frame: `{"id","collection","filter"?,"vars"?,"sort"?,"limit"?,"select"?,"since"?}`, or
    /// with `document` in place of the query.
    #[serde(default)]
    #[schema(max_items = 100)]
    subscriptions: Vec<Map<String, Value>>,
    /// Channels to be in, each as in a `join` frame: `{"channel","id"?,"presence"?}`.
    #[serde(default)]
    #[schema(max_items = 100)]
    channels: Vec<Map<String, Value>>,
}

/// Watch as an event stream
///
/// The frames of the WebSocket as `text/event-stream`, for clients that have none: each is the `data` of an event, and
/// `id` is its place in the log. What is wrong with a subscription comes as a frame, too.
#[utoipa::path(
    post,
    path = "/v1/realtime/sse",
    tag = "realtime",
    request_body = Body,
    responses((status = 200, description = "Frames, as they come.", content_type = "text/event-stream", body = String)),
    extensions(("x-codes" = json!([
        "bad_request", "bad_parameter", "unknown_field", "not_available", "collection_not_found", "origin_refused",
        "quota_exceeded", "overloaded",
    ]))),
)]
pub(crate) async fn handle(
    bearer: Bearer,
    request: HttpRequest,
    body: Json<Body>,
    realtime: Data<Realtime>,
    ringer: Data<Ringer>,
) -> Answer {
    let Bearer { caller, token } = bearer;
    let browser = browser(&request)?;
    if body.0.subscriptions.len() > MOST || body.0.channels.len() > MOST {
        let detail = format!("A stream has at most {MOST} subscriptions and {MOST} channels.");
        return Err(Error::new(Code::QuotaExceeded, detail).into());
    }
    let subscriptions = body.0.subscriptions.into_iter().map(Subscription::parse).collect::<Result<Vec<_>, _>>()?;
    let channels = body.0.channels.into_iter().map(Join::parse).collect::<Result<Vec<_>, _>>()?;
    let arrival = Arrival { caller, token, transport: Transport::Sse, browser, bell: ringer.bell() };
    let mut connection = realtime.connect(arrival)?;
    for subscription in subscriptions {
        connection.subscribe(subscription).map_err(|_| stopping())?;
    }
    for join in channels {
        connection.join(join).map_err(|_| stopping())?;
    }
    let mut answer = HttpResponse::Ok();
    answer.insert_header((CONTENT_TYPE, "text/event-stream")).insert_header(("X-Accel-Buffering", "no"));
    Ok(answer.streaming(Events::new(connection)))
}

fn stopping() -> Error {
    Error::new(Code::Overloaded, "The server stops.")
}
