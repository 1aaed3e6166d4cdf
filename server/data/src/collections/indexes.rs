//! The indexes that a collection really has: asked for, needed by its room, and those that its list rule and its
//! references call for.

use basalt_core::FieldPath;
use basalt_core::document::{ID, REV};
use basalt_store::{IndexKind, IndexSpec, SortField};

use super::builtin::Builtin;
use super::definition::Definition;
use super::references::Holding;
use crate::rules::CompiledRules;

/// Automatic ones come last, and only where no other index begins with the field.
pub(super) fn effective(definition: &Definition, builtin: Option<&Builtin>, rules: &CompiledRules) -> Vec<IndexSpec> {
    let mut indexes = definition.indexes.clone();
    for index in builtin.map_or(&[][..], |builtin| &builtin.indexes) {
        if !indexes.contains(index) {
            indexes.push(index.clone());
        }
    }
    for path in definition.references.keys() {
        let holding = definition.holding(path);
        if matches!(holding, Holding::Id | Holding::Either) && !begins(&indexes, path) {
            indexes.push(single(IndexKind::Ordered, path.clone()));
        }
        if matches!(holding, Holding::Ids | Holding::Either) {
            add_contains(&mut indexes, path.clone());
        }
    }
    let Some(list) = &rules.list else { return indexes };
    for field in list.equality_fields().into_iter().filter(|field| ![ID, REV].contains(&field.top())) {
        if !begins(&indexes, &field) {
            indexes.push(single(IndexKind::Ordered, field));
        }
    }
    for field in list.contains_fields() {
        add_contains(&mut indexes, field);
    }
    indexes
}

fn add_contains(indexes: &mut Vec<IndexSpec>, path: FieldPath) {
    let index = single(IndexKind::Contains, path);
    if !indexes.contains(&index) {
        indexes.push(index);
    }
}

/// Whether an index finds this field's values by itself.
pub(super) fn begins(indexes: &[IndexSpec], field: &FieldPath) -> bool {
    indexes.iter().any(|index| index.fields.first().is_some_and(|first| first.path == *field))
}

fn single(kind: IndexKind, path: FieldPath) -> IndexSpec {
    IndexSpec { kind, fields: vec![SortField { path, descending: false }] }
}
