use actix_web::HttpResponse;
use actix_web::http::header::ETAG;
use actix_web::web::Data;
use basalt_app::auth::Auth;

use crate::extract::SignedIn;
use crate::problem::Answer;
use crate::routes::auth::shared::user;
use crate::routes::documents::shared::DocumentSchema;

/// Read one's own user
///
/// All of it; needs no rule.
#[utoipa::path(
    get,
    path = "/v1/auth/me",
    tag = "auth",
    responses((status = 200, description = "The user.", body = DocumentSchema)),
)]
pub(crate) async fn handle(caller: SignedIn, auth: Data<Auth>) -> Answer {
    let me = auth.me(&caller.0).await?;
    Ok(HttpResponse::Ok().insert_header((ETAG, me.etag())).json(user(me)))
}
