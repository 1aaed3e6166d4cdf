use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_PROTOCOL};
use actix_web::web::{Data, Payload};
use basalt_app::realtime::{Arrival, Realtime, Transport};

use super::streams::Socket;
use crate::extract::{Bearer, PROTOCOL, Upgrade};
use crate::problem::Answer;
use crate::ringer::Ringer;

/// Connect by WebSocket
///
/// Speaks the subprotocol `basalt.v1`: JSON text frames, as docs/realtime.md tells. Who sends no `Authorization` (a
/// browser can't) is a visitor until his frame `auth`.
#[utoipa::path(
    get,
    path = "/v1/realtime",
    tag = "realtime",
    responses((status = 101, description = "The connection speaks WebSocket from here on.")),
    extensions(("x-codes" = json!(["overloaded"]))),
)]
pub(crate) async fn handle(
    upgrade: Upgrade,
    bearer: Bearer,
    payload: Payload,
    realtime: Data<Realtime>,
    ringer: Data<Ringer>,
) -> Answer {
    let Bearer { caller, token } = bearer;
    let arrival =
        Arrival { caller, token, transport: Transport::WebSocket, browser: upgrade.browser, bell: ringer.bell() };
    let socket = Socket::new(realtime.connect(arrival)?, payload);
    let mut answer = HttpResponse::build(StatusCode::SWITCHING_PROTOCOLS);
    answer.upgrade("websocket").insert_header((SEC_WEBSOCKET_ACCEPT, upgrade.accept));
    if upgrade.named {
        answer.insert_header((SEC_WEBSOCKET_PROTOCOL, PROTOCOL));
    }
    Ok(answer.streaming(socket))
}
