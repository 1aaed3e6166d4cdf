use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::audit::{Audit, Entry};
use basalt_data::collections::Collections;
use serde::Deserialize;
use serde_json::Value;
use utoipa::IntoParams;

use super::shared::{PlanSchema, told};
use crate::extract::{CollectionAt, ObjectBody, Owner, Query};
use crate::problem::Answer;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Parameters {
    /// Shows what would be done and changes nothing.
    #[serde(default)]
    plan: bool,
}

/// Define a collection
///
/// The body is the entry of `app.toml` in JSON, the whole of it. New indexes are built in the background.
#[utoipa::path(
    put,
    path = "/v1/admin/collections/{collection}",
    tag = "admin",
    params(Parameters),
    request_body = Object,
    responses((status = 200, description = "What was done.", body = PlanSchema)),
    extensions(("x-codes" = json!(["plan_refused", "invalid_definition"]))),
)]
pub(crate) async fn handle(
    caller: Owner,
    at: CollectionAt,
    query: Query<Parameters>,
    body: ObjectBody,
    collections: Data<Collections>,
    audit: Data<Audit>,
) -> Answer {
    let before = told(&collections, &caller.0, &at.0);
    let definition = Value::Object(body.map);
    if query.0.plan {
        return Ok(HttpResponse::Ok().json(collections.plan_put(&caller.0, &at.0, &definition)?.to_json()));
    }
    let plan = collections.put(&caller.0, &at.0, &definition).await?;
    let after = told(&collections, &caller.0, &at.0);
    if before != after {
        let target = ("collection", at.0.to_string());
        audit.record(&caller.0, Entry { action: "collections.put", target, before, after }).await?;
    }
    Ok(HttpResponse::Ok().json(plan.to_json()))
}
