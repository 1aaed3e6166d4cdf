use actix_web::HttpResponse;
use actix_web::http::header::ContentType;

use crate::problem::Answer;

/// Whether the process answers
///
/// A fixed answer through everything that each request passes; asks nothing.
#[utoipa::path(
    get,
    path = "/health/live",
    tag = "health",
    responses((status = 200, description = "It does.", body = Object, example = json!({"status": "live"}))),
)]
pub(crate) async fn handle() -> Answer {
    Ok(HttpResponse::Ok().content_type(ContentType::json()).body("{\"status\":\"live\"}"))
}
