use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::functions::{Amounts, FunctionName, Registry, UsageOfDay};
use basalt_core::{Clock, Code, Error, FieldError, Result, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::extract::{AdminRead, Query};
use crate::problem::Answer;

/// The time that is told of where nothing is said.
const SPAN: Duration = Duration::from_hours(24 * 30);

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Parameters {
    /// The first day, of UTC: `2026-11-22`, or a time of it; 30 days ago where nothing is said.
    from: Option<String>,
    /// The last day; today where nothing is said.
    to: Option<String>,
    /// Of this function.
    #[param(value_type = Option<String>)]
    function: Option<FunctionName>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UsageList {
    items: Vec<OfDay>,
    /// Always null: there is one page.
    next_cursor: Option<String>,
}

/// What one function used on one day.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = FunctionUsage)]
pub(crate) struct OfDay {
    /// Of UTC.
    day: String,
    function: String,
    invocations: u64,
    errors: u64,
    /// Memory that its calls were given, for as long as they took.
    gigabyte_seconds: f64,
    cpu_ms: f64,
    egress_bytes: u64,
}

impl From<UsageOfDay> for OfDay {
    fn from(usage: UsageOfDay) -> Self {
        let UsageOfDay { day, function, amounts } = usage;
        let Amounts { invocations, errors, gigabyte_seconds, cpu_ms, egress_bytes } = amounts;
        Self { day, function: function.into(), invocations, errors, gigabyte_seconds, cpu_ms, egress_bytes }
    }
}

/// Read what functions used
///
/// Per function and day. The last ten seconds are not all in it.
#[utoipa::path(
    get,
    path = "/v1/admin/usage",
    tag = "admin",
    params(Parameters),
    responses((status = 200, description = "By day, then by name.", body = UsageList)),
    extensions(("x-codes" = json!(["bad_parameter"]))),
)]
pub(crate) async fn handle(
    caller: AdminRead,
    query: Query<Parameters>,
    registry: Data<Registry>,
    clock: Data<dyn Clock>,
) -> Answer {
    let Parameters { from, to, function } = query.0;
    let to = to.as_deref().map_or_else(|| Ok(clock.now()), |text| day("to", text))?;
    let from = from.as_deref().map_or_else(|| Ok(to.minus(SPAN)), |text| day("from", text))?;
    let usage = registry.usage(&caller.0, (from, to), function.as_ref()).await?;
    Ok(HttpResponse::Ok().json(UsageList { items: usage.into_iter().map(OfDay::from).collect(), next_cursor: None }))
}

fn day(name: &str, text: &str) -> Result<Timestamp> {
    let bad = || {
        let detail = format!("The parameter {name:?} is a day, such as 2026-11-22.");
        let fault = FieldError::new(format!("/{name}"), "bad_parameter", detail.clone());
        Error::new(Code::BadParameter, detail).with_errors(vec![fault])
    };
    Timestamp::parse(text).or_else(|| Timestamp::parse(&format!("{text}T00:00:00Z"))).ok_or_else(bad)
}
