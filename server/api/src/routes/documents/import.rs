use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::header::{CONTENT_TYPE, HeaderValue};
use actix_web::web::Data;
use basalt_core::{Code, Error, Result};
use basalt_data::documents::{Documents, Import, ImportMode, ImportOptions};
use bytes::Bytes;
use futures_util::stream::{self, Stream};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use crate::extract::{AnyRenewal, Caller, CollectionAt, NDJSON, NdjsonBody, Query, Renewal};
use crate::problem::Answer;

/// A body that says nothing for so long has broken off.
const SILENCE: Duration = Duration::from_mins(1);

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Parameters {
    /// `create` (the default): a document that is there is a failure; `replace`: one that isn't is; `upsert`: both are
    /// written.
    #[param(example = "upsert")]
    mode: Option<String>,
    /// `false`: before-hooks are not asked.
    hooks: Option<bool>,
    /// Begins with this line, counted from 1: the ones before are read over.
    from: Option<u32>,
    /// `true`: says how far it is in between, by lines `{"progress":{"created","replaced","failed","lastLine"}}`.
    progress: Option<bool>,
}

/// A line of the answer: a failure (`line`, `id`, `status`, `code`, `detail`, `errors`), or the last line (`done`,
/// `created`, `replaced`, `failed`, `lastLine`; where `done` is false `error` says why it stopped).
#[derive(ToSchema)]
#[schema(as = ImportLine, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes")]
pub(crate) struct ImportLine {
    line: Option<u64>,
    id: Option<String>,
    status: Option<u16>,
    code: Option<String>,
    detail: Option<String>,
    errors: Option<Vec<Value>>,
    done: Option<bool>,
    created: Option<u64>,
    replaced: Option<u64>,
    failed: Option<u64>,
    /// Every line up to this one is decided.
    last_line: Option<u64>,
    error: Option<Value>,
}

/// Import documents
///
/// A stream of NDJSON, a document a line of at most 1 MiB, of any length; `id`, `createdAt` and `updatedAt` are kept
/// when given. Each line is decided for itself. Failures are answered while it reads, as NDJSON; the last line sums up.
/// The body may be compressed (`Content-Encoding: gzip`). One that was interrupted goes on with `from`. For service keys with the scope `documents:write`.
#[utoipa::path(
    post,
    path = "/v1/collections/{collection}/import",
    tag = "documents",
    params(Parameters),
    request_body(content = Object, content_type = "application/x-ndjson"),
    responses((
        status = 200, description = "What failed, and what was done.", body = ImportLine,
        content_type = "application/x-ndjson",
    )),
    extensions(("x-codes" = json!(["unauthenticated", "forbidden", "scope_missing"]))),
)]
pub(crate) async fn handle(
    caller: Caller,
    renewal: Renewal,
    at: CollectionAt,
    query: Query<Parameters>,
    body: NdjsonBody,
    documents: Data<Documents>,
) -> Answer {
    let (options, progress) = query.0.options()?;
    let import = documents.import(&caller.0, &at.0, options)?;
    Ok(answer(import, caller.0, renewal.into(), (body, progress)))
}

impl Parameters {
    /// And whether progress is told.
    pub(in crate::routes) fn options(self) -> Result<(ImportOptions, bool)> {
        let Self { mode, hooks, from, progress } = self;
        let default = ImportOptions::default();
        let options = ImportOptions {
            mode: mode.as_deref().map_or(Ok(default.mode), ImportMode::parse)?,
            hooks: hooks.unwrap_or(default.hooks),
            from: from.map_or(default.from, u64::from),
        };
        Ok((options, progress.unwrap_or(false)))
    }
}

/// Reads the body while it is answered; with whether progress is told.
pub(in crate::routes) fn answer(
    import: Import,
    caller: basalt_core::Caller,
    renewal: AnyRenewal,
    (body, progress): (NdjsonBody, bool),
) -> HttpResponse {
    let importing = Importing { import, caller, renewal, body, progress, ended: false };
    HttpResponse::Ok().insert_header((CONTENT_TYPE, HeaderValue::from_static(NDJSON))).streaming(lines(importing))
}

struct Importing {
    import: Import,
    caller: basalt_core::Caller,
    renewal: AnyRenewal,
    body: NdjsonBody,
    progress: bool,
    ended: bool,
}

/// The answer pulls the body: who doesn't read the one is not read the other.
fn lines(importing: Importing) -> impl Stream<Item = Result<Bytes, std::convert::Infallible>> {
    stream::unfold(importing, |mut importing| async move {
        let told = importing.told().await?;
        Some((Ok(told), importing))
    })
}

enum Heard {
    Piece(Bytes),
    End,
}

impl Importing {
    /// The next lines of the answer; `None` after the last.
    async fn told(&mut self) -> Option<Bytes> {
        while !self.ended {
            let before = self.import.summary().last_line;
            let mut text = Vec::new();
            let result = self.step(&mut text).await;
            let summary = self.import.summary();
            match result {
                Ok(Heard::Piece(_)) if self.progress && summary.last_line > before => {
                    push(&mut text, &json!({ "progress": summary.progress() }));
                }
                Ok(Heard::Piece(_)) => {}
                Ok(Heard::End) => {
                    self.ended = true;
                    push(&mut text, &summary.done());
                }
                Err(error) => {
                    self.ended = true;
                    tracing::warn!(?error, "an import stopped");
                    push(&mut text, &summary.stopped(&error));
                }
            }
            if !text.is_empty() {
                return Some(text.into());
            }
        }
        None
    }

    /// Takes in a piece of the body, and tells which lines failed.
    async fn step(&mut self, text: &mut Vec<u8>) -> Result<Heard> {
        let heard = self.hear().await?;
        if let Some(caller) = self.renewal.caller().await? {
            self.caller = caller;
        }
        let mut failures = Vec::new();
        let result = match &heard {
            Heard::Piece(bytes) => self.import.feed(&self.caller, bytes, &mut failures).await,
            Heard::End => self.import.finish(&self.caller, &mut failures).await,
        };
        for failure in &failures {
            push(text, &serde_json::to_value(failure).unwrap_or_default());
        }
        result.map(|()| heard)
    }

    async fn hear(&mut self) -> Result<Heard> {
        let silent = |_| Error::new(Code::Timeout, "Nothing came for a minute.");
        let piece = tokio::time::timeout(SILENCE, self.body.next()).await.map_err(silent)??;
        Ok(piece.map_or(Heard::End, Heard::Piece))
    }
}

fn push(text: &mut Vec<u8>, line: &Value) {
    text.extend_from_slice(line.to_string().as_bytes());
    text.push(b'\n');
}
