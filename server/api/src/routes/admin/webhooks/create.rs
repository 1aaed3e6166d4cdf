use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;
use actix_web::web::Data;
use basalt_app::webhooks::Webhooks;
use basalt_core::DocumentId;
use serde::Deserialize;
use utoipa::ToSchema;

use super::shared::{Created, Said, Shown};
use crate::extract::{Json, Owner};
use crate::problem::Answer;

// Flattening would let unknown fields pass.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = NewWebhook)]
pub(crate) struct Body {
    /// 1 to 64 of `A-Z a-z 0-9 _ -`; without it one is made.
    #[schema(value_type = Option<String>)]
    name: Option<DocumentId>,
    /// `https://…`; one of a private network only where the deployment allows it.
    url: String,
    /// CEL over the event, such as `collection == 'orders' && op == 'create'`; without it all events.
    events: Option<String>,
    #[schema(max_length = 1024)]
    description: Option<String>,
    /// True where nothing is said.
    enabled: Option<bool>,
    /// Sent with every delivery, and shown to nobody.
    #[schema(value_type = Option<Object>)]
    headers: Option<std::collections::BTreeMap<String, String>>,
    /// `15s` where nothing is said; 25 seconds at most.
    timeout: Option<String>,
    /// 7 where nothing is said; 20 at most.
    retries: Option<u32>,
    /// `whsec_…` where the receiver has one already; without it one is made.
    #[schema(format = Password)]
    secret: Option<String>,
}

impl Body {
    fn split(self) -> (Option<DocumentId>, Said) {
        let Self { name, url, events, description, enabled, headers, timeout, retries, secret } = self;
        (name, Said { url, events, description, enabled, headers, timeout, retries, secret })
    }
}

/// Make a webhook
///
/// Events from now on are delivered to it, each at least once, signed as Standard Webhooks has it.
#[utoipa::path(
    post,
    path = "/v1/admin/webhooks",
    tag = "admin",
    responses((status = 201, description = "Made; keep its secret, it is not shown again.", body = Created)),
    extensions(("x-codes" = json!(["bad_request", "invalid_definition", "document_exists", "quota_exceeded"]))),
)]
pub(crate) async fn handle(caller: Owner, body: Json<Body>, webhooks: Data<Webhooks>) -> Answer {
    let (name, said) = body.0.split();
    let (info, secret) = webhooks.create(&caller.0, name, said.into_wanted()?).await?;
    let location = (LOCATION, format!("/v1/admin/webhooks/{}", info.name));
    let created = Created { webhook: Shown::from(info), secret: secret.expose().to_owned() };
    Ok(HttpResponse::Created().insert_header(location).json(created))
}
