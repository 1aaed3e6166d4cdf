//! What the documents' endpoints share: wire types and the answers to writes.

use std::borrow::Cow;

use actix_web::http::StatusCode;
use actix_web::http::header::{ContentType, ETAG, HeaderName, LOCATION};
use actix_web::{HttpResponse, HttpResponseBuilder};
use basalt_core::change::seq_to_text;
use basalt_core::{Caller, CollectionName, Seq};
use basalt_data::documents::{
    Condition, CountMode, Documents, Explained, ListQuery, Listed, ListedPage, ListedTexts, WriteKind, Written,
    split_names,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::openapi::schema::{AdditionalProperties, KnownFormat, SchemaFormat, Type};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};
use utoipa::{IntoParams, PartialSchema, ToSchema};

/// A document on the wire: a map, so it is described by hand.
pub(crate) struct DocumentSchema;

impl PartialSchema for DocumentSchema {
    fn schema() -> RefOr<Schema> {
        let text = |description: &str| ObjectBuilder::new().schema_type(Type::String).description(Some(description));
        let time = || {
            ObjectBuilder::new()
                .schema_type(Type::String)
                .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
        };
        ObjectBuilder::new()
            .description(Some(
                "A document: one flat object. `id`, `rev`, `createdAt` and `updatedAt` are the server's, the rest is \
                 the app's own.",
            ))
            .property("id", text("Chosen by the client at creation, else time-ordered."))
            .required("id")
            .property("rev", text("Opaque; another one after each write."))
            .required("rev")
            .property("createdAt", time())
            .property("updatedAt", time())
            .property(
                "expand",
                ObjectBuilder::new()
                    .schema_type(Type::Object)
                    .additional_properties(Some(AdditionalProperties::FreeForm(true)))
                    .description(Some(
                        "With `expand`: by the path of each reference what it leads to, a document, null where there \
                         is none to read, or a list.",
                    )),
            )
            .additional_properties(Some(AdditionalProperties::FreeForm(true)))
            .into()
    }
}

impl ToSchema for DocumentSchema {
    fn name() -> Cow<'static, str> {
        "Document".into()
    }
}

/// A page of a list.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DocumentPage {
    #[schema(value_type = Vec<DocumentSchema>)]
    pub(crate) items: Vec<Map<String, Value>>,
    /// The `cursor` of the next page; null on the last one.
    pub(crate) next_cursor: Option<String>,
    /// With `count=exact`: how many match in all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) total: Option<u64>,
}

impl From<Listed> for DocumentPage {
    fn from(listed: Listed) -> Self {
        Self { items: listed.items, next_cursor: listed.next_cursor, total: listed.total }
    }
}

/// The answer to a list or a query.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum ListAnswer {
    Page(DocumentPage),
    /// With `explain`.
    Explained(Explanation),
}

/// How a query is served.
#[derive(Serialize, ToSchema)]
pub(crate) struct Explanation {
    plan: QueryPlan,
    /// Indexes that would help, as definitions write them.
    suggestions: Vec<Value>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct QueryPlan {
    /// The alternatives of the filter's disjunctions:
    /// `{"access":"index","index":{"fields":["owner"]},"ordered":true,"unindexed":[]}`, `access` also `primaryKey` and
    /// `scan`.
    branches: Vec<Value>,
    /// With `search`: the index that finds the words.
    #[serde(skip_serializing_if = "Option::is_none")]
    search: Option<Value>,
    /// With `nearest`: the vectors that are measured, of the documents that the branches find.
    #[serde(skip_serializing_if = "Option::is_none")]
    nearest: Option<Value>,
}

/// Runs a list, or explains it.
pub(super) async fn answer(
    documents: &Documents,
    caller: &Caller,
    collection: &CollectionName,
    query: ListQuery,
    mut response: HttpResponseBuilder,
) -> basalt_core::Result<HttpResponse> {
    if query.explain {
        let Explained { branches, search, nearest, suggestions } =
            documents.explain(caller, collection, &query).await?;
        let plan = QueryPlan { branches, search, nearest };
        return Ok(response.json(ListAnswer::Explained(Explanation { plan, suggestions })));
    }
    Ok(match documents.page(caller, collection, query).await? {
        ListedPage::Fields(listed) => response.json(ListAnswer::Page(listed.into())),
        ListedPage::Texts(page) => response.content_type(ContentType::json()).body(page_of_texts(&page)),
    })
}

/// What [`DocumentPage`] would be, of texts.
fn page_of_texts(page: &ListedTexts) -> String {
    let ListedTexts { items, next_cursor, total } = page;
    let mut text = String::with_capacity(items.iter().map(String::len).sum::<usize>() + items.len() + 200);
    text.push_str("{\"items\":[");
    for (n, item) in items.iter().enumerate() {
        if n > 0 {
            text.push(',');
        }
        text.push_str(item);
    }
    // A cursor is of letters and digits that JSON doesn't escape.
    match next_cursor {
        Some(cursor) => text.extend(["],\"nextCursor\":\"", cursor, "\""]),
        None => text.push_str("],\"nextCursor\":null"),
    }
    if let Some(total) = total {
        text.extend([",\"total\":", &total.to_string()]);
    }
    text.push('}');
    text
}

/// The parameters of a list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListParameters {
    /// A condition in CEL over the document, such as `status == 'open' && size(tags) > 0`.
    filter: Option<String>,
    /// Fields separated by commas, `-` before one for descending.
    #[param(example = "-createdAt,title")]
    sort: Option<String>,
    /// 1 to 500; 30 where nothing is said; 0 with `count=exact` only counts.
    #[param(maximum = 500)]
    limit: Option<u32>,
    /// The `nextCursor` of the page before, with the same filter, search, sort and caller.
    cursor: Option<String>,
    /// The fields of the answer, separated by commas; `id` and `rev` always stay.
    select: Option<String>,
    /// `exact` adds `total`.
    count: Option<String>,
    /// The plan instead of the documents (services).
    explain: Option<bool>,
    /// References whose documents are shown along, separated by commas: `author,replies.author`.
    expand: Option<String>,
    /// Full text: words that all have to be found, the last one by its beginning; `"…"` for a phrase. Sorts by relevance
    /// unless `sort` is given, and adds `highlight` to each document.
    #[param(example = "red sho")]
    search: Option<String>,
}

impl ListParameters {
    pub(crate) fn into_query(self) -> basalt_core::Result<ListQuery> {
        Ok(ListQuery {
            filter: self.filter,
            search: self.search,
            vars: Map::new(),
            sort: self.sort.as_deref().map(split_names).unwrap_or_default(),
            limit: self.limit,
            cursor: self.cursor,
            select: selected(self.select.as_deref()),
            expand: expanded(self.expand.as_deref()),
            count: self.count.as_deref().map_or(Ok(CountMode::None), CountMode::parse)?,
            nearest: None,
            explain: self.explain.unwrap_or_default(),
        })
    }
}

/// `Basalt-Seq`: the place in the log at which a write is contained.
pub(crate) const SEQ: HeaderName = HeaderName::from_static("basalt-seq");

pub(crate) fn at_seq(response: &mut HttpResponseBuilder, seq: Option<Seq>) {
    if let Some(seq) = seq {
        response.insert_header((SEQ, seq_to_text(seq)));
    }
}

pub(crate) fn replayed(response: &mut HttpResponseBuilder, replayed: bool) {
    if replayed {
        response.insert_header(("Idempotency-Replayed", "true"));
    }
}

/// The answer to one write: 201 with `Location`, 200, or 204.
pub(super) fn written(collection: &str, written: Written) -> HttpResponse {
    let status = match written.kind {
        WriteKind::Created => StatusCode::CREATED,
        WriteKind::Updated => StatusCode::OK,
        WriteKind::Deleted => StatusCode::NO_CONTENT,
    };
    let mut response = HttpResponse::build(status);
    at_seq(&mut response, written.seq);
    replayed(&mut response, written.replayed);
    if let Some(rev) = &written.rev {
        response.insert_header((ETAG, format!("\"{rev}\"")));
    }
    if written.kind == WriteKind::Created {
        response.insert_header((LOCATION, format!("/v1/collections/{collection}/documents/{}", written.id)));
    }
    match written.body {
        Some(body) => match body.text() {
            Some(text) => response.content_type(ContentType::json()).body(text.to_owned()),
            None => response.json(body),
        },
        None => response.finish(),
    }
}

/// `?where=` of a write.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Conditional {
    /// A condition in CEL over the stored `doc`; 409 `condition_failed` unless it is true.
    pub(super) r#where: Option<String>,
}

pub(super) fn condition(source: Option<String>) -> Option<Condition> {
    source.map(|source| Condition { source, vars: Map::new() })
}

/// The names in a `select` parameter.
pub(super) fn selected(select: Option<&str>) -> Option<Vec<String>> {
    select.map(split_names)
}

/// The paths in an `expand` parameter.
pub(super) fn expanded(expand: Option<&str>) -> Vec<String> {
    expand.map(split_names).unwrap_or_default()
}
