use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::deployments::{Deployment as Deployed, Deployments, Origin, State};
use basalt_core::limits;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use crate::extract::{AdminRead, Query};
use crate::problem::Answer;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Parameters {
    /// 1 to 100, 30 where it isn't given.
    limit: Option<u32>,
    /// `nextCursor` of the page before.
    cursor: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeploymentPage {
    items: Vec<Deployment>,
    next_cursor: Option<String>,
}

/// One deploy of an app.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Deployment {
    id: String,
    at: String,
    /// `{"type","id"}`
    #[schema(value_type = Object)]
    by: Value,
    /// `deploy`, or `start` where a server was started with a folder.
    from: &'static str,
    /// `applying`, `applied`, `failed` or `superseded`.
    state: &'static str,
    /// The same files have the same one.
    hash: String,
    /// What it changed.
    #[schema(value_type = Object)]
    plan: Value,
    error: Option<String>,
}

impl From<Deployed> for Deployment {
    fn from(deployed: Deployed) -> Self {
        let Deployed { id, at, by, from, state, hash, plan, error } = deployed;
        let from = match from {
            Origin::Deploy => "deploy",
            Origin::Start => "start",
        };
        let state = match state {
            State::Applying => "applying",
            State::Applied => "applied",
            State::Failed => "failed",
            State::Superseded => "superseded",
        };
        Self { id: id.to_string(), at: at.to_string(), by: json!(by), from, state, hash, plan, error }
    }
}

/// What was deployed
///
/// Whole apps, newest first. Functions that were deployed by themselves are among the versions of those.
#[utoipa::path(
    get,
    path = "/v1/admin/deployments",
    tag = "admin",
    params(Parameters),
    responses((status = 200, description = "A page.", body = DeploymentPage)),
    extensions(("x-codes" = json!(["bad_parameter", "bad_cursor"]))),
)]
pub(crate) async fn handle(caller: AdminRead, query: Query<Parameters>, deployments: Data<Deployments>) -> Answer {
    let Parameters { limit, cursor } = query.0;
    let page = deployments.list(&caller.0, cursor.as_deref(), limit.unwrap_or(limits::PAGE_DEFAULT)).await?;
    let items = page.deployments.into_iter().map(Deployment::from).collect();
    Ok(HttpResponse::Ok().json(DeploymentPage { items, next_cursor: page.next_cursor }))
}
