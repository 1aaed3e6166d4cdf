//! Pages for people that need no console: set-up, and the API to read. Nothing is loaded from elsewhere, nothing is
//! inline, so the policy that goes with them is strict.

use actix_web::HttpResponse;
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderValue};
use actix_web::web::ServiceConfig;

use crate::openapi;
use crate::problem::Answer;
use crate::routes::endpoint::{door, mount, route};

const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; form-action 'self'; \
     base-uri 'none'; frame-ancestors 'none'",
);
const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

pub(crate) fn configure(config: &mut ServiceConfig) {
    page(config, "/_/setup", || async { Ok(file(HTML, include_str!("setup.html"))) });
    page(config, "/_/setup.js", || async { Ok(file(SCRIPT, include_str!("setup.js"))) });
    page(config, "/_/page.css", || async { Ok(file(CSS, include_str!("page.css"))) });
    page(config, "/v1/docs", || async { Ok(file(HTML, openapi::page())) });
}

fn page<F>(config: &mut ServiceConfig, path: &str, handler: F)
where
    F: actix_web::Handler<(), Output = Answer>,
{
    config.service(door(path.to_owned(), vec![(Method::GET, mount(route(&Method::GET), handler))]));
}

fn file(content_type: &'static str, text: &'static str) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((header::CACHE_CONTROL, HeaderValue::from_static("no-cache")))
        .content_type(content_type)
        .body(text)
}
