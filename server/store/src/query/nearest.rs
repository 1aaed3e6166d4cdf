//! The documents whose vectors are nearest to one: every vector that the filter lets through is measured, here and not in
//! the database, so that the order is the same on both engines; the k nearest are read in the same snapshot.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap};

use basalt_core::filter::Filter;
use basalt_core::vector::{Measure, Metric};
use basalt_core::{Code, CollectionName, Document, Error, FieldPath, Result};

use super::branches::split;
use super::condition::{Condition, Form};
use super::list::{columns, document, rows};
use super::lookup::table_of;
use super::print::{Printer, Scope};
use crate::catalog::{Catalog, Collection, Index, IndexKind, IndexState};
use crate::sql::{Dialect, Row, Statement};

/// The `k` documents of those where `filter` is true whose vector at `path` is nearest, then by id.
#[derive(Clone, Debug)]
pub struct Nearest {
    pub collection: CollectionName,
    pub filter: Filter,
    pub path: FieldPath,
    pub vector: Vec<f32>,
    pub metric: Metric,
    pub k: usize,
}

#[derive(Clone, Debug)]
pub struct NearestPage {
    pub documents: Vec<Document>,
    /// Of each document, by the metric.
    pub distances: Vec<f64>,
}

/// Selects the ids and vectors to measure.
pub(crate) fn scan_statement(catalog: &Catalog, nearest: &Nearest, dialect: Dialect) -> Result<Statement> {
    let collection = super::collection(catalog, &nearest.collection)?;
    let vectors = table_of_vectors(collection, &nearest.path)?;
    let mut printer = Printer::new(catalog, dialect);
    let scope = Scope::new(collection, "t");
    let condition = Condition::of(&nearest.filter, Form::True);
    if condition == Condition::True {
        return printer.finish(&format!("SELECT id, k FROM {vectors}"));
    }
    let branches = split(&condition, None, collection);
    let rows = rows(&branches, "t.id AS id", &scope, &mut printer);
    printer.finish(&format!("SELECT v.id, v.k FROM ({rows}) AS r JOIN {vectors} AS v ON v.id = r.id"))
}

fn table_of_vectors<'a>(collection: &'a Collection, path: &FieldPath) -> Result<&'a str> {
    let of_path = |index: &&Index| {
        index.spec.kind == IndexKind::Vector && index.spec.fields.first().is_some_and(|field| field.path == *path)
    };
    match collection.indexes.iter().find(of_path) {
        Some(index) if index.state == IndexState::Ready => Ok(&index.name),
        Some(_) => {
            let detail = format!("The vectors at {path} are being put in order.");
            Err(Error::new(Code::Unavailable, detail).retry_after(super::near::BUILDING))
        }
        None => Err(Error::new(Code::BadParameter, format!("The collection has no vectors at {path}."))),
    }
}

/// Keeps the nearest of what it sees.
pub(crate) struct Scan {
    measure: Measure,
    k: usize,
    /// The farthest on top.
    kept: BinaryHeap<Kept>,
}

#[derive(Debug, PartialEq)]
struct Kept {
    distance: f64,
    id: String,
}

impl Eq for Kept {}

impl Ord for Kept {
    fn cmp(&self, other: &Self) -> Ordering {
        self.distance.total_cmp(&other.distance).then_with(|| self.id.cmp(&other.id))
    }
}

impl PartialOrd for Kept {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Scan {
    pub(crate) fn new(nearest: &Nearest) -> Self {
        let measure = Measure::new(nearest.metric, nearest.vector.clone());
        Self { measure, k: nearest.k, kept: BinaryHeap::with_capacity(nearest.k + 1) }
    }

    pub(crate) fn see(&mut self, id: &str, vector: &[u8]) {
        let Some(distance) = self.measure.distance(vector) else { return };
        let full = self.kept.len() >= self.k;
        if full && self.kept.peek().is_some_and(|top| (top.distance, top.id.as_str()) <= (distance, id)) {
            return;
        }
        self.kept.push(Kept { distance, id: id.to_owned() });
        if full {
            self.kept.pop();
        }
    }

    /// The kept ones, nearest first.
    pub(crate) fn finish(self) -> Vec<(String, f64)> {
        self.kept.into_sorted_vec().into_iter().map(|kept| (kept.id, kept.distance)).collect()
    }
}

/// Reads the documents that were found.
pub(crate) fn documents_statement(
    catalog: &Catalog,
    nearest: &Nearest,
    found: &[(String, f64)],
    dialect: Dialect,
) -> Result<Statement> {
    let collection = super::collection(catalog, &nearest.collection)?;
    let mut printer = Printer::new(catalog, dialect);
    let ids: Vec<String> = found.iter().map(|(id, _)| printer.bind_text(id)).collect();
    let condition = if ids.is_empty() { "FALSE".to_owned() } else { format!("t.id IN ({})", ids.join(", ")) };
    printer.finish(&format!("SELECT {} FROM {} AS t WHERE {condition}", columns(), table_of(collection)))
}

pub(crate) fn decode(found: &[(String, f64)], rows: &[Row]) -> Result<NearestPage> {
    let mut by_id: HashMap<String, Document> = HashMap::with_capacity(rows.len());
    for row in rows {
        let document = document(row)?;
        by_id.insert(document.id.to_string(), document);
    }
    let in_order = found.iter().filter_map(|(id, distance)| Some((by_id.remove(id)?, *distance)));
    let (documents, distances) = in_order.unzip();
    Ok(NearestPage { documents, distances })
}
