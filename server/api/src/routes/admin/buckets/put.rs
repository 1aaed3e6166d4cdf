use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::audit::{Audit, Entry};
use basalt_data::collections::Collections;
use serde::Deserialize;
use serde_json::Value;
use utoipa::IntoParams;

use super::super::collections::PlanSchema;
use super::shared::told;
use crate::extract::{BucketAt, ObjectBody, Owner, Query};
use crate::problem::Answer;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Parameters {
    /// Shows what would be done and changes nothing.
    #[serde(default)]
    plan: bool,
}

/// Define a bucket
///
/// The body is the entry of `app.toml` in JSON, the whole of it. Files that are there stay, whatever it says.
#[utoipa::path(
    put,
    path = "/v1/admin/buckets/{bucket}",
    tag = "admin",
    params(Parameters),
    request_body = Object,
    responses((status = 200, description = "What was done.", body = PlanSchema)),
    extensions(("x-codes" = json!(["plan_refused", "invalid_definition"]))),
)]
pub(crate) async fn handle(
    caller: Owner,
    at: BucketAt,
    query: Query<Parameters>,
    body: ObjectBody,
    collections: Data<Collections>,
    audit: Data<Audit>,
) -> Answer {
    let before = told(&collections, &caller.0, &at.0);
    let definition = Value::Object(body.map);
    if query.0.plan {
        return Ok(HttpResponse::Ok().json(collections.plan_bucket(&caller.0, &at.0, &definition)?.to_json()));
    }
    let plan = collections.put_bucket(&caller.0, &at.0, &definition).await?;
    let after = told(&collections, &caller.0, &at.0);
    if before != after {
        let target = ("bucket", at.0.to_string());
        audit.record(&caller.0, Entry { action: "buckets.put", target, before, after }).await?;
    }
    Ok(HttpResponse::Ok().json(plan.to_json()))
}
