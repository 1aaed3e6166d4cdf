use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::operators::{OperatorChange, Operators};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::extract::{IdAt, Json, Owner};
use crate::problem::Answer;
use crate::routes::admin::shared::{Operator, Role};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = OperatorChange)]
pub(crate) struct Body {
    role: Option<Role>,
    /// Ends the operator's sessions.
    #[schema(min_length = 8, format = Password)]
    password: Option<String>,
}

/// Change an operator
///
/// The last owner stays one.
#[utoipa::path(
    patch,
    path = "/v1/admin/operators/{id}",
    tag = "admin",
    responses((status = 200, description = "As he is now.", body = Operator)),
    extensions(("x-codes" = json!(["operator_not_found", "condition_failed", "weak_password"]))),
)]
pub(crate) async fn handle(caller: Owner, at: IdAt, body: Json<Body>, operators: Data<Operators>) -> Answer {
    let change = OperatorChange { role: body.0.role.map(Into::into), password: body.0.password.map(Into::into) };
    let operator = operators.update(&caller.0, &at.0, change).await?;
    Ok(HttpResponse::Ok().json(Operator::from(operator)))
}
