//! Which index serves a query, for whoever writes rules and filters (not the engine's own plan: what the store aims at).

use basalt_core::document::REV;
use basalt_core::filter::{Filter, Leaf, Root};
use basalt_core::{CollectionName, FieldPath, Result};
use serde::Serialize;

use super::SortField;
use super::branches::{fixed_path, gives_order, hinted, is_id, ordered_indexes};
use super::condition::{Condition, Form};
use super::members::side_table;
use super::near;
use crate::catalog::{Catalog, Collection, IndexKind, IndexSpec};

/// How a query is served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The alternatives of the filter's disjunctions, each with its index.
    pub branches: Vec<Branch>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Branch {
    pub access: Access,
    /// Whether the rows come in the order asked for, so that a page reads no more than a page.
    pub ordered: bool,
    /// The compared fields that could have an index and have none; what a branch that scans is slow for.
    pub unindexed: Vec<FieldPath>,
    /// The index that would serve the branch better, in the order asked for.
    pub suggestion: Option<IndexSpec>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Access {
    /// Every document is looked at.
    Scan,
    PrimaryKey,
    Index(String),
}

const MAX_BRANCHES: usize = 64;
const INDEX_FIELDS: usize = 8;

/// Says how a list of documents where `filter` is true, in this order, is served.
pub fn explain(
    catalog: &Catalog,
    collection: &CollectionName,
    filter: &Filter,
    sort: &[SortField],
) -> Result<Explanation> {
    let collection = super::collection(catalog, collection)?;
    let condition = hinted(&Condition::of(filter, Form::True), collection);
    let mut alternatives = disjuncts(&condition);
    if alternatives.len() > MAX_BRANCHES {
        alternatives = vec![condition];
    }
    Ok(Explanation { branches: alternatives.iter().map(|part| branch(part, collection, sort)).collect() })
}

/// The conjunctions whose disjunction the condition is; one too many of them where there are too many.
fn disjuncts<'a>(condition: &Condition<'a>) -> Vec<Condition<'a>> {
    match condition {
        Condition::Any(parts) => parts.iter().flat_map(disjuncts).take(MAX_BRANCHES + 1).collect(),
        Condition::All(parts) => parts.iter().fold(vec![Condition::True], |done, part| {
            let part = disjuncts(part);
            let pair = |a: &Condition<'a>, b: &Condition<'a>| Condition::all([a.clone(), b.clone()]);
            done.iter().flat_map(|a| part.iter().map(move |b| pair(a, b))).take(MAX_BRANCHES + 1).collect()
        }),
        Condition::True | Condition::False | Condition::Leaf(..) => vec![condition.clone()],
    }
}

fn branch(condition: &Condition<'_>, collection: &Collection, sort: &[SortField]) -> Branch {
    let parts = condition.conjuncts();
    let fixed: Vec<&FieldPath> = parts.iter().filter_map(fixed_path).collect();
    let by_id = sort.is_empty() || matches!(sort, [field] if is_id(&field.path));
    if fixed.iter().any(|path| is_id(path)) {
        return Branch { access: Access::PrimaryKey, ordered: true, unindexed: Vec::new(), suggestion: None };
    }
    let suggestion = suggestion(parts, &fixed, sort).filter(|spec| collection.indexes.iter().all(|i| i.spec != *spec));
    if let Some((name, ordered)) = best_index(parts, &fixed, collection, sort) {
        let suggestion = suggestion.filter(|_| !ordered && !sort.is_empty());
        return Branch { access: Access::Index(name), ordered, unindexed: Vec::new(), suggestion };
    }
    let in_side_table = parts.iter().find_map(|part| match part {
        Condition::Leaf(leaf, form) => match (leaf.as_ref(), form) {
            (Leaf::Contains { place, .. }, Form::True) => side_table(collection, place),
            (Leaf::Distance { place, order, .. }, form) if near::is_within(*order, *form) => {
                near::index(collection, place).map(|index| index.name.as_str())
            }
            _ => None,
        },
        Condition::True | Condition::False | Condition::All(_) | Condition::Any(_) => None,
    });
    match in_side_table {
        Some(name) => {
            let access = Access::Index(name.to_owned());
            Branch { access, ordered: false, unindexed: Vec::new(), suggestion: None }
        }
        None => Branch { access: Access::Scan, ordered: by_id, unindexed: unindexed(parts), suggestion },
    }
}

/// An index on the fields that are fixed, then those of the order, or one that is bounded; of a branch that only asks what
/// a list holds, one of its elements.
fn suggestion(parts: &[Condition<'_>], fixed: &[&FieldPath], sort: &[SortField]) -> Option<IndexSpec> {
    let ascending = |path: &FieldPath| SortField { path: path.clone(), descending: false };
    let mut fields: Vec<SortField> = Vec::new();
    for path in fixed.iter().filter(|path| path.top() != REV) {
        if fields.iter().all(|field| field.path != **path) {
            fields.push(ascending(path));
        }
    }
    let element = parts.iter().find_map(contained_path).filter(|_| fields.is_empty());
    if let Some(path) = element {
        return Some(IndexSpec { kind: IndexKind::Contains, fields: vec![ascending(path)] });
    }
    if let Some(path) = parts.iter().find_map(point_path) {
        return Some(IndexSpec { kind: IndexKind::Geo, fields: vec![ascending(path)] });
    }
    let is_free = |path: &FieldPath| !is_id(path) && fixed.iter().all(|other| *other != path);
    let order: Vec<SortField> = sort.iter().filter(|field| is_free(&field.path)).cloned().collect();
    if order.is_empty() {
        let bounded = parts.iter().filter_map(bounded_path).find(|path| is_free(path));
        fields.extend(bounded.map(ascending));
    }
    fields.extend(order);
    fields.truncate(INDEX_FIELDS);
    (!fields.is_empty()).then_some(IndexSpec { kind: IndexKind::Ordered, fields })
}

/// The list of which a condition wants an element.
fn contained_path<'a>(condition: &'a Condition<'_>) -> Option<&'a FieldPath> {
    let Condition::Leaf(leaf, Form::True) = condition else { return None };
    match leaf.as_ref() {
        Leaf::Contains { place, .. } if place.root == Root::Document => Some(&place.path),
        _ => None,
    }
}

/// The point whose distance a condition asks for.
fn point_path<'a>(condition: &'a Condition<'_>) -> Option<&'a FieldPath> {
    let Condition::Leaf(leaf, _) = condition else { return None };
    match leaf.as_ref() {
        Leaf::Distance { place, .. } => Some(&place.path),
        _ => None,
    }
}

/// The index with most leading fields fixed, or one that is bounded or in order.
fn best_index(
    parts: &[Condition<'_>],
    fixed: &[&FieldPath],
    collection: &Collection,
    sort: &[SortField],
) -> Option<(String, bool)> {
    let served = ordered_indexes(collection).filter_map(|index| {
        let fields = &index.spec.fields;
        let leading = fields.iter().take_while(|field| fixed.contains(&&field.path)).count();
        let next = fields.get(leading);
        let bounded = next.is_some_and(|field| parts.iter().any(|part| bounded_path(part) == Some(&field.path)));
        let ordered = gives_order(&fields[leading..], sort);
        (leading > 0 || bounded || (ordered && !sort.is_empty())).then_some((leading, ordered, bounded, &index.name))
    });
    served
        .max_by_key(|(leading, ordered, bounded, _)| (*leading, *ordered, *bounded))
        .map(|(_, ordered, _, name)| (name.clone(), ordered))
}

/// The field that a condition keeps within bounds or to some values.
fn bounded_path<'a>(condition: &'a Condition<'_>) -> Option<&'a FieldPath> {
    let Condition::Leaf(leaf, form) = condition else { return None };
    match (leaf.as_ref(), form) {
        (Leaf::Order { place, .. }, _) | (Leaf::In { place, .. } | Leaf::Text { place, .. }, Form::True) => {
            (place.root == Root::Document).then_some(&place.path)
        }
        _ => None,
    }
}

fn unindexed(parts: &[Condition<'_>]) -> Vec<FieldPath> {
    let mut paths: Vec<FieldPath> = Vec::new();
    for part in parts {
        let path = fixed_path(part)
            .or_else(|| bounded_path(part))
            .or_else(|| contained_path(part))
            .or_else(|| point_path(part));
        if let Some(path) = path.filter(|path| !paths.contains(path)) {
            paths.push(path.clone());
        }
    }
    paths
}
