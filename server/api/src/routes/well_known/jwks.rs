use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::web::Data;
use basalt_app::auth::Auth;

use crate::extract::Anyone;
use crate::problem::Answer;

/// The public keys of our tokens
#[utoipa::path(
    get,
    path = "/.well-known/jwks.json",
    tag = "discovery",
    responses((status = 200, description = "A JSON Web Key Set (RFC 7517).", body = Object)),
)]
pub(crate) async fn handle(_: Anyone, auth: Data<Auth>) -> Answer {
    let cache = (CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    Ok(HttpResponse::Ok().insert_header(cache).json(auth.jwks()))
}
