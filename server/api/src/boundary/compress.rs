//! Answers made smaller for who asks for it. Who doesn't ask pays for one look at a header.
//!
//! Only what is whole in memory is compressed here, so streams go out as they come; and nothing of doors that hand out
//! secrets, whose length would tell of them where an attacker chooses a part of the text (BREACH).

use std::io::Write as _;

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::ServiceResponse;
use actix_web::http::header::{self, HeaderMap, HeaderValue};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::extract::takes_gzip;

/// Less is not worth it.
const LEAST: u64 = 1024;
/// More would hold up the other requests of this thread.
const MOST: u64 = 2 << 20;
/// Doors whose answers hold tokens, keys or cookies.
const SECRET: [&str; 2] = ["/v1/auth", "/v1/admin"];

/// Whether the answer to such a request may be compressed: the client takes gzip, and the path hands out no secrets.
pub(super) fn wanted(headers: &HeaderMap, path: &str) -> bool {
    takes_gzip(headers) && !SECRET.iter().any(|prefix| path.starts_with(prefix))
}

/// The answer, smaller where that is worth it.
pub(super) fn compressed(response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    let sized = matches!(response.response().body().size(), BodySize::Sized(size) if (LEAST..=MOST).contains(&size));
    if !sized || response.headers().contains_key(header::CONTENT_ENCODING) || !is_text(response.headers()) {
        return response;
    }
    let mut encoded = false;
    let mut response = response.map_body(|_, body| match body.try_into_bytes() {
        Ok(bytes) => match gzip(&bytes) {
            Ok(smaller) => {
                encoded = true;
                BoxBody::new(smaller)
            }
            // Writing to memory doesn't fail; were it to, the answer goes out as it is.
            Err(_) => BoxBody::new(bytes),
        },
        Err(body) => body,
    });
    if encoded {
        response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        response.headers_mut().append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    }
    response
}

fn is_text(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.starts_with("text/") || kind.starts_with("application/json") || kind.starts_with("application/problem+json")
}

fn gzip(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), Compression::fast());
    encoder.write_all(bytes)?;
    encoder.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doors_of_secrets_are_left_alone() {
        let mut headers = HeaderMap::new();
        assert!(!wanted(&headers, "/v1/openapi.json"));
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        assert!(wanted(&headers, "/v1/openapi.json") && wanted(&headers, "/v1/collections/a/documents"));
        assert!(!wanted(&headers, "/v1/auth/login") && !wanted(&headers, "/v1/admin/keys"));
    }
}
