//! Prepared code in the store: its JSON in chunks, and beside them a register of the versions that use it. What no
//! version uses any more goes with the commit that takes the last one away.

use std::collections::BTreeSet;
use std::sync::Arc;

use basalt_core::{Code as ErrorCode, Document, DocumentId, Error, Result};
use basalt_runtime::{Code, CodeId};
use basalt_store::Read;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::stored::{read, to_data};
use crate::common::names::FUNCTION_CODE;
use crate::common::{Db, Flow, Tx, hex};

/// Bytes of one chunk's text.
const CHUNK: usize = 256 << 10;
/// Bytes of one code's JSON.
const MOST: usize = 8 << 20;
/// Characters of a register's id: room is left for the chunk's number.
const KEY: usize = 60;
/// Bytes of the code that this node keeps at hand.
const KEPT: u64 = 128 << 20;
const KEPT_ITEMS: usize = 2_000;

/// The register of one code.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Register {
    chunks: usize,
    bytes: usize,
    /// Versions, such as `add-3`.
    uses: BTreeSet<String>,
}

/// Code ready to be written: decided on often, encoded once.
#[derive(Clone, Debug)]
pub(super) struct Encoded {
    pub(super) id: CodeId,
    chunks: Arc<Vec<String>>,
    bytes: usize,
}

impl Encoded {
    pub(super) fn new(code: &Code) -> Result<Self> {
        let text = serde_json::to_string(code).map_err(Error::internal)?;
        if text.len() > MOST {
            let detail = format!("The prepared code has {} bytes, of {MOST} that are allowed.", text.len());
            return Err(Error::new(ErrorCode::TooLarge, detail));
        }
        Ok(Self { id: code.id().clone(), bytes: text.len(), chunks: Arc::new(cut(&text)) })
    }
}

/// Pieces of whole characters.
fn cut(text: &str) -> Vec<String> {
    let mut chunks = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at(rest.floor_char_boundary(CHUNK));
        chunks.push(chunk.to_owned());
        rest = after;
    }
    chunks
}

/// What a decision reads that adds or takes away uses of the code.
pub(super) fn register_read(code: &CodeId) -> Result<Read> {
    Ok(document_read(register_id(code)?))
}

/// What is read before code is written that nobody has: where its chunks go. Nothing where it is there.
pub(super) fn first_use_reads(tx: &mut Tx<'_>, code: &Encoded) -> Flow<Vec<Read>> {
    if tx.document(&FUNCTION_CODE, &register_id(&code.id)?)?.is_some() {
        return Ok(Vec::new());
    }
    Ok(chunk_ids(&code.id, code.chunks.len())?.into_iter().map(document_read).collect())
}

/// What is read before these versions' uses are dropped: the chunks, where nobody else uses them.
pub(super) fn last_use_reads(tx: &mut Tx<'_>, code: &CodeId, versions: &BTreeSet<String>) -> Flow<Vec<Read>> {
    let Some(document) = tx.document(&FUNCTION_CODE, &register_id(code)?)? else { return Ok(Vec::new()) };
    let register: Register = read(&document)?;
    if !register.uses.is_subset(versions) {
        return Ok(Vec::new());
    }
    Ok(chunk_ids(code, register.chunks)?.into_iter().map(document_read).collect())
}

/// Notes that a version uses the code, and writes that where nobody has.
pub(super) fn add_use(tx: &mut Tx<'_>, code: &Encoded, version: &str) -> Flow<()> {
    let id = register_id(&code.id)?;
    if let Some(document) = tx.document(&FUNCTION_CODE, &id)? {
        let mut register: Register = read(&document)?;
        if register.uses.insert(version.to_owned()) {
            tx.update(&FUNCTION_CODE, &document, to_data(&register)?);
        }
        return Ok(());
    }
    let ids = chunk_ids(&code.id, code.chunks.len())?;
    tx.need(ids.iter().cloned().map(document_read))?;
    let register =
        Register { chunks: code.chunks.len(), bytes: code.bytes, uses: BTreeSet::from([version.to_owned()]) };
    tx.create(&FUNCTION_CODE, &id, to_data(&register)?)?;
    for (id, chunk) in ids.iter().zip(&*code.chunks) {
        let data = Map::from_iter([("text".to_owned(), Value::from(chunk.as_str()))]);
        tx.create(&FUNCTION_CODE, id, data)?;
    }
    Ok(())
}

/// Takes a version's use away, and the code with the last of them.
pub(super) fn drop_use(tx: &mut Tx<'_>, code: &CodeId, version: &str) -> Flow<()> {
    let Some(document) = tx.document(&FUNCTION_CODE, &register_id(code)?)? else { return Ok(()) };
    let mut register: Register = read(&document)?;
    register.uses.remove(version);
    if !register.uses.is_empty() {
        tx.update(&FUNCTION_CODE, &document, to_data(&register)?);
        return Ok(());
    }
    let ids = chunk_ids(code, register.chunks)?;
    tx.need(ids.iter().cloned().map(document_read))?;
    for id in &ids {
        if let Some(chunk) = tx.document(&FUNCTION_CODE, id)? {
            tx.delete(&FUNCTION_CODE, &chunk);
        }
    }
    tx.delete(&FUNCTION_CODE, &document);
    Ok(())
}

fn document_read(id: DocumentId) -> Read {
    Read::Document { collection: FUNCTION_CODE.clone(), id }
}

/// The code's id may be longer than a document's.
fn register_id(code: &CodeId) -> Result<DocumentId> {
    DocumentId::parse(&hex(&Sha256::digest(code.0.as_bytes()))[..KEY])
}

fn chunk_ids(code: &CodeId, count: usize) -> Result<Vec<DocumentId>> {
    let register = register_id(code)?;
    (0..count).map(|n| DocumentId::parse(&format!("{register}-{n}"))).collect()
}

/// The code that this node has at hand; cheap to clone.
#[derive(Clone)]
pub(super) struct Codes(Arc<Cache<CodeId, (Arc<Code>, u64), ByBytes>>);

#[derive(Clone)]
struct ByBytes;

impl Weighter<CodeId, (Arc<Code>, u64)> for ByBytes {
    fn weight(&self, _: &CodeId, (_, bytes): &(Arc<Code>, u64)) -> u64 {
        (*bytes).max(1)
    }
}

impl Codes {
    pub(super) fn new() -> Self {
        Self(Arc::new(Cache::with_weighter(KEPT_ITEMS, KEPT, ByBytes)))
    }

    /// From memory, or from the store: whoever asks at once waits for one reading.
    pub(super) async fn get(&self, db: &Db, id: &CodeId) -> Result<Arc<Code>> {
        let (code, _) = self.0.get_or_insert_async(id, load(db, id)).await?;
        Ok(code)
    }
}

async fn load(db: &Db, id: &CodeId) -> Result<(Arc<Code>, u64)> {
    let wanted = id.clone();
    let text = db
        .inspect(move |tx| {
            let gone = || Error::internal(format!("the code {wanted} is not there"));
            let document = tx.document(&FUNCTION_CODE, &register_id(&wanted)?)?.ok_or_else(gone)?;
            let register: Register = read(&document)?;
            let ids = chunk_ids(&wanted, register.chunks)?;
            tx.need(ids.iter().cloned().map(document_read))?;
            let mut text = String::with_capacity(register.bytes);
            for id in &ids {
                let chunk = tx.document(&FUNCTION_CODE, id)?.ok_or_else(gone)?;
                text.push_str(text_of(&chunk));
            }
            Ok(text)
        })
        .await?;
    let code = serde_json::from_str(&text).map_err(Error::internal)?;
    Ok((Arc::new(code), text.len() as u64))
}

fn text_of(chunk: &Document) -> &str {
    chunk.data.get("text").and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_between_characters() {
        let text = format!("{}é{}", "a".repeat(CHUNK - 1), "b".repeat(CHUNK));
        let chunks = cut(&text);
        assert_eq!(chunks.len(), 3);
        assert_eq!(chunks.concat(), text);
        assert!(chunks.iter().all(|chunk| chunk.len() <= CHUNK));
    }
}
