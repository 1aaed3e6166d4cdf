//! Cross-origin requests: an allow-list of origins. Tokens travel in headers, so no answer ever allows credentials.

use actix_web::HttpResponse;
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");
const REQUEST_HEADERS: HeaderValue = HeaderValue::from_static(
    "accept, authorization, content-type, if-match, if-none-match, idempotency-key, prefer, traceparent, tracestate, \
     x-request-id",
);
const EXPOSED: HeaderValue =
    HeaderValue::from_static("basalt-seq, etag, idempotency-replayed, location, retry-after, x-request-id");
const VARY_ORIGIN: HeaderValue = HeaderValue::from_static("Origin");

/// The origins that may read our answers in a browser.
#[derive(Clone, Debug, Default)]
pub struct Cors {
    allowed: Vec<Allowed>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Allowed {
    Exactly(String),
    /// `http://localhost:*`: the origin up to its port.
    AnyPort(String),
}

impl Cors {
    /// From texts such as `https://app.example.org` or `http://localhost:*`; the error is the text that is neither.
    pub fn new<'a>(origins: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let allowed = origins.into_iter().map(|text| Allowed::parse(text).ok_or_else(|| text.to_owned()));
        Ok(Self { allowed: allowed.collect::<Result<_, _>>()? })
    }

    fn allows(&self, origin: &str) -> bool {
        self.allowed.iter().any(|allowed| allowed.matches(origin))
    }

    /// The answer to a preflight request, where this is one; it is still to be opened like any other.
    pub(super) fn preflight(&self, method: &Method, headers: &HeaderMap) -> Option<HttpResponse> {
        if method != Method::OPTIONS || !headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD) {
            return None;
        }
        let origin = headers.get(header::ORIGIN)?;
        let mut answer = HttpResponse::NoContent();
        if origin.to_str().is_ok_and(|origin| self.allows(origin)) {
            answer.insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, METHODS));
            answer.insert_header((header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS));
            answer.insert_header((header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600")));
        }
        Some(answer.finish())
    }

    /// Opens an answer to the origin that asked, if it is allowed.
    pub(super) fn open(&self, origin: &HeaderValue, answer: &mut HeaderMap) {
        answer.append(header::VARY, VARY_ORIGIN);
        if origin.to_str().is_ok_and(|origin| self.allows(origin)) {
            answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            answer.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        }
    }
}

impl Allowed {
    fn parse(text: &str) -> Option<Self> {
        let (scheme, authority) = text.split_once("://")?;
        let named = matches!(scheme, "http" | "https" | "capacitor" | "ionic" | "tauri");
        let (host, any_port) = authority.strip_suffix(":*").map_or((authority, false), |host| (host, true));
        let clean = !host.is_empty() && !host.contains(['/', '*', '?', '#', '@', ' ']) && host == host.to_lowercase();
        match (named && clean, any_port) {
            (false, _) => None,
            (true, true) => Some(Self::AnyPort(format!("{scheme}://{host}"))),
            (true, false) => Some(Self::Exactly(text.to_owned())),
        }
    }

    fn matches(&self, origin: &str) -> bool {
        match self {
            Self::Exactly(exact) => exact == origin,
            Self::AnyPort(base) => match origin.strip_prefix(base.as_str()) {
                Some("") => true,
                Some(rest) => rest.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok()),
                None => false,
            },
        }
    }
}

/// The header that carries the origin, if there is one.
pub(super) const ORIGIN: HeaderName = header::ORIGIN;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_match_exactly_or_but_for_the_port() {
        let cors = Cors::new(["https://app.example.org", "http://localhost:*"]).unwrap();
        for good in ["https://app.example.org", "http://localhost:5173", "http://localhost"] {
            assert!(cors.allows(good), "{good}");
        }
        for bad in [
            "https://app.example.org.evil.test",
            "http://app.example.org",
            "http://localhost.evil.test",
            "http://localhost:80@evil.test",
            "https://localhost:1",
            "null",
            "",
        ] {
            assert!(!cors.allows(bad), "{bad}");
        }
    }

    #[test]
    fn patterns_that_open_too_much_are_refused() {
        for bad in
            ["*", "https://*", "https://*.example.org", "example.org", "https://a.org/", "HTTPS://A.org", "https://"]
        {
            assert_eq!(Cors::new([bad]).unwrap_err(), bad);
        }
    }

    #[test]
    fn a_preflight_of_a_stranger_opens_nothing() {
        let cors = Cors::new(["https://a.org"]).unwrap();
        let ask = |origin: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
            headers.insert(header::ACCESS_CONTROL_REQUEST_METHOD, HeaderValue::from_static("POST"));
            cors.preflight(&Method::OPTIONS, &headers).unwrap()
        };
        assert!(ask("https://a.org").headers().contains_key(header::ACCESS_CONTROL_ALLOW_METHODS));
        assert!(!ask("https://b.org").headers().contains_key(header::ACCESS_CONTROL_ALLOW_METHODS));
    }
}
