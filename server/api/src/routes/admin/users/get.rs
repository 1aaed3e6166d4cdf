use actix_web::HttpResponse;
use actix_web::http::header::ETAG;
use actix_web::web::Data;
use basalt_app::auth::Auth;

use crate::extract::{AdminRead, IdAt};
use crate::problem::Answer;
use crate::routes::auth::shared::user;
use crate::routes::documents::shared::DocumentSchema;

/// Read a user
#[utoipa::path(
    get,
    path = "/v1/admin/users/{id}",
    tag = "admin",
    responses((status = 200, description = "All of the user.", body = DocumentSchema)),
    extensions(("x-codes" = json!(["user_not_found"]))),
)]
pub(crate) async fn handle(caller: AdminRead, at: IdAt, auth: Data<Auth>) -> Answer {
    let document = auth.users().get(&caller.0, &at.0).await?;
    Ok(HttpResponse::Ok().insert_header((ETAG, document.etag())).json(user(document)))
}
