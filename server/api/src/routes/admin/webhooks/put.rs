use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::webhooks::Webhooks;

use super::shared::{Created, Said, Shown};
use crate::extract::{Json, NameAt, Owner};
use crate::problem::Answer;

/// Declare a webhook
///
/// Or change it: the same content changes nothing. Holds here at once and on every node within a second; switches one on
/// that the server has switched off.
#[utoipa::path(
    put,
    path = "/v1/admin/webhooks/{name}",
    tag = "admin",
    responses(
        (status = 200, description = "Changed.", body = Shown),
        (status = 201, description = "Made; keep its secret, it is not shown again.", body = Created),
    ),
    extensions(("x-codes" = json!(["bad_request", "invalid_definition", "quota_exceeded"]))),
)]
pub(crate) async fn handle(caller: Owner, at: NameAt, body: Json<Said>, webhooks: Data<Webhooks>) -> Answer {
    match webhooks.put(&caller.0, &at.0, body.0.into_wanted()?).await? {
        (info, None) => Ok(HttpResponse::Ok().json(Shown::from(info))),
        (info, Some(secret)) => {
            let created = Created { webhook: Shown::from(info), secret: secret.expose().to_owned() };
            Ok(HttpResponse::Created().json(created))
        }
    }
}
