use actix_web::HttpResponse;
use basalt_core::Principal;
use serde::Serialize;
use utoipa::ToSchema;

use super::shared::Role;
use crate::extract::AdminRead;
use crate::problem::Answer;

/// Who calls the admin API.
#[derive(Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(crate) enum AdminPrincipal {
    Operator { id: String, email: String, role: Role },
    Service { id: String, scopes: Vec<String> },
}

/// Who one is to the admin API
#[utoipa::path(
    get,
    path = "/v1/admin/me",
    tag = "admin",
    responses((status = 200, description = "The operator, or the service key.", body = AdminPrincipal)),
)]
pub(crate) async fn handle(caller: AdminRead) -> Answer {
    let me = match &caller.0.principal {
        Principal::Operator(operator) => {
            let (id, email) = (operator.id.to_string(), operator.email.clone());
            AdminPrincipal::Operator { id, email, role: operator.role.into() }
        }
        Principal::Service(key) => {
            let scopes = key.scopes.iter().map(ToString::to_string).collect();
            AdminPrincipal::Service { id: key.id.to_string(), scopes }
        }
        Principal::Visitor | Principal::User(_) | Principal::System => {
            return Err(basalt_core::Error::internal("the admin API let somebody else in").into());
        }
    };
    Ok(HttpResponse::Ok().json(me))
}
