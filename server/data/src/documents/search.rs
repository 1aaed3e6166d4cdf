//! Full text: in which fields a caller searches, and what he is shown of the hits.

use basalt_core::text::{Query, SEEN_BYTES, highlight, texts};
use basalt_core::{Code, Document, Error, FieldPath, Result};
use basalt_store::Search;
use serde_json::{Map, Value};

use super::filter::check_readable;
use super::list::Granted;
use crate::rules::Readable;

/// Under which name a document's hits are shown.
const HIGHLIGHT: &str = "highlight";

/// Bytes of texts that are looked through for the hits of one page.
const PAGE_BYTES: usize = 1 << 20;

/// A search in those fields of the collection that the caller may read on every document: so no hit tells of what he
/// can't read.
pub(super) fn within(query: &Query, granted: &Granted) -> Result<Search> {
    let compiled = &granted.compiled;
    let all = &compiled.definition.search;
    let fields: Vec<FieldPath> = all.iter().filter(|field| granted.grant.may_query(field)).cloned().collect();
    if fields.is_empty() {
        check_readable(all, &granted.grant, "/search")?;
        let detail =
            format!("The collection {:?} has no fields to search: its option \"search\" names them.", compiled.name);
        return Err(Error::new(Code::NotSearchable, detail));
    }
    Ok(Search { query: query.clone(), fields })
}

/// The `highlight` of each document of a page: by the paths of the searched fields with a hit, of a list the first text
/// with one.
pub(super) fn highlights(search: &Search, page: &[Readable<Document>]) -> Vec<Map<String, Value>> {
    let mut left = PAGE_BYTES;
    page.iter().map(|document| highlight_one(search, document, &mut left)).collect()
}

/// Rows stay in their order when they are shown.
pub(super) fn show(items: &mut [Map<String, Value>], highlights: Option<Vec<Map<String, Value>>>) {
    for (item, found) in items.iter_mut().zip(highlights.into_iter().flatten()) {
        item.insert(HIGHLIGHT.to_owned(), Value::Object(found));
    }
}

fn highlight_one(search: &Search, document: &Document, left: &mut usize) -> Map<String, Value> {
    let mut found = Map::new();
    for path in &search.fields {
        let hit = texts(&document.data, path).into_iter().find_map(|text| {
            *left = left.checked_sub(text.len().min(SEEN_BYTES))?;
            highlight(text, &search.query)
        });
        found.extend(hit.map(|html| (path.to_string(), Value::String(html))));
    }
    found
}
