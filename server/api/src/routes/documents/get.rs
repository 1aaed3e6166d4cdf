use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, ETAG, HeaderValue, VARY};
use actix_web::web::Data;
use basalt_data::documents::{Documents, Show};
use serde::Deserialize;
use utoipa::IntoParams;

use super::shared::{DocumentSchema, expanded, selected};
use crate::extract::{Caller, DocumentAt, IfNoneMatch, Query};
use crate::problem::Answer;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Parameters {
    /// The fields of the answer, separated by commas; `id` and `rev` always stay. A path through a reference, such as
    /// `author.name`, narrows what it leads to.
    select: Option<String>,
    /// References whose documents are shown along, separated by commas: `author,replies.author`.
    expand: Option<String>,
}

/// Read one document
///
/// 404 also where the caller may not read it.
#[utoipa::path(
    get,
    path = "/v1/collections/{collection}/documents/{id}",
    tag = "documents",
    params(Parameters),
    responses(
        (status = 200, description = "The document, as the caller may read it.", body = DocumentSchema),
        (status = 304, description = "It still is at the revision that `If-None-Match` names."),
    ),
    extensions(("x-codes" = json!(["document_not_found", "scope_missing", "bad_parameter", "too_large"]))),
)]
pub(crate) async fn handle(
    caller: Caller,
    at: DocumentAt,
    known: IfNoneMatch,
    query: Query<Parameters>,
    documents: Data<Documents>,
) -> Answer {
    let Parameters { select, expand } = &query.0;
    let show = Show { select: selected(select.as_deref()), expand: expanded(expand.as_deref()) };
    let fetched = documents.get(&caller.0, &at.collection, &at.id, &show).await?;
    // The revision is the document's own: it says nothing of what its references lead to.
    let unchanged =
        !fetched.body.contains_key("expand") && known.0.is_some_and(|tags| tags.matches(fetched.rev.as_str()));
    let mut response = if unchanged { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response.insert_header((ETAG, format!("\"{}\"", fetched.rev)));
    response.insert_header((CACHE_CONTROL, HeaderValue::from_static("private, no-cache")));
    response.insert_header((VARY, HeaderValue::from_static("Authorization")));
    Ok(if unchanged { response.finish() } else { response.json(fetched.body) })
}
