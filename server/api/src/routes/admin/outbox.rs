use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::host::Outbox;
use basalt_core::{Document, limits};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::extract::{AdminRead, Query};
use crate::problem::Answer;
use crate::routes::documents::shared::DocumentPage;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Parameters {
    /// 1 to 500, 30 where it isn't given.
    limit: Option<u32>,
    /// `nextCursor` of the page before.
    cursor: Option<String>,
}

/// What functions sent
///
/// E-mail, push and SMS, newest first, the last 1,000: they are written down here, and delivered nowhere.
#[utoipa::path(
    get,
    path = "/v1/admin/outbox",
    tag = "admin",
    params(Parameters),
    responses((status = 200, description = "A page.", body = DocumentPage)),
    extensions(("x-codes" = json!(["bad_parameter", "bad_cursor"]))),
)]
pub(crate) async fn handle(caller: AdminRead, query: Query<Parameters>, outbox: Data<Outbox>) -> Answer {
    let Parameters { limit, cursor } = query.0;
    let page = outbox.list(&caller.0, cursor.as_deref(), limit.unwrap_or(limits::PAGE_DEFAULT)).await?;
    let items = page.messages.into_iter().map(Document::into_flat).collect();
    Ok(HttpResponse::Ok().json(DocumentPage { items, next_cursor: page.next_cursor, total: None }))
}
