//! The keys of a document, without building its flat object.

use std::collections::BTreeSet;

use basalt_core::document::{CREATED_AT, ID, REV, UPDATED_AT};
use basalt_core::{Document, FieldPath, geo, key, vector};
use serde_json::Value;

use crate::catalog::{IndexKind, Keeps, KeyColumn};
use crate::known::{Tables, UniqueIndex};

/// The key of what the flat document holds at `path`.
pub(crate) fn at(document: &Document, path: &FieldPath) -> Vec<u8> {
    match own_field(document, path.top()) {
        // A text holds nothing within.
        Some(text) => key::of((path.names().len() == 1).then_some(Value::String(text)).as_ref()),
        None => key::of(key::at(&document.data, path)),
    }
}

/// What a key column keeps of a document.
pub(crate) fn of_column(document: &Document, column: &KeyColumn) -> Vec<u8> {
    match column.keeps {
        Keeps::Value => at(document, &column.path),
        // The server's own fields hold no points.
        Keeps::Point => geo::key(key::at(&document.data, &column.path)),
    }
}

/// The keys of all key columns, in their order.
pub(crate) fn all(document: &Document, tables: &Tables) -> Vec<Vec<u8>> {
    tables.collection.key_columns.iter().map(|column| of_column(document, column)).collect()
}

/// The key in a unique index, as [`crate::catalog::unique_key`] has it; `None` where a field is missing or null.
pub(crate) fn unique(document: &Document, index: &UniqueIndex) -> Option<Vec<u8>> {
    let mut joined = Vec::new();
    for path in &index.paths {
        let part = at(document, path);
        if part.as_slice() <= [key::NULL].as_slice() {
            return None;
        }
        joined.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
        joined.extend_from_slice(&part);
    }
    Some(joined)
}

/// The parts of a unique key; `None` if it isn't one.
pub(crate) fn split_unique(mut joined: &[u8]) -> Option<Vec<&[u8]>> {
    let mut parts = Vec::new();
    while !joined.is_empty() {
        let (length, rest) = joined.split_first_chunk::<4>()?;
        let (part, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        parts.push(part);
        joined = rest;
    }
    Some(parts)
}

/// What a side table keeps of a document.
pub(crate) fn beside(document: &Document, path: &FieldPath, kind: IndexKind) -> BTreeSet<Vec<u8>> {
    match kind {
        IndexKind::Vector => {
            let vector = key::at(&document.data, path).and_then(vector::read);
            vector.iter().map(|vector| vector::to_bytes(vector)).collect()
        }
        IndexKind::Contains | IndexKind::Ordered | IndexKind::Unique | IndexKind::Geo | IndexKind::Search => {
            elements(document, path)
        }
    }
}

/// The keys of the distinct scalar elements of the list at `path` (of a map: of its names), by which `value in list`
/// is found.
fn elements(document: &Document, path: &FieldPath) -> BTreeSet<Vec<u8>> {
    match key::at(&document.data, path) {
        Some(Value::Array(items)) => {
            let scalars = items.iter().filter(|item| !matches!(item, Value::Array(_) | Value::Object(_)));
            scalars.map(|item| key::of(Some(item))).collect()
        }
        Some(Value::Object(map)) => {
            map.keys().map(|name| key::of_scalar(&basalt_core::filter::Scalar::Text(name.clone()))).collect()
        }
        _ => BTreeSet::new(),
    }
}

/// One of the server's own fields.
fn own_field(document: &Document, name: &str) -> Option<String> {
    Some(match name {
        ID => document.id.to_string(),
        REV => document.rev.to_string(),
        CREATED_AT => document.created_at.to_string(),
        UPDATED_AT => document.updated_at.to_string(),
        _ => return None,
    })
}
