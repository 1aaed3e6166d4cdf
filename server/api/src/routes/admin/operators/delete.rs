use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::operators::Operators;

use crate::extract::{IdAt, Owner};
use crate::problem::Answer;

/// Remove an operator
///
/// With his sessions; the last owner stays.
#[utoipa::path(
    delete,
    path = "/v1/admin/operators/{id}",
    tag = "admin",
    responses((status = 204, description = "Removed.")),
    extensions(("x-codes" = json!(["operator_not_found", "condition_failed"]))),
)]
pub(crate) async fn handle(caller: Owner, at: IdAt, operators: Data<Operators>) -> Answer {
    operators.delete(&caller.0, &at.0).await?;
    Ok(HttpResponse::NoContent().finish())
}
