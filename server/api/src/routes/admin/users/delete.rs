use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::auth::Auth;

use crate::extract::{AdminWrite, IdAt};
use crate::problem::Answer;
use crate::routes::documents::shared::at_seq;

/// Delete a user
///
/// With his credentials and sessions.
#[utoipa::path(
    delete,
    path = "/v1/admin/users/{id}",
    tag = "admin",
    responses((status = 204, description = "Deleted.")),
    extensions(("x-codes" = json!(["user_not_found", "referenced"]))),
)]
pub(crate) async fn handle(caller: AdminWrite, at: IdAt, auth: Data<Auth>) -> Answer {
    let seq = auth.users().delete(&caller.0, &at.0).await?;
    let mut response = HttpResponse::NoContent();
    at_seq(&mut response, seq);
    Ok(response.finish())
}
