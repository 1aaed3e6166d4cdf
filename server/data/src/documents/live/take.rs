//! The result of a watched query, with the place in the log that it is as of.

use basalt_core::filter::Filter;
use basalt_core::{Code, DocumentId, Error, Result, Seq};
use basalt_store::{List, Page, SortField};
use serde_json::{Map, Value};

use super::super::definitions::with_fresh;
use super::super::get::{Get, Got};
use super::super::list::Granted;
use super::super::reads::{TRIES, too_deep};
use super::super::service::Documents;
use super::watch::{Watched, What};

/// Documents of a result without a limit.
pub const RESULT_MOST: u32 = 5_000;
/// Bytes of one, about.
const RESULT_BYTES: usize = 32 << 20;
/// What is read before the size of the whole is estimated.
const FIRST: u32 = 500;

/// A result, in order.
pub struct Taken {
    pub rows: Vec<LiveRow>,
    /// Whether these are all.
    pub complete: bool,
    pub seq: Seq,
}

/// One document as it is shown, and where it stands.
pub struct LiveRow {
    pub id: DocumentId,
    pub place: Box<[u8]>,
    pub shown: Map<String, Value>,
}

impl Documents {
    /// The result from one read transaction: the whole, or its first `limit + beyond` rows.
    pub async fn take(&self, watched: &Watched, beyond: u32) -> Result<Taken> {
        match &watched.what {
            What::Document { id, .. } => self.take_document(watched, id).await,
            What::Query { granted, sort, limit: Some(limit) } => {
                self.take_rows(watched, granted, sort, limit.saturating_add(beyond)).await
            }
            What::Query { granted, sort, limit: None } => {
                let first = self.take_rows(watched, granted, sort, FIRST).await?;
                if first.complete {
                    return Ok(first);
                }
                let bytes: usize = first.rows.iter().map(|row| estimate(&row.shown)).sum();
                if bytes / FIRST as usize * RESULT_MOST as usize > RESULT_BYTES {
                    return Err(too_large());
                }
                let whole = self.take_rows(watched, granted, sort, RESULT_MOST).await?;
                if whole.complete { Ok(whole) } else { Err(too_large()) }
            }
        }
    }

    async fn take_rows(&self, watched: &Watched, granted: &Granted, sort: &[SortField], limit: u32) -> Result<Taken> {
        if matches!(watched.filter(), Filter::False | Filter::Error) {
            let seq = *self.0.store.log_end().borrow();
            return Ok(Taken { rows: Vec::new(), complete: true, seq });
        }
        let list = List {
            collection: watched.collection.clone(),
            filter: watched.filter().clone(),
            search: None,
            sort: sort.to_vec(),
            limit,
            after: None,
            count: false,
        };
        let (Page { documents, next, total: _ }, seq) = self.0.store.list_with_end(list).await?;
        let placed: Vec<_> =
            documents.iter().map(|document| (document.id.clone(), watched.place(&document.to_flat()))).collect();
        let readable = self.reveal(&mut granted.again(), documents).await?;
        let shown = self.present(&watched.binding, &watched.shape, readable).await?;
        let rows = placed.into_iter().zip(shown).map(|((id, place), shown)| LiveRow { id, place, shown }).collect();
        Ok(Taken { rows, complete: next.is_none(), seq })
    }

    /// One that isn't there or may not be read is no row.
    async fn take_document(&self, watched: &Watched, id: &DocumentId) -> Result<Taken> {
        let inner = &self.0;
        let (found, seq) = with_fresh(&inner.store, || async {
            let seq = *inner.store.log_end().borrow();
            let compiled = inner.collections.get(&watched.collection)?;
            let mut get = Get::new(compiled, inner.store.catalog(), watched.binding.clone(), id.clone());
            for _ in 0..TRIES {
                match inner.store.inspect(get.clone()).await {
                    Ok(Got::Document(document)) => return Ok((Some(document), seq)),
                    Ok(Got::Again(reads)) => get.reads = reads,
                    Err(error) if error.code() == Code::DocumentNotFound => return Ok((None, seq)),
                    Err(error) => return Err(error),
                }
            }
            Err(too_deep())
        })
        .await?;
        let place = found.as_deref().map(|document| watched.place(&document.to_flat()));
        let shown = self.present(&watched.binding, &watched.shape, found.into_iter().collect()).await?;
        let rows = place.into_iter().zip(shown).map(|(place, shown)| LiveRow { id: id.clone(), place, shown });
        Ok(Taken { rows: rows.collect(), complete: true, seq })
    }
}

/// About as many bytes as its JSON has.
fn estimate(map: &Map<String, Value>) -> usize {
    map.iter().map(|(name, value)| name.len() + 4 + estimate_value(value)).sum()
}

fn estimate_value(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 8,
        Value::String(text) => text.len() + 2,
        Value::Array(items) => items.iter().map(|item| 1 + estimate_value(item)).sum(),
        Value::Object(map) => estimate(map),
    }
}

pub fn too_large() -> Error {
    let detail = format!("A live result has at most {RESULT_MOST} documents: set a limit, or narrow the filter.");
    Error::new(Code::ResultTooLarge, detail)
}
