//! How many documents there are.

use basalt_core::filter::Filter;
use basalt_core::{CollectionName, Error, Result};

use super::branches::split;
use super::condition::{Condition, Form};
use super::list::rows;
use super::print::{Printer, Scope};
use crate::catalog::Catalog;
use crate::sql::{Dialect, Row, SqlValue, Statement};

pub(super) fn statement(
    catalog: &Catalog,
    collection: &CollectionName,
    filter: &Filter,
    dialect: Dialect,
) -> Result<Statement> {
    let collection = super::collection(catalog, collection)?;
    let mut printer = Printer::new(catalog, dialect);
    let scope = Scope::new(collection, "t");
    let branches = split(&Condition::of(filter, Form::True), None, collection);
    let rows = rows(&branches, "t.id", &scope, &mut printer);
    let sql = format!("SELECT count(*) FROM ({rows}) AS r");
    printer.finish(&sql)
}

pub(super) fn decode(rows: &[Row]) -> Result<u64> {
    match rows {
        [row] => match row.as_slice() {
            [SqlValue::Int(count)] => u64::try_from(*count).map_err(Error::internal),
            _ => Err(Error::internal("a count is no integer")),
        },
        _ => Err(Error::internal("a count gave no row")),
    }
}
