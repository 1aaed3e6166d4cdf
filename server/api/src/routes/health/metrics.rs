use actix_web::HttpResponse;

use crate::extract::AdminRead;
use crate::problem::Answer;

/// Metrics
///
/// In Prometheus' text form. For service keys with the scope `admin`; a deployment may serve them at an address of
/// their own as well.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "health",
    responses((status = 200, description = "The metrics.", body = String, content_type = "text/plain")),
)]
pub(crate) async fn handle(_: AdminRead) -> Answer {
    let text = crate::metrics::render()?;
    Ok(HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(text))
}
