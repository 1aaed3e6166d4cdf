use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_data::collections::Collections;
use serde::Deserialize;
use utoipa::IntoParams;

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
) -> Answer {
    collections.drop_collection(&caller.0, &at.0, query.0.confirm.as_deref()).await?;
    Ok(HttpResponse::NoContent().finish())
}
