//! Errors as RFC 9457 `application/problem+json`, and the one conversion from [`Error`] to an HTTP answer.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, CONTENT_RANGE, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use basalt_core::{Code, Error};
use serde::Serialize;
use serde_json::{Map, Value};

/// What handlers return: an answer, or the problem that stands in its place.
pub(crate) type Answer = Result<HttpResponse, Problem>;

/// An [`Error`] on its way out.
#[derive(Debug)]
pub(crate) struct Problem {
    error: Error,
    /// Of a 405.
    allow: Option<String>,
}

impl Problem {
    pub(crate) fn method_not_allowed(allow: &str) -> Self {
        let error = Error::new(Code::MethodNotAllowed, format!("This path answers {allow}."));
        Self { error, allow: Some(allow.to_owned()) }
    }

    pub(crate) fn error(&self) -> &Error {
        &self.error
    }

    pub(crate) fn render(&self, request_id: &str) -> HttpResponse {
        let mut response = render(&self.error, request_id);
        if let Some(value) = self.allow.as_deref().and_then(|allow| HeaderValue::from_str(allow).ok()) {
            response.headers_mut().insert(ALLOW, value);
        }
        response
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self { error, allow: None }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        status(self.error.status())
    }

    /// The boundary renders problems anew, with the request's id.
    fn error_response(&self) -> HttpResponse {
        self.render("")
    }
}

/// The members of the document, in the order in which people read them.
#[derive(Serialize)]
struct Body<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    code: &'a str,
    detail: &'a str,
    #[serde(rename = "requestId")]
    request_id: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [basalt_core::FieldError],
    #[serde(flatten)]
    extensions: &'a Map<String, Value>,
}

fn render(error: &Error, request_id: &str) -> HttpResponse {
    let code = error.code();
    let body = Body {
        r#type: "about:blank",
        title: code.title(),
        status: error.status(),
        code: error.code_text(),
        detail: error.detail(),
        request_id,
        errors: error.errors(),
        extensions: error.extensions(),
    };
    let mut response = HttpResponse::build(status(error.status()));
    response.insert_header((CONTENT_TYPE, HeaderValue::from_static("application/problem+json")));
    if error.status() == 401 {
        response.insert_header((WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")));
    }
    if let Some(after) = error.retry_after_hint() {
        response.insert_header((RETRY_AFTER, after.as_millis().div_ceil(1000).max(1).to_string()));
    }
    if let Some(id) = error.extensions().get("invocationId").and_then(Value::as_str) {
        response.insert_header(("basalt-invocation", id));
    }
    if let (Code::RangeNotSatisfiable, Some(size)) = (code, error.extensions().get("size")) {
        response.insert_header((CONTENT_RANGE, format!("bytes */{size}")));
    }
    response.body(serde_json::to_vec(&body).unwrap_or_default())
}

fn status(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// What the framework refused by itself (a body that breaks off, a path that isn't UTF-8), in our terms.
pub(crate) fn of_framework(error: &actix_web::Error) -> Error {
    match error.as_response_error().status_code().as_u16() {
        404 => Error::new(Code::RouteNotFound, "There is nothing at this path."),
        413 => Error::new(Code::TooLarge, "The body is too large."),
        408 => Error::new(Code::Timeout, "The request took too long to arrive."),
        status @ 400..500 => Error::new(Code::BadRequest, "The request could not be read.").caused_by(status),
        _ => Error::internal(error),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn body(response: HttpResponse) -> Value {
        let bytes = actix_web::body::MessageBody::try_into_bytes(response.into_body()).ok().unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    #[test]
    fn a_problem_carries_code_detail_id_and_extensions_but_no_cause() {
        let error = Error::new(Code::ConditionFailed, "No.").with("operation", 3).caused_by("SELECT secret");
        let body = body(Problem::from(error).render("r1"));
        assert_eq!(body["code"], "condition_failed");
        assert_eq!(body["status"], 409);
        assert_eq!(body["requestId"], "r1");
        assert_eq!(body["operation"], 3);
        assert!(!body.to_string().contains("secret"));
        assert!(body.get("errors").is_none());
    }

    #[test]
    fn headers_say_how_to_go_on() {
        let limited = Error::new(Code::RateLimited, "Slow down.").retry_after(Duration::from_millis(1500));
        assert_eq!(Problem::from(limited).render("r").headers().get(RETRY_AFTER).unwrap(), "2");
        let anonymous = Problem::from(Error::unauthenticated()).render("r");
        assert_eq!(anonymous.headers().get(WWW_AUTHENTICATE).unwrap(), "Bearer");
        let method = Problem::method_not_allowed("GET, HEAD").render("r");
        assert_eq!(
            (method.status().as_u16(), method.headers().get(ALLOW).unwrap().to_str().unwrap()),
            (405, "GET, HEAD")
        );
    }
}
