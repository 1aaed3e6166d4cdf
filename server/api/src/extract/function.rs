//! A request for a function: read only when it is known what kind of function it is for.

use std::cell::RefCell;
use std::future::{Ready, ready};
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap};
use actix_web::{FromRequest, HttpRequest};
use basalt_core::{Caller, Code, Error, Principal, Result};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use utoipa::openapi::ObjectBuilder;

use super::admin::PublicOrigin;
use super::body;
use super::caller::{self, called_by};
use super::contract::{Argument, Contract};
use super::idempotency::{self, IdempotencyKey};
use super::parameters::unknown;
use super::path::part;
use crate::problem::Problem;

const NAME: &str = "^[A-Za-z][A-Za-z0-9_]{0,47}(@[a-z][a-z0-9-]{0,31})?$";
/// Bytes of a request to an `http` function.
const RAW_BYTES: usize = 6 << 20;
/// How long a body may take to arrive: the function's own time begins after it.
const ARRIVAL: Duration = Duration::from_mins(1);
/// Headers of one connection, which a function is not shown.
const OF_CONNECTION: [&str; 8] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// `{name}`, or `{name}@{alias}`, with whatever was sent to it.
pub(crate) struct FunctionRequest {
    request: HttpRequest,
    payload: RefCell<Payload>,
}

/// What an `http` function is given of a request.
pub(crate) struct RawRequest {
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
}

impl FromRequest for FunctionRequest {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        ready(Ok(Self { request: request.clone(), payload: RefCell::new(payload.take()) }))
    }
}

impl FunctionRequest {
    /// The function's name, and the alias where one is said with it.
    pub(crate) fn named(&self) -> Result<(&str, Option<&str>)> {
        let name = part(&self.request, "name")?;
        Ok(name.split_once('@').map_or((name, None), |(name, alias)| (name, Some(alias))))
    }

    /// `?alias=` and nothing else.
    pub(crate) fn alias(&self) -> Result<Option<String>> {
        let mut pairs = form_urlencoded::parse(self.request.query_string().as_bytes());
        let (first, second) = (pairs.next(), pairs.next());
        match (first, second) {
            (None, _) => Ok(None),
            (Some((name, alias)), None) if name == "alias" => Ok(Some(alias.into_owned())),
            (Some((name, _)), None) | (_, Some((name, _))) => Err(unknown(&name)),
        }
    }

    /// Who calls a callable: as everywhere, what is sent and bad is no visitor.
    pub(crate) async fn caller(&self) -> Result<Caller> {
        if !self.request.headers().contains_key(AUTHORIZATION) {
            return called_by(&self.request, Principal::Visitor);
        }
        let principal = caller::bearer(&self.request).await?;
        called_by(&self.request, principal)
    }

    /// Who calls an `http` function. A credential that isn't ours is the function's business, and its caller a visitor;
    /// one of ours that counts no longer is refused. Also whether it is ours.
    pub(crate) async fn guest(&self) -> Result<(Caller, bool)> {
        let visitor = || Ok((called_by(&self.request, Principal::Visitor)?, false));
        if !caller::may_be_ours(&self.request) {
            return visitor();
        }
        match caller::bearer(&self.request).await {
            Ok(principal) => Ok((called_by(&self.request, principal)?, true)),
            Err(error) if error.code() == Code::InvalidToken && !caller::is_key(&self.request) => visitor(),
            Err(error) => Err(error),
        }
    }

    /// A callable's input; nothing at all is no input.
    pub(crate) async fn json(&self) -> Result<Bytes> {
        let payload = self.payload.replace(Payload::None);
        let bytes = arrived(body::read(&self.request, payload)).await?;
        if !bytes.is_empty() || self.request.headers().contains_key(CONTENT_TYPE) {
            body::is_json(&self.request)?;
        }
        Ok(bytes)
    }

    pub(crate) fn idempotency(&self) -> Result<IdempotencyKey> {
        idempotency::read(&self.request)
    }

    /// Whether the caller comes back for the answer (RFC 7240).
    pub(crate) fn responds_async(&self) -> bool {
        let preferences = self.request.headers().get_all("prefer").filter_map(|value| value.to_str().ok());
        preferences
            .flat_map(|value| value.split([',', ';']))
            .any(|one| one.trim().eq_ignore_ascii_case("respond-async"))
    }

    /// The request as it came, but for what is the connection's. A token of ours has done its work: it isn't shown.
    pub(crate) async fn raw(&self, ours: bool) -> Result<RawRequest> {
        let payload = self.payload.replace(Payload::None);
        let body = arrived(whole(payload)).await?;
        let headers = self.request.headers();
        let shown = |name: &str| !(OF_CONNECTION.contains(&name) || (ours && name == AUTHORIZATION.as_str()));
        let headers = headers
            .iter()
            .filter(|(name, _)| shown(name.as_str()))
            .map(|(name, value)| (name.as_str().to_owned(), latin1(value.as_bytes())))
            .collect();
        Ok(RawRequest { method: self.request.method().to_string(), url: self.url(), headers, body })
    }

    fn url(&self) -> String {
        let known = self.request.app_data::<PublicOrigin>().and_then(|origin| origin.0.clone());
        let origin = known.unwrap_or_else(|| format!("http://{}", host(self.request.headers())));
        let path = self.request.uri().path_and_query().map_or("/", |path| path.as_str());
        format!("{origin}{path}")
    }
}

/// As whoever called us names us: for the function to read, never for links of ours.
fn host(headers: &HeaderMap) -> &str {
    let plain = |host: &&str| {
        !host.is_empty()
            && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':' | b'[' | b']'))
    };
    headers.get(HOST).and_then(|host| host.to_str().ok()).filter(plain).unwrap_or("localhost")
}

/// A header's bytes as scripts see them: each a character.
fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

async fn arrived(body: impl Future<Output = Result<Bytes>>) -> Result<Bytes> {
    let late = |_| Error::new(Code::Timeout, "The body took too long to arrive.");
    tokio::time::timeout(ARRIVAL, body).await.map_err(late)?
}

/// Whatever it is, and however it is encoded.
async fn whole(mut payload: Payload) -> Result<Bytes> {
    let mut body = BytesMut::new();
    while let Some(piece) = payload.next().await {
        let piece = piece.map_err(|error| Error::new(Code::BadRequest, "The body broke off.").caused_by(error))?;
        if body.len() + piece.len() > RAW_BYTES {
            let detail = format!("A request to a function has at most {RAW_BYTES} bytes.");
            return Err(Error::new(Code::TooLarge, detail));
        }
        body.extend_from_slice(&piece);
    }
    Ok(body.freeze())
}

impl Argument for FunctionRequest {
    fn describe(contract: &mut Contract) {
        contract.takes_query = true;
        super::Caller::describe(contract);
        let description = "The function's name; `@` and an alias may follow (`add@staging`), else it is `live`.";
        contract.path_parameter("name", description, NAME);
        contract.header(
            "Prefer",
            "`respond-async`: the answer waits at the place that is named.",
            ObjectBuilder::new(),
        );
        IdempotencyKey::describe(contract);
        contract.refuses(&[
            Code::BadRequest,
            Code::FunctionNotFound,
            Code::AliasNotFound,
            Code::RuleDenied,
            Code::RuleMissing,
            Code::Unauthenticated,
            Code::ScopeMissing,
            Code::RateLimited,
            Code::FunctionBusy,
            Code::FunctionFailed,
            Code::FunctionTimeout,
            Code::FunctionOutOfMemory,
            Code::FunctionWorkerLost,
            Code::FunctionResultInvalid,
            Code::CallDepthExceeded,
            Code::TooLarge,
        ]);
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn request(request: TestRequest) -> FunctionRequest {
        FunctionRequest { request: request.to_http_request(), payload: RefCell::new(Payload::None) }
    }

    #[test]
    fn an_answer_that_waits_is_asked_for_by_a_preference() {
        let asks = |value: &str| request(TestRequest::post().insert_header(("prefer", value))).responds_async();
        assert!(asks("respond-async") && asks("wait=10, Respond-Async"));
        assert!(!asks("respond-sync") && !request(TestRequest::post()).responds_async());
    }

    #[test]
    fn an_alias_is_the_only_parameter() {
        let alias = |query: &str| request(TestRequest::post().uri(&format!("/x?{query}"))).alias();
        assert_eq!(alias("").unwrap(), None);
        assert_eq!(alias("alias=staging").unwrap().as_deref(), Some("staging"));
        for bad in ["colour=red", "alias=a&colour=red", "alias=a&alias=b"] {
            assert_eq!(alias(bad).unwrap_err().code(), Code::UnknownParameter, "{bad}");
        }
    }

    #[test]
    fn a_url_is_absolute_whatever_the_host_says() {
        let url =
            |host: &str| request(TestRequest::get().uri("/v1/functions/a/b?c=d").insert_header((HOST, host))).url();
        assert_eq!(url("api.example.org:8080"), "http://api.example.org:8080/v1/functions/a/b?c=d");
        assert_eq!(url("evil/path?x"), "http://localhost/v1/functions/a/b?c=d");
    }
}
