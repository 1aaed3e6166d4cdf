use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::triggers::Triggers;

use super::shared::Shown;
use crate::extract::{AdminRead, IdAt};
use crate::problem::Answer;

/// Get a dead letter
///
/// With the whole event.
#[utoipa::path(
    get,
    path = "/v1/admin/deadletters/{id}",
    tag = "admin",
    responses((status = 200, description = "The letter.", body = Shown)),
    extensions(("x-codes" = json!(["dead_letter_not_found"]))),
)]
pub(crate) async fn handle(caller: AdminRead, at: IdAt, triggers: Data<Triggers>) -> Answer {
    Ok(HttpResponse::Ok().json(Shown::from(triggers.letter(&caller.0, &at.0).await?)))
}
