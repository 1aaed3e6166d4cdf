use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::functions::{FunctionName, InvocationQuery, Registry};
use basalt_core::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::shared::{Outcome, Recorded};
use crate::extract::{AdminRead, Query};
use crate::problem::Answer;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Parameters {
    /// Of this function.
    #[param(value_type = Option<String>)]
    function: Option<FunctionName>,
    #[param(inline)]
    outcome: Option<Outcome>,
    /// Of the trace with this id: 32 hexadecimal digits.
    trace: Option<String>,
    /// Begun at this time or later.
    #[param(value_type = Option<String>)]
    from: Option<Timestamp>,
    /// Begun before this time.
    #[param(value_type = Option<String>)]
    to: Option<Timestamp>,
    /// 1 to 500, 30 where it isn't given.
    limit: Option<u32>,
    /// `nextCursor` of the page before.
    cursor: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = InvocationRecordPage)]
pub(crate) struct Page {
    items: Vec<Recorded>,
    /// Null where that was all. A page may be short, or empty, and yet not the last.
    next_cursor: Option<String>,
}

/// List calls of functions
///
/// The newest first. They are written down within a second, and may be lost where there are too many.
#[utoipa::path(
    get,
    path = "/v1/admin/invocations",
    tag = "admin",
    params(Parameters),
    responses((status = 200, description = "A page.", body = Page)),
    extensions(("x-codes" = json!(["bad_parameter", "bad_cursor"]))),
)]
pub(crate) async fn handle(caller: AdminRead, query: Query<Parameters>, registry: Data<Registry>) -> Answer {
    let Parameters { function, outcome, trace, from, to, limit, cursor } = query.0;
    let query = InvocationQuery { function, outcome: outcome.map(Into::into), trace, from, to, limit, cursor };
    let page = registry.invocations(&caller.0, query).await?;
    let items = page.items.into_iter().map(Recorded::from).collect();
    Ok(HttpResponse::Ok().json(Page { items, next_cursor: page.next_cursor }))
}
