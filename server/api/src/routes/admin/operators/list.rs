use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::operators::Operators;
use serde::Serialize;
use utoipa::ToSchema;

use crate::extract::AdminRead;
use crate::problem::Answer;
use crate::routes::admin::shared::Operator;

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OperatorList {
    items: Vec<Operator>,
    /// Always null: there is one page.
    next_cursor: Option<String>,
}

/// List operators
#[utoipa::path(
    get,
    path = "/v1/admin/operators",
    tag = "admin",
    responses((status = 200, description = "The operators.", body = OperatorList)),
)]
pub(crate) async fn handle(caller: AdminRead, operators: Data<Operators>) -> Answer {
    let items = operators.list(&caller.0).await?.into_iter().map(Operator::from).collect();
    Ok(HttpResponse::Ok().json(OperatorList { items, next_cursor: None }))
}
