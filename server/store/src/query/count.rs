//! How many documents there are.

use basalt_core::filter::Filter;
use basalt_core::{CollectionName, Error, Result};

use super::branches::split;
use super::condition::{Condition, Form};
use super::list::{from, rows};
use super::print::{Printer, Scope, and};
use super::{Search, search};
use crate::catalog::Catalog;
use crate::sql::{Dialect, Row, SqlValue, Statement};

pub(super) fn statement(
    catalog: &Catalog,
    collection: &CollectionName,
    filter: &Filter,
    search: Option<&Search>,
    dialect: Dialect,
) -> Result<Statement> {
    let collection = super::collection(catalog, collection)?;
    let mut printer = Printer::new(catalog, dialect);
    let scope = Scope::new(collection, "t");
    let condition = Condition::of(filter, Form::True);
    let rows = match search {
        None => rows(&split(&condition, None, collection), "t.id", &scope, &mut printer),
        Some(search) => {
            let found = search::found(search, &scope, &mut printer)?;
            let conditions = [found, printer.condition(&condition, &scope)];
            format!("SELECT t.id FROM {} WHERE {}", from(collection), and(&conditions))
        }
    };
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
