use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::web::Data;
use basalt_app::auth::Auth;

use crate::extract::Anyone;
use crate::problem::Answer;

/// OpenID Connect discovery
///
/// What is served, and nothing else.
#[utoipa::path(
    get,
    path = "/.well-known/openid-configuration",
    tag = "discovery",
    responses((status = 200, description = "The discovery document.", body = Object)),
)]
pub(crate) async fn handle(_: Anyone, auth: Data<Auth>) -> Answer {
    let cache = (CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    Ok(HttpResponse::Ok().insert_header(cache).json(auth.openid_configuration()))
}
