//! Disjunctions as branches that each have an index of their own.
//!
//! An engine serves `a = 1 OR b = 2` in an order by reading everything; as a union of two indexed, ordered, limited
//! branches it reads a page of each.

use std::borrow::Cow;
use std::collections::HashSet;

use basalt_core::FieldPath;
use basalt_core::document::ID;
use basalt_core::filter::{Filter, Leaf, Place, Root, Scalar};

use super::SortField;
use super::condition::{Condition, Form};
use super::constant::Constant;
use super::members::side_table;
use super::near;
use super::operand::key_column;
use crate::catalog::{Collection, Index, IndexKind, IndexState};

const MAX_BRANCHES: usize = 16;
const MAX_VALUES: usize = 32;

/// The branches whose union is the condition; a single one where splitting doesn't help.
pub(super) fn split<'a>(
    condition: &Condition<'a>,
    sort: Option<&[SortField]>,
    collection: &Collection,
) -> Vec<Condition<'a>> {
    let condition = hinted(condition, collection);
    let branches = alternatives(&condition, collection).unwrap_or_else(|| vec![condition]);
    let Some(sort) = sort else { return branches };
    let mut split = Vec::new();
    for branch in &branches {
        split.extend(by_values(branch, sort, collection).unwrap_or_else(|| vec![branch.clone()]));
    }
    if split.len() > MAX_VALUES { branches } else { split }
}

/// `list.exists(e, e == x)` with the weaker `x in list` beside it, where an index serves that.
pub(super) fn hinted<'a>(condition: &Condition<'a>, collection: &Collection) -> Condition<'a> {
    match condition {
        Condition::All(parts) => Condition::all(parts.iter().map(|part| hinted(part, collection))),
        Condition::Any(parts) => Condition::any(parts.iter().map(|part| hinted(part, collection))),
        Condition::Leaf(leaf, Form::True) => {
            let hint = element_of(leaf).filter(|leaf| has_indexed_equality(leaf, Form::True, collection));
            let hint = hint.map(|leaf| Condition::Leaf(Cow::Owned(leaf), Form::True));
            Condition::all(hint.into_iter().chain([condition.clone()]))
        }
        Condition::True | Condition::False | Condition::Leaf(_, Form::False) => condition.clone(),
    }
}

fn element_of(leaf: &Leaf) -> Option<Leaf> {
    let Leaf::Any { place, filter } = leaf else { return None };
    match filter.as_ref() {
        Filter::Leaf(Leaf::Equal { place: Place { root: Root::Element(0), path }, value })
            if path.names().is_empty() =>
        {
            Some(Leaf::Contains { place: place.clone(), value: value.clone() })
        }
        _ => None,
    }
}

/// The alternatives of a condition, each with an indexed equality; `None` where one has none or they are too many.
fn alternatives<'a>(condition: &Condition<'a>, collection: &Collection) -> Option<Vec<Condition<'a>>> {
    match condition {
        Condition::True => None,
        Condition::False => Some(Vec::new()),
        Condition::Leaf(leaf, form) => has_indexed_equality(leaf, *form, collection).then(|| vec![condition.clone()]),
        Condition::Any(parts) => {
            let mut branches = Vec::new();
            for part in parts {
                branches.extend(alternatives(part, collection)?);
                if branches.len() > MAX_BRANCHES {
                    return None;
                }
            }
            Some(branches)
        }
        Condition::All(parts) => {
            let disjunctions = parts.iter().enumerate().filter(|(_, part)| matches!(part, Condition::Any(_)));
            let mut distributed =
                disjunctions.filter_map(|(place, part)| Some((place, alternatives(part, collection)?)));
            // One of them is enough; the rest goes with each of its alternatives.
            if let Some((place, branches)) = distributed.next() {
                return Some(branches.into_iter().map(|branch| with_others(branch, parts, place)).collect());
            }
            let indexed = parts.iter().any(|part| alternatives(part, collection).is_some());
            indexed.then(|| vec![condition.clone()])
        }
    }
}

/// The conjunction of `one` and all `parts` but that at `place`.
fn with_others<'a>(one: Condition<'a>, parts: &[Condition<'a>], place: usize) -> Condition<'a> {
    let others = parts.iter().enumerate().filter(|(other, _)| *other != place).map(|(_, part)| part.clone());
    Condition::all(std::iter::once(one).chain(others))
}

/// Splits an `in` over its values, where an index gives each value's rows in order.
fn by_values<'a>(branch: &Condition<'a>, sort: &[SortField], collection: &Collection) -> Option<Vec<Condition<'a>>> {
    let fixed: HashSet<&FieldPath> = branch.conjuncts().iter().filter_map(|part| fixed_path(part)).collect();
    branch.conjuncts().iter().enumerate().find_map(|(place, part)| {
        let Condition::Leaf(leaf, Form::True) = part else { return None };
        let Leaf::In { place: field, values } = leaf.as_ref() else { return None };
        if !(2..=MAX_VALUES).contains(&values.len()) || field.root != Root::Document {
            return None;
        }
        let helps = |index: &Index| {
            let is_fixed = |path: &FieldPath| *path == field.path || fixed.contains(path);
            let leading = index.spec.fields.iter().take_while(|f| is_fixed(&f.path)).count();
            let by_field = index.spec.fields[..leading].iter().any(|f| f.path == field.path);
            by_field && gives_order(&index.spec.fields[leading..], sort)
        };
        ordered_indexes(collection).any(helps).then(|| {
            let one = |value: &Scalar| Leaf::Equal { place: field.clone(), value: value.clone() };
            let one = |value| Condition::Leaf(Cow::Owned(one(value)), Form::True);
            values.iter().map(|value| with_others(one(value), branch.conjuncts(), place)).collect()
        })
    })
}

/// Whether an index's remaining fields are the order asked for, forwards or backwards.
pub(super) fn gives_order(fields: &[SortField], sort: &[SortField]) -> bool {
    if sort.is_empty() || fields.len() < sort.len() {
        // The id follows an index's fields.
        return sort.is_empty() && fields.is_empty();
    }
    let same = |turned: bool| {
        fields.iter().zip(sort).all(|(a, b)| a.path == b.path && (a.descending == b.descending) != turned)
    };
    fields.len() == sort.len() && (same(false) || same(true))
}

/// The field that a condition fixes to one value.
pub(super) fn fixed_path<'a>(condition: &'a Condition<'_>) -> Option<&'a FieldPath> {
    let Condition::Leaf(leaf, form) = condition else { return None };
    match (leaf.as_ref(), form) {
        (Leaf::Equal { place, value }, Form::True) if Constant::of(value).is_some() => document_path(place),
        (Leaf::In { place, values }, Form::True) if values.len() == 1 => document_path(place),
        (Leaf::IsTrue { place }, _) => document_path(place),
        _ => None,
    }
}

fn document_path(place: &Place) -> Option<&FieldPath> {
    (place.root == Root::Document).then_some(&place.path)
}

/// Ready indexes over key columns that are ready.
pub(super) fn ordered_indexes(collection: &Collection) -> impl Iterator<Item = &Index> {
    collection.indexes.iter().filter(|index| {
        matches!(index.spec.kind, IndexKind::Ordered | IndexKind::Unique)
            && index.state == IndexState::Ready
            && index.spec.fields.iter().all(|field| key_column(collection, &field.path).is_some())
    })
}

/// Whether an index finds the rows of this leaf by equality.
pub(super) fn has_indexed_equality(leaf: &Leaf, form: Form, collection: &Collection) -> bool {
    let leads = |place: &Place| {
        let Some(path) = document_path(place) else { return false };
        is_id(path) || ordered_indexes(collection).any(|index| index.spec.fields.first().map(|f| &f.path) == Some(path))
    };
    match (leaf, form) {
        (Leaf::Equal { place, .. } | Leaf::In { place, .. }, Form::True) | (Leaf::IsTrue { place }, _) => leads(place),
        (Leaf::Contains { place, .. }, Form::True) => side_table(collection, place).is_some(),
        (Leaf::Distance { place, order, .. }, form) => {
            near::is_within(*order, form) && near::index(collection, place).is_some()
        }
        _ => false,
    }
}

pub(super) fn is_id(path: &FieldPath) -> bool {
    matches!(path.names(), [name] if name == ID)
}
