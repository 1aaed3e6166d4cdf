use actix_web::web::Data;
use basalt_app::auth::Auth;

use crate::extract::{AdminRenewal, AdminWrite, NdjsonBody, Query};
use crate::problem::Answer;
use crate::routes::documents::import::{ImportLine, Parameters, answer};

/// Import users
///
/// A stream of NDJSON, a user a line as his document shows him; `id`, `createdAt` and `updatedAt` are kept when given.
/// `password` holds the hash that another system made, `{"algorithm","hash","salt"?,"params"?}` with `bcrypt`,
/// `argon2id`, `pbkdf2`, `firebase-scrypt` or `leancloud-sha512`: it is compared at the first sign-in, and replaced
/// then. Otherwise like the import of documents, with `mode=create` alone.
#[utoipa::path(
    post,
    path = "/v1/admin/users/import",
    tag = "admin",
    params(Parameters),
    request_body(content = Object, content_type = "application/x-ndjson"),
    responses((
        status = 200, description = "What failed, and what was done.", body = ImportLine,
        content_type = "application/x-ndjson",
    )),
)]
pub(crate) async fn handle(
    caller: AdminWrite,
    renewal: AdminRenewal,
    query: Query<Parameters>,
    body: NdjsonBody,
    auth: Data<Auth>,
) -> Answer {
    let (options, progress) = query.0.options()?;
    let import = auth.users().import(&caller.0, options)?;
    Ok(answer(import, caller.0, renewal.into(), (body, progress)))
}
