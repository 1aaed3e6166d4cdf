use actix_web::HttpResponse;
use actix_web::web::Data;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use crate::extract::{Owner, Query, ZipBody};
use crate::problem::Answer;
use crate::{DeployWish, Deployer};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Parameters {
    /// Shows what would be done and changes nothing.
    #[serde(default)]
    plan: bool,
    /// What may be taken away, separated by commas: `collection:notes` (with its documents), `field:notes.secret` (what
    /// guards it), `bucket:`, `channel:`, `role:`, `function:`, `schedule:`, `webhook:`.
    remove: Option<String>,
    /// Whose breaking changes and open rules are meant, separated by commas: `collection:notes`, `function:add`.
    acknowledge: Option<String>,
    /// The alias that new versions of functions are put behind; `live` where it isn't given.
    alias: Option<String>,
}

/// What a deploy does, or would do.
#[derive(ToSchema)]
#[schema(as = Deploy)]
#[expect(dead_code, reason = "describes; plans are rendered where rooms are wired")]
pub(crate) struct DeploySchema {
    /// `collections`, `buckets`, `channels`, `roles`, `functions`, `schedules`, `webhooks`: of each a list of
    /// `{"name","change","what"?}`, where a change is `added`, `changed`, `unchanged`, `kept` or `removed`. `access`: who
    /// can do what, where that changes: `{"thing","collection","op","change","before","after"}`, of a function with the op
    /// `invoke`; a change is `opened`, `closed` or `changed`, before and after are `{"visitor","signedIn","rule"}` (with
    /// `never`, `depends`, `always`) or null. `warnings`: what looks like a mistake.
    plan: Map<String, Value>,
    /// `{"thing","path","code","message"}`: what has to be acknowledged.
    breaking: Vec<Map<String, Value>>,
    /// Why it can't be applied as it is.
    refusals: Vec<Map<String, Value>>,
    /// Whether it changes anything.
    changes: bool,
    applied: bool,
    /// `{"id","at","by"}`; null where nothing was applied.
    deployment: Option<Map<String, Value>>,
}

/// Deploy an app
///
/// The body is a zip of the app's folder: `app.toml`, `functions/`, schemas. Everything is checked before anything is
/// written. What isn't in it is kept; the same app again changes nothing. A deploy that a crash broke off is finished when
/// the server starts, or by the same deploy again.
#[utoipa::path(
    post,
    path = "/v1/admin/deploy",
    tag = "admin",
    params(Parameters),
    request_body(content = Vec<u8>, content_type = "application/zip"),
    responses((status = 200, description = "What was done.", body = DeploySchema)),
    extensions(("x-codes" = json!(["plan_refused", "invalid_definition", "not_available", "bad_parameter"]))),
)]
pub(crate) async fn handle(
    caller: Owner,
    query: Query<Parameters>,
    body: ZipBody,
    deployer: Data<dyn Deployer>,
) -> Answer {
    let Parameters { plan, remove, acknowledge, alias } = query.0;
    let wish = DeployWish {
        archive: body.read().await?,
        plan,
        remove: separated(remove),
        acknowledge: separated(acknowledge),
        alias,
    };
    Ok(HttpResponse::Ok().json(deployer.deploy(&caller.0, wish).await?))
}

fn separated(list: Option<String>) -> Vec<String> {
    let list = list.unwrap_or_default();
    list.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
}
