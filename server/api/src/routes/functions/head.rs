//! The head of an `http` function's answer: what it may say of itself, beside what this server says of every answer.
//!
//! Functions share the origin of the console and of each other. So their pages run in a sandbox, their cookies belong
//! to their own path, and what would speak for the whole origin is left out.

use actix_web::HttpResponseBuilder;
use actix_web::http::header::{CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, SET_COOKIE};
use basalt_app::functions::HttpBody;
use basalt_core::{DocumentId, Error, Result};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};

pub(super) const INVOCATION: HeaderName = HeaderName::from_static("basalt-invocation");
const SANDBOX: HeaderValue = HeaderValue::from_static("sandbox allow-scripts allow-forms allow-popups");

/// Of the connection, made by the server, or for the whole origin.
const OURS: [&str; 18] = [
    "alt-svc",
    "clear-site-data",
    "connection",
    "content-length",
    "date",
    "keep-alive",
    "origin-agent-cluster",
    "proxy-authenticate",
    "report-to",
    "reporting-endpoints",
    "service-worker-allowed",
    "strict-transport-security",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-content-type-options",
    "x-request-id",
];

/// What the function says, as far as it may.
pub(super) fn write(
    response: &mut HttpResponseBuilder,
    headers: &[(String, String)],
    function: &str,
    invocation: &DocumentId,
) {
    let mut is_page = false;
    for (name, value) in headers {
        let parsed = HeaderName::from_bytes(name.as_bytes()).ok().zip(header_value(value));
        let Some((name, value)) = parsed.filter(|(name, _)| !is_ours(name)) else { continue };
        if name == "content-type" {
            is_page |= runs(&value);
        }
        if name == SET_COOKIE {
            if let Some(cookie) = value.to_str().ok().and_then(|cookie| own_cookie(cookie, function)) {
                response.append_header((SET_COOKIE, cookie));
            }
            continue;
        }
        response.append_header((name, value));
    }
    if is_page {
        // Beside one of the function's own: both hold.
        response.append_header((CONTENT_SECURITY_POLICY, SANDBOX));
    }
    response.insert_header((INVOCATION, invocation.as_str()));
}

fn is_ours(name: &HeaderName) -> bool {
    OURS.contains(&name.as_str()) || name.as_str().starts_with("basalt-")
}

/// Each character a byte, as scripts have them.
fn header_value(text: &str) -> Option<HeaderValue> {
    let bytes: Option<Vec<u8>> = text.chars().map(|sign| u8::try_from(u32::from(sign)).ok()).collect();
    HeaderValue::from_bytes(&bytes?).ok()
}

/// Whether a browser would run what such a body says.
fn runs(content_type: &HeaderValue) -> bool {
    let essence = content_type.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    let essence = essence.to_ascii_lowercase();
    essence.ends_with("html") || essence.ends_with("+xml") || essence.ends_with("/xml")
}

/// A cookie of the function's own path, and of no other host. One whose name demands more can't be had.
fn own_cookie(cookie: &str, function: &str) -> Option<String> {
    let base = format!("/v1/functions/{function}");
    let mut parts = cookie.split(';').map(str::trim);
    let pair = parts.next().filter(|pair| pair.contains('='))?;
    if pair.to_ascii_lowercase().starts_with("__host-") {
        return None;
    }
    let mut own = vec![pair.to_owned()];
    let mut path = base.clone();
    for part in parts.filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        match name.trim().to_ascii_lowercase().as_str() {
            "domain" => {}
            "path" => {
                let below =
                    value.trim().strip_prefix(&base).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
                if below && !value.contains("..") {
                    value.trim().clone_into(&mut path);
                }
            }
            _ => own.push(part.to_owned()),
        }
    }
    own.push(format!("Path={path}"));
    Some(own.join("; "))
}

/// The body, as the client takes it. What breaks off ends the connection.
pub(super) fn pieces(body: HttpBody) -> impl Stream<Item = Result<Bytes>> {
    body.map(|piece| piece.map_err(broken))
}

/// Of an answer without a body: the function goes on to its end, which its limits set.
pub(super) async fn run_out(body: HttpBody) {
    body.for_each(|piece| async move {
        if let Err(error) = piece {
            broken(error);
        }
    })
    .await;
}

fn broken(error: Error) -> Error {
    tracing::info!(?error, "the answer of a function broke off");
    error
}

#[cfg(test)]
mod tests {
    use actix_web::HttpResponse;

    use super::*;

    fn written(headers: &[(&str, &str)]) -> HttpResponse {
        let headers: Vec<_> = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut response = HttpResponse::Ok();
        write(&mut response, &headers, "hook", &DocumentId::parse("i1").unwrap());
        response.finish()
    }

    #[test]
    fn pages_run_in_a_sandbox_whatever_they_say() {
        for kind in ["text/html", "TEXT/HTML; charset=utf-8", "application/xhtml+xml", "image/svg+xml", "text/xml"] {
            let response = written(&[("content-type", kind), ("content-security-policy", "default-src *")]);
            let policies: Vec<_> = response.headers().get_all(CONTENT_SECURITY_POLICY).collect();
            assert_eq!(policies, [&HeaderValue::from_static("default-src *"), &SANDBOX], "{kind}");
        }
        assert!(written(&[("content-type", "application/json")]).headers().get(CONTENT_SECURITY_POLICY).is_none());
    }

    #[test]
    fn what_speaks_for_the_origin_or_the_connection_is_left_out() {
        let response = written(&[
            ("Transfer-Encoding", "chunked"),
            ("Strict-Transport-Security", "max-age=0"),
            ("Clear-Site-Data", "\"*\""),
            ("Basalt-Invocation", "forged"),
            ("X-Own", "caf\u{e9}"),
            ("bad name", "x"),
            ("X-Split", "a\r\nb: c"),
        ]);
        let names: Vec<&str> = response.headers().keys().map(HeaderName::as_str).collect();
        assert_eq!(names.len(), 2, "{names:?}");
        assert_eq!(response.headers().get(INVOCATION).unwrap(), "i1");
        assert_eq!(response.headers().get("x-own").unwrap().as_bytes(), b"caf\xe9");
    }

    #[test]
    fn cookies_belong_to_the_functions_path() {
        let cookie = |text: &str| own_cookie(text, "hook");
        assert_eq!(cookie("a=1").as_deref(), Some("a=1; Path=/v1/functions/hook"));
        assert_eq!(
            cookie("a=1; Path=/; Domain=example.org; HttpOnly").as_deref(),
            Some("a=1; HttpOnly; Path=/v1/functions/hook")
        );
        assert_eq!(cookie("a=1; path=/v1/functions/hook/x").as_deref(), Some("a=1; Path=/v1/functions/hook/x"));
        for other in ["/v1/functions/hooks", "/v1/functions/hook/../other"] {
            assert_eq!(cookie(&format!("a=1; Path={other}")).as_deref(), Some("a=1; Path=/v1/functions/hook"));
        }
        assert_eq!(cookie("__Host-a=1; Path=/"), None);
        assert_eq!(cookie("nothing"), None);
    }
}
