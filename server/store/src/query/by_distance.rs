//! A page of documents by their distance from a point.
//!
//! In the order of a geo index near points are mostly near one another: the page's number of matching rows on both sides of
//! the point's cell gives a distance within which the page is for certain. A second statement of the same snapshot takes
//! what is within, exactly and in order; both read the index's ranges alone.

use basalt_core::filter::{Filter, Leaf, Order, Place};
use basalt_core::geo::{self, Point};
use basalt_core::{Code, Document, Error, FieldPath, Result, key};
use serde_json::Value;

use super::branches::hinted;
use super::condition::{Condition, Form};
use super::dialect;
use super::list::{columns, document};
use super::lookup::table_of;
use super::print::{Printer, Scope, and};
use super::{Keyset, List, search};
use crate::catalog::Catalog;
use crate::sql::{Dialect, Row, SqlValue, Statement};

/// A page of those that have a point at `path`, nearest first (then by id).
#[derive(Clone, Debug)]
pub struct Near {
    /// Its sort is empty.
    pub list: List,
    pub path: FieldPath,
    pub point: Point,
}

const TABLE: &str = "t";

impl Near {
    /// The filter that documents without a point don't match, as they don't come in the order.
    pub(crate) fn filter(&self) -> Filter {
        Filter::and([self.list.filter.clone(), has_point(self.path.clone(), self.point)])
    }
}

/// Whether there is a point at all.
pub fn has_point(path: FieldPath, from: Point) -> Filter {
    Filter::Leaf(Leaf::Distance { place: Place::document(path), point: from, order: Order::Lt, metres: f64::INFINITY })
}

/// What every statement of one page has in common.
struct Parts<'a> {
    scope: Scope<'a>,
    /// The column of the index, with its table.
    column: String,
    chord: String,
    /// The filter, and what comes after the keyset.
    conditions: Vec<String>,
}

fn parts<'a>(catalog: &'a Catalog, near: &Near, printer: &mut Printer<'a>) -> Result<Parts<'a>> {
    let collection = super::collection(catalog, &near.list.collection)?;
    let scope = Scope::new(collection, TABLE);
    let column = printer.point_column(&Place::document(near.path.clone()), &scope).unwrap_or_default();
    let column = format!("{TABLE}.{column}");
    let chord = dialect::chord(printer, &column, near.point.place());
    let condition = hinted(&Condition::of(&near.list.filter, Form::True), collection);
    let mut conditions = vec![printer.condition(&condition, &scope)];
    if let Some(search) = &near.list.search {
        conditions.push(search::found(search, &scope, printer)?);
    }
    if let Some(after) = &near.list.after {
        let [Value::Number(mark)] = after.values.as_slice() else { return Err(bad_cursor()) };
        let mark = printer.bind(mark.as_i64().ok_or_else(bad_cursor)?.into());
        let id = printer.bind_text(&after.id);
        conditions.push(format!("({chord}, {TABLE}.id) > ({mark}, {id})"));
    }
    Ok(Parts { scope, column, chord, conditions })
}

fn bad_cursor() -> Error {
    Error::new(Code::BadCursor, "The cursor does not belong to this query.")
}

/// Finds how far the page reaches at most.
pub(super) fn reach_statement(catalog: &Catalog, near: &Near, dialect: Dialect) -> Result<Statement> {
    let mut printer = Printer::new(catalog, dialect);
    let Parts { scope, column, chord, conditions } = parts(catalog, near, &mut printer)?;
    let own = geo::key_of_cell(geo::cell(near.point));
    let rows = u64::from(near.list.limit) + 1;
    let mut side = |from: &[u8], to: &[u8], direction: &str| {
        let (from, to) = (printer.bind_bytes(from), printer.bind_bytes(to));
        let mut all = vec![format!("{column} >= {from} AND {column} < {to}")];
        all.extend(conditions.iter().cloned());
        format!(
            "SELECT * FROM (SELECT {chord} AS d FROM {table} AS {TABLE} WHERE {all} ORDER BY {column}{direction} \
             LIMIT {rows}) AS s",
            table = table_of(scope.collection),
            all = and(&all),
        )
    };
    let (up, down) = (side(&own, &[key::NUMBER + 1], ""), side(&[key::NUMBER], &own, " DESC"));
    let sql = format!(
        "SELECT max(d), count(*) FROM (SELECT d FROM ({up} UNION ALL {down}) AS u ORDER BY d LIMIT {rows}) AS v"
    );
    printer.finish(&sql)
}

/// The chord within which the page is; `None`: all there is has to be looked at.
pub(super) fn decode_reach(near: &Near, rows: &[Row]) -> Result<Option<i64>> {
    match rows {
        [row] => match row.as_slice() {
            [SqlValue::Int(chord), SqlValue::Int(count)] if *count > i64::from(near.list.limit) => Ok(Some(*chord)),
            [_, SqlValue::Int(_)] => Ok(None),
            _ => Err(Error::internal("a reach has other columns")),
        },
        _ => Err(Error::internal("a reach gave no row")),
    }
}

pub(super) fn statement(catalog: &Catalog, near: &Near, reach: Option<i64>, dialect: Dialect) -> Result<Statement> {
    let mut printer = Printer::new(catalog, dialect);
    let Parts { scope, column, chord, mut conditions } = parts(catalog, near, &mut printer)?;
    conditions.insert(
        0,
        match reach {
            Some(reach) => printer.within(&column, near.point, reach, &scope),
            None => printer.is_point(&column),
        },
    );
    let sql = format!(
        "SELECT {columns}, {chord} AS d FROM {table} AS {TABLE} WHERE {all} ORDER BY d, {TABLE}.id LIMIT {limit}",
        columns = columns(),
        table = table_of(scope.collection),
        all = and(&conditions),
        limit = u64::from(near.list.limit) + 1,
    );
    printer.finish(&sql)
}

/// The page, each document's metres, and where the next page begins.
pub(super) fn decode(near: &Near, rows: &[Row]) -> Result<(Vec<Document>, Vec<f64>, Option<Keyset>)> {
    let limit = usize::try_from(near.list.limit).unwrap_or(usize::MAX);
    let (mut documents, mut chords) = (Vec::new(), Vec::new());
    for row in rows.iter().take(limit) {
        let Some(SqlValue::Int(chord)) = row.last() else { return Err(Error::internal("a distance is no number")) };
        documents.push(document(row)?);
        chords.push(*chord);
    }
    let last = documents.last().zip(chords.last()).filter(|_| rows.len() > limit);
    let next = last.map(|(document, chord)| Keyset { values: vec![(*chord).into()], id: document.id.to_string() });
    Ok((documents, chords.into_iter().map(geo::metres).collect(), next))
}
