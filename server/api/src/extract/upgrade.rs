//! A request that wants to become a WebSocket.

use std::future::{Ready, ready};

use actix_http::ws;
use actix_web::dev::Payload;
use actix_web::http::header::{HeaderMap, ORIGIN, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL};
use actix_web::{FromRequest, HttpRequest};
use basalt_core::{Code, Error, Result};

use super::admin::is_own_origin;
use super::contract::{Argument, Contract};
use crate::boundary::Cors;
use crate::problem::Problem;

/// What is spoken over it.
pub(crate) const PROTOCOL: &str = "basalt.v1";

/// A handshake that is right, and whose page, if a browser sent it, may be there.
pub(crate) struct Upgrade {
    /// `Sec-WebSocket-Accept`.
    pub(crate) accept: String,
    /// Whether the client named the protocol: then the answer does.
    pub(crate) named: bool,
    pub(crate) browser: bool,
}

impl Upgrade {
    fn of(request: &HttpRequest) -> Result<Self> {
        if ws::verify_handshake(request.head()).is_err() {
            let detail = "This path speaks WebSocket (RFC 6455, version 13): ask for an upgrade.";
            return Err(Error::new(Code::UpgradeRequired, detail));
        }
        let headers = request.headers();
        let offered = offered(headers);
        if !offered.is_empty() && !offered.contains(&PROTOCOL) {
            return Err(Error::new(Code::UpgradeRequired, format!("The protocol here is {PROTOCOL}.")));
        }
        let key = headers.get(SEC_WEBSOCKET_KEY).map(|key| ws::hash_key(key.as_bytes())).unwrap_or_default();
        let accept = String::from_utf8_lossy(&key).into_owned();
        Ok(Self { accept, named: !offered.is_empty(), browser: browser(request)? })
    }
}

fn offered(headers: &HeaderMap) -> Vec<&str> {
    let values = headers.get_all(SEC_WEBSOCKET_PROTOCOL).filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim).filter(|name| !name.is_empty()).collect()
}

/// Whether a browser sent it. Its page has to be one of ours or of an allowed origin: CORS doesn't guard WebSockets.
pub(crate) fn browser(request: &HttpRequest) -> Result<bool> {
    let Some(origin) = request.headers().get(ORIGIN) else { return Ok(false) };
    let cors = request.app_data::<Cors>();
    let allowed = origin.to_str().is_ok_and(|origin| cors.is_some_and(|cors| cors.allows(origin)));
    if allowed || is_own_origin(request) {
        return Ok(true);
    }
    Err(Error::new(Code::OriginRefused, "Pages of this origin may not connect; allow it in [cors] origins."))
}

impl FromRequest for Upgrade {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::of(request).map_err(Problem::from))
    }
}

impl Argument for Upgrade {
    fn describe(contract: &mut Contract) {
        contract.refuses(&[Code::UpgradeRequired, Code::OriginRefused]);
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn request() -> TestRequest {
        TestRequest::get()
            .insert_header(("Host", "api.example.org"))
            .insert_header(("Connection", "Upgrade"))
            .insert_header(("Upgrade", "websocket"))
            .insert_header(("Sec-WebSocket-Version", "13"))
            .insert_header(("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="))
    }

    fn code(request: TestRequest) -> Result<Upgrade, Code> {
        Upgrade::of(&request.to_http_request()).map_err(|error| error.code())
    }

    #[test]
    fn the_handshake_is_that_of_the_standard() {
        let upgrade = code(request()).ok().unwrap();
        assert_eq!(upgrade.accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert!(!upgrade.named && !upgrade.browser);
        let named = request().insert_header(("Sec-WebSocket-Protocol", "other, basalt.v1"));
        assert!(code(named).ok().unwrap().named);
        let other = request().insert_header(("Sec-WebSocket-Protocol", "other"));
        assert_eq!(code(other).err(), Some(Code::UpgradeRequired));
        assert_eq!(code(TestRequest::get()).err(), Some(Code::UpgradeRequired));
    }

    #[test]
    fn a_page_of_another_origin_stays_outside() {
        let from = |origin: &str| {
            let cors = Cors::new(vec![basalt_core::Origin::parse("https://app.example.org").unwrap()]);
            code(request().app_data(cors).insert_header(("Origin", origin))).map(|upgrade| upgrade.browser)
        };
        assert_eq!(from("https://app.example.org"), Ok(true));
        assert_eq!(from("https://api.example.org"), Ok(true), "the server's own");
        assert_eq!(from("https://evil.example.org"), Err(Code::OriginRefused));
        assert_eq!(from("null"), Err(Code::OriginRefused));
    }
}
