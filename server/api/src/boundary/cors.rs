//! Cross-origin requests: an allow-list of origins. Tokens travel in headers, so no answer ever allows credentials.

use actix_web::HttpResponse;
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use basalt_core::Origin;

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");
const REQUEST_HEADERS: HeaderValue = HeaderValue::from_static(
    "accept, authorization, basalt-file-data, content-type, if-match, if-none-match, if-range, idempotency-key, prefer, \
     range, traceparent, tracestate, tus-resumable, upload-checksum, upload-defer-length, upload-length, \
     upload-metadata, upload-offset, x-http-method-override, x-request-id",
);
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "accept-ranges, basalt-file-id, basalt-invocation, basalt-seq, content-disposition, content-length, content-range, \
     etag, idempotency-replayed, last-modified, location, retry-after, tus-checksum-algorithm, tus-extension, tus-max-size, \
     tus-resumable, tus-version, upload-expires, upload-length, upload-metadata, upload-offset, x-request-id",
);
const VARY_ORIGIN: HeaderValue = HeaderValue::from_static("Origin");

/// The origins that may read our answers in a browser.
#[derive(Clone, Debug, Default)]
pub struct Cors {
    allowed: Vec<Origin>,
}

impl Cors {
    pub fn new(allowed: Vec<Origin>) -> Self {
        Self { allowed }
    }

    pub(crate) fn allows(&self, origin: &str) -> bool {
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

/// The header that carries the origin, if there is one.
pub(super) const ORIGIN: HeaderName = header::ORIGIN;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preflight_of_a_stranger_opens_nothing() {
        let cors = Cors::new(vec![Origin::parse("https://a.org").unwrap()]);
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
