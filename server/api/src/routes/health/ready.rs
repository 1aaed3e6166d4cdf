use actix_web::HttpResponse;
use actix_web::web::Data;

use crate::problem::Answer;
use crate::server::Health;

/// Whether requests can be served
///
/// The database answers, its migrations are done, and this node follows the change log.
#[utoipa::path(
    get,
    path = "/health/ready",
    tag = "health",
    responses((status = 200, description = "They can.", body = Object, example = json!({"status": "ready"}))),
    extensions(("x-codes" = json!(["unavailable"]))),
)]
pub(crate) async fn handle(health: Data<dyn Health>) -> Answer {
    health.ready().await?;
    Ok(HttpResponse::Ok().json(serde_json::json!({ "status": "ready" })))
}
