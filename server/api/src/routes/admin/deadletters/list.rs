use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::triggers::{LettersQuery, Triggers};
use basalt_core::{Code, Error, Result, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::shared::Shown;
use crate::extract::{AdminRead, Query};
use crate::problem::Answer;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Parameters {
    /// Only what this target did not take: `function/wordCount`, `webhook/crm`; or a kind of work: `schedule/nightly`.
    target: Option<String>,
    /// Dead since then: a time in RFC 3339.
    from: Option<String>,
    /// Dead before then.
    to: Option<String>,
    /// 1 to 500, 30 where it isn't given.
    limit: Option<u32>,
    /// `nextCursor` of the page before.
    cursor: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = DeadLetterList)]
pub(crate) struct Letters {
    items: Vec<Shown>,
    next_cursor: Option<String>,
}

/// List dead letters
///
/// Events that a function or a webhook did not take in all tries, and other work that failed for good; the newest first.
/// The newest 10,000 are kept.
#[utoipa::path(
    get,
    path = "/v1/admin/deadletters",
    tag = "admin",
    params(Parameters),
    responses((status = 200, description = "A page.", body = Letters)),
    extensions(("x-codes" = json!(["bad_parameter", "bad_cursor"]))),
)]
pub(crate) async fn handle(caller: AdminRead, query: Query<Parameters>, triggers: Data<Triggers>) -> Answer {
    let Parameters { target, from, to, limit, cursor } = query.0;
    let query = LettersQuery { target, from: time("from", from)?, to: time("to", to)?, limit, cursor };
    let page = triggers.letters(&caller.0, query).await?;
    let items = page.letters.into_iter().map(Shown::in_short).collect();
    Ok(HttpResponse::Ok().json(Letters { items, next_cursor: page.next_cursor }))
}

fn time(name: &str, text: Option<String>) -> Result<Option<Timestamp>> {
    let parse = |text: String| {
        Timestamp::parse(&text).ok_or_else(|| Error::new(Code::BadParameter, format!("{name} is a time in RFC 3339.")))
    };
    text.map(parse).transpose()
}
