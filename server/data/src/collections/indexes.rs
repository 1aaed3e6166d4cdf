//! The indexes that a collection really has: asked for, needed by its room, and those that its list rule, its
//! references and its `ttl` call for.

use std::collections::BTreeSet;
use std::sync::Arc;

use basalt_core::document::{ID, REV};
use basalt_core::filter::Filter;
use basalt_core::{CollectionName, FieldPath};
use basalt_store::catalog::{Keeps, KeyColumn};
use basalt_store::query::{Access, explain};
use basalt_store::{Catalog, Collection, Index, IndexKind, IndexSpec, IndexState, SortField};

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
    for path in definition.vectors.keys() {
        add(&mut indexes, single(IndexKind::Vector, path.clone()));
    }
    if let Some(ttl) = definition.ttl.as_ref().filter(|ttl| !begins(&indexes, ttl)) {
        indexes.push(single(IndexKind::Ordered, ttl.clone()));
    }
    if !definition.search.is_empty() {
        let field = |path: &FieldPath| SortField { path: path.clone(), descending: false };
        let fields = definition.search.iter().map(field).collect();
        indexes.push(IndexSpec { kind: IndexKind::Search, fields });
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
    for field in list.distance_fields() {
        add(&mut indexes, single(IndexKind::Geo, field));
    }
    indexes
}

fn add_contains(indexes: &mut Vec<IndexSpec>, path: FieldPath) {
    add(indexes, single(IndexKind::Contains, path));
}

fn add(indexes: &mut Vec<IndexSpec>, index: IndexSpec) {
    if !indexes.contains(&index) {
        indexes.push(index);
    }
}

/// Whether an index finds this field's values by itself.
fn begins(indexes: &[IndexSpec], field: &FieldPath) -> bool {
    let by_value = |index: &&IndexSpec| matches!(index.kind, IndexKind::Ordered | IndexKind::Unique);
    indexes.iter().filter(by_value).any(|index| index.fields.first().is_some_and(|first| first.path == *field))
}

/// For each alternative of a condition that none of the indexes (built, as they will be) serves: what it tests.
pub(super) fn scans(name: &CollectionName, indexes: &[IndexSpec], filter: &Filter) -> Vec<Vec<FieldPath>> {
    let fields = |index: &IndexSpec| -> Vec<(FieldPath, Keeps)> {
        index.fields.iter().map(|field| (field.path.clone(), index.kind.keeps())).collect()
    };
    let fields: BTreeSet<(FieldPath, Keeps)> = indexes.iter().flat_map(fields).collect();
    let column = |(n, (path, keeps)): (usize, (FieldPath, Keeps))| {
        let column = format!("k_{n}");
        KeyColumn { path, column, keeps, ready: true }
    };
    let built =
        |(n, spec): (usize, &IndexSpec)| Index { name: format!("i_{n}"), spec: spec.clone(), state: IndexState::Ready };
    let collection = Collection {
        name: name.clone(),
        short_id: String::new(),
        definition: Arc::default(),
        indexes: indexes.iter().enumerate().map(built).collect(),
        key_columns: fields.into_iter().enumerate().map(column).collect(),
    };
    let catalog = Catalog { epoch: 0, collections: [(name.clone(), Arc::new(collection))].into() };
    let Ok(explanation) = explain(&catalog, name, filter, &[]) else { return Vec::new() };
    let scans = explanation.branches.into_iter().filter(|branch| branch.access == Access::Scan);
    scans.map(|branch| branch.unindexed).collect()
}

fn single(kind: IndexKind, path: FieldPath) -> IndexSpec {
    IndexSpec { kind, fields: vec![SortField { path, descending: false }] }
}
