use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::auth::{Auth, Role};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::extract::{Json, Owner, RoleAt};
use crate::problem::Answer;
use crate::routes::admin::shared::Declared;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewRole)]
pub(crate) struct Body {
    #[schema(max_length = 500)]
    description: Option<String>,
    /// Other roles whose rights its holders have, too.
    #[serde(default)]
    #[schema(max_items = 32)]
    inherits: Vec<String>,
}

/// Declare a role
///
/// Or change it, the whole of it. What it inherits from counts for its holders with their next request, on every node
/// within a second.
#[utoipa::path(
    put,
    path = "/v1/admin/roles/{role}",
    tag = "admin",
    responses((status = 200, description = "The role.", body = Declared)),
    extensions(("x-codes" = json!(["schema_violation"]))),
)]
pub(crate) async fn handle(caller: Owner, at: RoleAt, body: Json<Body>, auth: Data<Auth>) -> Answer {
    let Body { description, inherits } = body.0;
    let role = auth.roles().put(&caller.0, &at.0, Role { description, inherits }).await?;
    Ok(HttpResponse::Ok().json(Declared::from(role)))
}
