use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::triggers::Triggers;

use crate::extract::{AdminWrite, IdAt};
use crate::problem::Answer;

/// Try a dead letter again
///
/// From its first try on, behind what is on its way for the same document. The event is the same, and so is its id. The
/// letter is gone; if it fails again there is another.
#[utoipa::path(
    post,
    path = "/v1/admin/deadletters/{id}/replay",
    tag = "admin",
    responses((status = 202, description = "It is on its way.")),
    extensions(("x-codes" = json!(["dead_letter_not_found"]))),
)]
pub(crate) async fn handle(caller: AdminWrite, at: IdAt, triggers: Data<Triggers>) -> Answer {
    triggers.replay_letter(&caller.0, &at.0).await?;
    Ok(HttpResponse::Accepted().finish())
}
