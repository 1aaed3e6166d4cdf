use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::triggers::Triggers;

use crate::extract::{AdminWrite, IdAt};
use crate::problem::Answer;

/// Drop a dead letter
#[utoipa::path(
    delete,
    path = "/v1/admin/deadletters/{id}",
    tag = "admin",
    responses((status = 204, description = "Dropped.")),
    extensions(("x-codes" = json!(["dead_letter_not_found"]))),
)]
pub(crate) async fn handle(caller: AdminWrite, at: IdAt, triggers: Data<Triggers>) -> Answer {
    triggers.drop_letter(&caller.0, &at.0).await?;
    Ok(HttpResponse::NoContent().finish())
}
