use actix_web::HttpResponse;
use actix_web::http::header::ETAG;
use actix_web::web::Data;
use basalt_app::auth::Auth;
use basalt_core::{Code, Error};
use basalt_data::documents::PatchBody;

use crate::extract::{PatchDocument, SignedIn};
use crate::problem::Answer;
use crate::routes::auth::shared::user;
use crate::routes::documents::shared::{DocumentSchema, at_seq};

/// Change one's own profile
///
/// A merge patch whose fields may be operators. The server's fields are refused; needs no rule.
#[utoipa::path(
    patch,
    path = "/v1/auth/me",
    tag = "auth",
    request_body(content((Object = "application/json"), (Object = "application/merge-patch+json"))),
    responses((status = 200, description = "The user as he is now.", body = DocumentSchema)),
    extensions(("x-codes" = json!([
        "bad_patch", "id_mismatch", "field_protected", "operator_type_mismatch", "overflow", "unique_conflict",
        "schema_violation",
    ]))),
)]
pub(crate) async fn handle(caller: SignedIn, body: PatchDocument, auth: Data<Auth>) -> Answer {
    let PatchBody::Merge(patch) = body.patch else {
        return Err(Error::new(Code::UnsupportedMediaType, "Send a merge patch.").into());
    };
    let (me, seq) = auth.update_me(&caller.0, patch).await?;
    let mut response = HttpResponse::Ok();
    at_seq(&mut response, seq);
    Ok(response.insert_header((ETAG, me.etag())).json(user(me)))
}
