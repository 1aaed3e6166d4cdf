use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::audit::{Audit, Entry};
use basalt_data::collections::Collections;
use serde::Deserialize;
use utoipa::IntoParams;

use super::shared::told;
use crate::extract::{CollectionAt, Owner, Query};
use crate::problem::Answer;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Parameters {
    /// The collection's name once more.
    confirm: Option<String>,
}

/// Drop a collection
///
/// With its documents; the change log keeps what happened.
#[utoipa::path(
    delete,
    path = "/v1/admin/collections/{collection}",
    tag = "admin",
    params(Parameters),
    responses((status = 204, description = "Dropped.")),
    extensions(("x-codes" = json!(["plan_refused"]))),
)]
pub(crate) async fn handle(
    caller: Owner,
    at: CollectionAt,
    query: Query<Parameters>,
    collections: Data<Collections>,
    audit: Data<Audit>,
) -> Answer {
    let before = told(&collections, &caller.0, &at.0);
    collections.drop_collection(&caller.0, &at.0, query.0.confirm.as_deref()).await?;
    let target = ("collection", at.0.to_string());
    audit.record(&caller.0, Entry { action: "collections.drop", target, before, after: None }).await?;
    Ok(HttpResponse::NoContent().finish())
}
