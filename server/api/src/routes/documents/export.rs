use actix_web::HttpResponse;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, VARY};
use actix_web::web::Data;
use basalt_core::change::seq_to_text;
use basalt_core::{Error, Result};
use basalt_data::documents::{Documents, Export, Zip};
use bytes::Bytes;
use futures_util::stream::{self, Stream};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::IntoParams;

use super::shared::DocumentSchema;
use crate::extract::{Caller, CollectionAt, NDJSON, Query, Renewal, TakesGzip};
use crate::problem::Answer;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Parameters {
    /// A condition in CEL over the document.
    filter: Option<String>,
}

/// Export documents
///
/// All that match and that the caller may list, as a stream of NDJSON in the order of ids: a document a line. One that
/// is there all the while is in it exactly once; what comes or goes meanwhile may be missing, and is in the changes
/// after `Basalt-Seq`. A stream that breaks off is not complete. Compressed for who takes gzip.
#[utoipa::path(
    get,
    path = "/v1/collections/{collection}/export",
    tag = "documents",
    params(Parameters),
    responses((
        status = 200, description = "The documents. `Basalt-Seq` is a place in the log before the first.",
        body = DocumentSchema, content_type = "application/x-ndjson",
    )),
    extensions(("x-codes" = json!(["bad_filter", "rule_missing", "scope_missing"]))),
)]
pub(crate) async fn handle(
    caller: Caller,
    renewal: Renewal,
    at: CollectionAt,
    query: Query<Parameters>,
    takes_gzip: TakesGzip,
    documents: Data<Documents>,
) -> Answer {
    let mut export = documents.export(&at.0, query.0.filter);
    // What refuses all of it is a problem, before anything is sent.
    let first = export.next(&caller.0).await?;
    let mut response = HttpResponse::Ok();
    response.insert_header((CONTENT_TYPE, HeaderValue::from_static(NDJSON)));
    response.insert_header(("Basalt-Seq", seq_to_text(export.before())));
    response.append_header((VARY, "Accept-Encoding"));
    let zip = takes_gzip.0.then(Zip::default);
    if zip.is_some() {
        response.insert_header((CONTENT_ENCODING, "gzip"));
    }
    Ok(response.streaming(lines(Exporting { export, caller: caller.0, renewal, read: first, zip })))
}

struct Exporting {
    export: Export,
    caller: basalt_core::Caller,
    renewal: Renewal,
    /// A page that is not sent yet.
    read: Option<Vec<Map<String, Value>>>,
    /// Until its end is told.
    zip: Option<Zip>,
}

/// A page at a time, when the client has taken the one before. A failure breaks the answer off, so that nobody takes
/// it for the whole.
fn lines(exporting: Exporting) -> impl Stream<Item = Result<Bytes>> {
    stream::try_unfold(exporting, |mut exporting| async move {
        let page = exporting.page().await.inspect_err(|error| tracing::warn!(?error, "an export broke off"))?;
        Ok(page.map(|page| (page, exporting)))
    })
}

impl Exporting {
    async fn page(&mut self) -> Result<Option<Bytes>> {
        if let Some(page) = self.read.take() {
            return self.told(&page).map(Some);
        }
        if let Some(caller) = self.renewal.caller().await? {
            self.caller = caller;
        }
        match self.export.next(&self.caller).await? {
            Some(page) => self.told(&page).map(Some),
            None => self.zip.take().map(|zip| zip.finish().map(Bytes::from)).transpose(),
        }
    }

    fn told(&mut self, page: &[Map<String, Value>]) -> Result<Bytes> {
        let mut text = Vec::new();
        for document in page {
            serde_json::to_writer(&mut text, document).map_err(Error::internal)?;
            text.push(b'\n');
        }
        self.export.took(page.len(), text.len());
        match &mut self.zip {
            Some(zip) => zip.take(&text).map(Bytes::from),
            None => Ok(text.into()),
        }
    }
}
