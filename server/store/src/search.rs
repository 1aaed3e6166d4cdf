//! What a search index holds: the tokens of its fields ([`basalt_core::text`]), written with the document.
//!
//! SQLite: an FTS5 table without content, a column `f<n>` for each field, under the row number of the document. The
//! tokens stand there as they are: letters, digits and marks are all that its `ascii` tokeniser takes for tokens, too.
//! PostgreSQL: rows of (id, field, part, tokens). A `tsvector` keeps 256 positions of a token and 16,383 in all, so a
//! field has as many parts as it takes; they overlap by what a phrase may be long.

use std::collections::HashMap;
use std::fmt::Write as _;

use basalt_core::text::{DOCUMENT_TOKENS, GAP, PHRASE_TOKENS, indexed, texts};
use basalt_core::{Document, FieldPath};

use crate::catalog::{Index, IndexState};
use crate::commit::DocumentState;
use crate::fill::tuples;
use crate::sql::{Dialect, SqlValue, Statement};

/// Tokens of one part, and occurrences of one token in it.
const PART_TOKENS: usize = 8_000;
const PART_OCCURRENCES: usize = 255;
/// What one statement fills in.
const FILL_BYTES: usize = 1 << 20;
const FILL_ROWS: usize = 500;
/// From the bytes of a part (its field, its number, its tokens) in `e.k` to its columns.
pub(crate) const PART_COLUMNS: &str = "get_byte(e.k, 0), get_byte(e.k, 1) * 256 + get_byte(e.k, 2), \
                                       convert_from(substr(e.k, 4), 'UTF8')::tsvector";

pub(crate) struct SearchTable {
    pub(crate) table: String,
    paths: Vec<FieldPath>,
    ready: bool,
    /// SQLite. Values: id, the columns.
    pub(crate) put: String,
    /// SQLite. Value: id.
    pub(crate) remove: String,
}

impl SearchTable {
    pub(crate) fn new(index: &Index, documents: &str) -> Self {
        let table = index.name.clone();
        let columns = columns(index.spec.fields.len());
        let values: Vec<String> = (0..columns.len()).map(|n| format!("?{}", n + 2)).collect();
        Self {
            put: format!(
                "INSERT OR REPLACE INTO {table} (rowid, {}) SELECT row_id, {} FROM {documents} WHERE id = ?1",
                columns.join(", "),
                values.join(", ")
            ),
            remove: format!("DELETE FROM {table} WHERE rowid = (SELECT row_id FROM {documents} WHERE id = ?1)"),
            paths: paths(index),
            ready: index.state == IndexState::Ready,
            table,
        }
    }

    /// Whether a document's tokens have to be written. (While the index is being filled, an unchanged document may not
    /// be in it yet.)
    pub(crate) fn is_touched(&self, state: &DocumentState) -> bool {
        match (&state.initial, &state.last) {
            (Some(initial), Some(last)) => {
                let differs = |path| texts(&initial.data, path) != texts(&last.document.data, path);
                !self.ready || self.paths.iter().any(differs)
            }
            _ => true,
        }
    }

    /// The columns of the FTS5 table.
    pub(crate) fn columns(&self, document: &Document) -> Vec<String> {
        streams(document, &self.paths).into_iter().map(|stream| stream.join(" ")).collect()
    }

    /// Each part as bytes, see [`PART_COLUMNS`].
    pub(crate) fn parts(&self, document: &Document) -> Vec<Vec<u8>> {
        parts(document, &self.paths)
    }
}

/// The table of an index over so many fields.
pub(crate) fn create(name: &str, fields: usize, dialect: Dialect) -> Vec<String> {
    match dialect {
        Dialect::Sqlite => {
            let columns = columns(fields).join(", ");
            let options = "content = '', contentless_delete = 1, tokenize = 'ascii'";
            vec![format!("CREATE VIRTUAL TABLE {name} USING fts5({columns}, {options})")]
        }
        Dialect::Postgres => vec![
            format!(
                "CREATE TABLE {name} (id text COLLATE \"C\" NOT NULL, field smallint NOT NULL, part integer NOT NULL, \
                 tokens tsvector NOT NULL, PRIMARY KEY (id, field, part))"
            ),
            format!("CREATE INDEX {name}_tokens ON {name} USING gin (tokens)"),
        ],
    }
}

/// The statements that write documents from before the index, each of a bounded size. A document that has been written
/// meanwhile has another rev.
pub(crate) fn fill(table: &str, index: &Index, documents: &[Document], dialect: Dialect) -> Vec<Statement> {
    let rows: Vec<Vec<SqlValue>> = documents.iter().flat_map(|document| rows_of(document, index, dialect)).collect();
    let (side, names) = (&index.name, columns(index.spec.fields.len()).join(", "));
    slices(&rows).into_iter().map(|rows| {
        let values = tuples(rows.len(), rows.first().map_or(0, Vec::len));
        let sql = match dialect {
            Dialect::Sqlite => format!(
                "WITH v (id, rev, {names}) AS (VALUES {values}) INSERT OR REPLACE INTO {side} (rowid, {names}) SELECT \
                 d.row_id, {names} FROM v JOIN {table} d ON d.id = v.id AND d.rev = v.rev"
            ),
            Dialect::Postgres => format!(
                "WITH e (id, rev, k) AS (VALUES {values}) INSERT INTO {side} (id, field, part, tokens) SELECT e.id, \
                 {PART_COLUMNS} FROM e JOIN {table} d ON d.id = e.id AND d.rev = e.rev \
                 ON CONFLICT (id, field, part) DO NOTHING"
            ),
        };
        Statement { sql: dialect.sql(&sql), values: rows.iter().flatten().cloned().collect() }
    }).collect()
}

/// Id, rev and what is written.
fn rows_of(document: &Document, index: &Index, dialect: Dialect) -> Vec<Vec<SqlValue>> {
    let key = || vec![document.id.as_str().into(), document.rev.as_str().into()];
    let paths = paths(index);
    match dialect {
        Dialect::Sqlite => {
            let texts = streams(document, &paths).into_iter().map(|stream| stream.join(" ").into());
            vec![key().into_iter().chain(texts).collect()]
        }
        Dialect::Postgres => {
            let row = |part| key().into_iter().chain([SqlValue::Bytes(part)]).collect();
            parts(document, &paths).into_iter().map(row).collect()
        }
    }
}

fn slices(rows: &[Vec<SqlValue>]) -> Vec<&[Vec<SqlValue>]> {
    let size = |value: &SqlValue| match value {
        SqlValue::Text(text) => text.len(),
        SqlValue::Bytes(bytes) => bytes.len(),
        SqlValue::Null | SqlValue::Int(_) | SqlValue::Float(_) => 8,
    };
    let mut slices = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (n, row) in rows.iter().enumerate() {
        let more: usize = row.iter().map(size).sum();
        if n > start && (bytes + more > FILL_BYTES || n - start == FILL_ROWS) {
            slices.push(&rows[start..n]);
            (start, bytes) = (n, 0);
        }
        bytes += more;
    }
    if start < rows.len() {
        slices.push(&rows[start..]);
    }
    slices
}

fn paths(index: &Index) -> Vec<FieldPath> {
    index.spec.fields.iter().map(|field| field.path.clone()).collect()
}

fn columns(fields: usize) -> Vec<String> {
    (0..fields).map(|n| format!("f{n}")).collect()
}

/// The tokens of each field.
fn streams(document: &Document, paths: &[FieldPath]) -> Vec<Vec<String>> {
    let mut left = DOCUMENT_TOKENS;
    paths.iter().map(|path| indexed(&texts(&document.data, path), &mut left)).collect()
}

fn parts(document: &Document, paths: &[FieldPath]) -> Vec<Vec<u8>> {
    let mut parts = Vec::new();
    for (field, stream) in streams(document, paths).iter().enumerate() {
        for (number, part) in split(stream).into_iter().enumerate() {
            let [high, low] = u16::try_from(number).unwrap_or(u16::MAX).to_be_bytes();
            let mut bytes = vec![u8::try_from(field).unwrap_or(u8::MAX), high, low];
            bytes.extend_from_slice(vector(part).as_bytes());
            parts.push(bytes);
        }
    }
    parts
}

/// Cuts a stream where a part is full; the next one begins earlier by what a phrase across the cut may have.
fn split(stream: &[String]) -> Vec<&[String]> {
    let mut parts = Vec::new();
    let mut start = 0;
    while start < stream.len() {
        let mut occurrences: HashMap<&str, usize> = HashMap::new();
        let mut end = start;
        while end < stream.len() && end - start < PART_TOKENS {
            let count = occurrences.entry(&stream[end]).or_default();
            if *count == PART_OCCURRENCES {
                break;
            }
            *count += 1;
            end += 1;
        }
        parts.push(&stream[start..end]);
        if end == stream.len() {
            break;
        }
        start = end - (PHRASE_TOKENS - 1);
    }
    parts
}

/// A part as the text of a `tsvector`.
fn vector(part: &[String]) -> String {
    let mut text = String::new();
    for (place, token) in part.iter().enumerate().filter(|(_, token)| *token != GAP) {
        // Tokens hold nothing that would have to be escaped.
        let written = write!(text, "'{token}':{} ", place + 1);
        debug_assert!(written.is_ok(), "writing to a String");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn a_part_is_the_text_of_a_vector_with_gaps() {
        assert_eq!(vector(&stream(&format!("one 手机 {GAP} one"))), "'one':1 '手机':2 'one':4 ");
    }

    #[test]
    fn parts_overlap_by_a_phrase_and_hold_no_token_too_often() {
        let long: Vec<String> = (0..20_000).map(|n| format!("t{n}")).collect();
        let same = stream(&"same ".repeat(1_000));
        for (stream, most) in [(&long, PART_TOKENS), (&same, PART_OCCURRENCES)] {
            let parts = split(stream);
            assert!(parts.iter().all(|part| part.len() <= most));
            // Every phrase is in one of them.
            for start in 0..stream.len() - PHRASE_TOKENS {
                let phrase = stream[start..start + PHRASE_TOKENS].as_ptr_range();
                let whole = |part: &&[String]| {
                    part.as_ptr_range().start <= phrase.start && phrase.end <= part.as_ptr_range().end
                };
                assert!(parts.iter().any(whole), "{start}");
            }
        }
        assert!(split(&[]).is_empty());
    }

    #[test]
    fn filling_goes_in_slices() {
        let row = |bytes: usize| vec![SqlValue::Text("x".repeat(bytes))];
        let rows: Vec<_> = [10, FILL_BYTES, 10, FILL_BYTES + 1, FILL_BYTES - 10, 10].map(row).into();
        let lengths: Vec<usize> = slices(&rows).iter().map(|slice| slice.len()).collect();
        assert_eq!(lengths, [1, 1, 1, 1, 2]);
        assert!(slices(&[]).is_empty());
        let many = vec![row(1); FILL_ROWS + 1];
        assert_eq!(slices(&many).len(), 2);
    }
}
