use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;
use actix_web::web::Data;
use basalt_app::operators::{NewOperator, Operators};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::extract::{Json, Owner};
use crate::problem::Answer;
use crate::routes::admin::shared::{Operator, Role};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewOperator)]
pub(crate) struct Body {
    email: String,
    role: Role,
    #[schema(min_length = 8, format = Password)]
    password: String,
}

/// Add an operator
#[utoipa::path(
    post,
    path = "/v1/admin/operators",
    tag = "admin",
    responses((status = 201, description = "Added.", body = Operator)),
    extensions(("x-codes" = json!(["bad_request", "unique_conflict", "weak_password"]))),
)]
pub(crate) async fn handle(caller: Owner, body: Json<Body>, operators: Data<Operators>) -> Answer {
    let Body { email, role, password } = body.0;
    let new = NewOperator { email, role: role.into(), password: password.into() };
    let operator = operators.create(&caller.0, new).await?;
    let location = (LOCATION, format!("/v1/admin/operators/{}", operator.id));
    Ok(HttpResponse::Created().insert_header(location).json(Operator::from(operator)))
}
