use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::auth::Auth;

use crate::extract::SignedIn;
use crate::problem::Answer;
use crate::routes::documents::shared::at_seq;

/// Delete one's own account
///
/// With its credentials and sessions; needs no rule.
#[utoipa::path(
    delete,
    path = "/v1/auth/me",
    tag = "auth",
    responses((status = 204, description = "The account is gone.")),
    extensions(("x-codes" = json!(["reauthentication_required", "referenced"]))),
)]
pub(crate) async fn handle(caller: SignedIn, auth: Data<Auth>) -> Answer {
    let seq = auth.delete_me(&caller.0).await?;
    let mut response = HttpResponse::NoContent();
    at_seq(&mut response, seq);
    Ok(response.finish())
}
