use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, ContentType, HeaderValue};

use crate::problem::Answer;

/// This document
#[utoipa::path(
    get,
    path = "/v1/openapi.json",
    tag = "discovery",
    responses((status = 200, description = "The OpenAPI document of this API.", body = Object)),
)]
pub(crate) async fn handle() -> Answer {
    let cache = (CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    Ok(HttpResponse::Ok().insert_header(cache).content_type(ContentType::json()).body(crate::openapi::text()))
}
