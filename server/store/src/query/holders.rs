//! Which documents hold an id: those that refer to another one.

use basalt_core::filter::{Filter, Leaf, Place, Scalar};
use basalt_core::{DocumentId, Error, Result};

use super::branches::split;
use super::condition::{Condition, Form};
use super::list::rows;
use super::print::{Printer, Scope};
use crate::catalog::Catalog;
use crate::decide::{HOLDERS_MAX, HeldAs, Read};
use crate::sql::{Dialect, Row, SqlValue, Statement};

/// The statement of a [`Read::Holders`].
pub(super) fn statement(catalog: &Catalog, read: &Read, dialect: Dialect) -> Result<Statement> {
    let Read::Holders { collection, path, held, id } = read else {
        return Err(Error::internal("holders are asked for by another read"));
    };
    let collection = super::collection(catalog, collection)?;
    let place = Place::document(path.clone());
    let value = Scalar::Text(id.to_string());
    let by_value = Filter::Leaf(Leaf::Equal { place: place.clone(), value: value.clone() });
    let by_element = Filter::Leaf(Leaf::Contains { place, value });
    let filter = match held {
        HeldAs::Value => by_value,
        HeldAs::Element => by_element,
        HeldAs::Either => Filter::or([by_value, by_element]),
    };
    let mut printer = Printer::new(catalog, dialect);
    let scope = Scope::new(collection, "t");
    let branches = split(&Condition::of(&filter, Form::True), None, collection);
    let rows = rows(&branches, "t.id", &scope, &mut printer);
    printer.finish(&format!("SELECT r.id FROM ({rows}) AS r LIMIT {HOLDERS_MAX}"))
}

pub(super) fn decode(rows: &[Row]) -> Result<Vec<DocumentId>> {
    let id = |row: &Row| match row.as_slice() {
        [SqlValue::Text(id)] => DocumentId::parse(id),
        _ => Err(Error::internal("a holder's row has other columns")),
    };
    rows.iter().map(id).collect()
}
