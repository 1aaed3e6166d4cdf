use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, HeaderValue, VARY};
use actix_web::web::Data;
use basalt_app::files::{Files, FilesList};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use super::super::shared::FileSchema;
use crate::extract::{BucketAt, Caller, Query};
use crate::problem::Answer;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Parameters {
    /// What the paths begin with.
    prefix: Option<String>,
    /// `/`: files deeper down are told as `prefixes`, the folders right below the prefix.
    delimiter: Option<String>,
    /// CEL over `doc`, the file's document.
    filter: Option<String>,
    /// JSON: the `vars` of the filter.
    vars: Option<String>,
    /// Fields, `-` before one for descending; by path where nothing is said.
    sort: Option<String>,
    limit: Option<u32>,
    cursor: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FilePage {
    #[schema(value_type = Vec<FileSchema>)]
    items: Vec<Map<String, Value>>,
    /// With `delimiter`, on the first page: the folders right below the prefix, 1,000 at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    prefixes: Option<Vec<String>>,
    /// The `cursor` of the next page; null on the last one.
    next_cursor: Option<String>,
}

/// List files
///
/// Those of the bucket that the caller may list, a page at a time.
#[utoipa::path(
    get,
    path = "/v1/buckets/{bucket}/files",
    tag = "files",
    params(Parameters),
    responses((status = 200, description = "A page.", body = FilePage)),
    extensions(("x-codes" = json!(["bad_filter", "bad_cursor", "rule_missing", "scope_missing"]))),
)]
pub(crate) async fn handle(caller: Caller, at: BucketAt, query: Query<Parameters>, files: Data<Files>) -> Answer {
    let listed = files.list(&caller.0, &at.0, query.0.parse()?).await?;
    let mut answer = HttpResponse::Ok();
    answer.insert_header((CACHE_CONTROL, HeaderValue::from_static("private, no-cache")));
    answer.insert_header((VARY, HeaderValue::from_static("Authorization")));
    let (items, prefixes, next_cursor) = (listed.items, listed.prefixes, listed.next_cursor);
    Ok(answer.json(FilePage { items, prefixes, next_cursor }))
}

impl Parameters {
    fn parse(self) -> basalt_core::Result<FilesList> {
        let Self { prefix, delimiter, filter, vars, sort, limit, cursor } = self;
        let folders = match delimiter.as_deref() {
            None => false,
            Some("/") => true,
            Some(_) => {
                let detail = "The delimiter is \"/\".";
                return Err(basalt_core::Error::new(basalt_core::Code::BadParameter, detail));
            }
        };
        let vars = vars.map_or(Ok(Map::new()), |vars| basalt_core::json::parse_object(vars.as_bytes()))?;
        let sort = sort.map(|sort| basalt_data::documents::split_names(&sort)).unwrap_or_default();
        Ok(FilesList { prefix: prefix.unwrap_or_default(), folders, filter, vars, sort, limit, cursor })
    }
}
