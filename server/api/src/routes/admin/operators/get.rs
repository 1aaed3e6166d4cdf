use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::operators::Operators;

use crate::extract::{AdminRead, IdAt};
use crate::problem::Answer;
use crate::routes::admin::shared::Operator;

/// Read an operator
#[utoipa::path(
    get,
    path = "/v1/admin/operators/{id}",
    tag = "admin",
    responses((status = 200, description = "The operator.", body = Operator)),
    extensions(("x-codes" = json!(["operator_not_found"]))),
)]
pub(crate) async fn handle(caller: AdminRead, at: IdAt, operators: Data<Operators>) -> Answer {
    let operator = operators.get(&caller.0, &at.0).await?;
    Ok(HttpResponse::Ok().json(Operator::from(operator)))
}
