//! A page of documents as one statement.

use basalt_core::{Document, DocumentId, Error, Result, Rev, Timestamp};
use serde_json::{Map, Value};

use super::branches::split;
use super::condition::{Condition, Form};
use super::lookup::table_of;
use super::order::{self, Term};
use super::print::{Printer, Scope, and};
use super::{Keyset, List, Search, search};
use crate::catalog::{Catalog, Collection};
use crate::commit::spliced;
use crate::sql::{Dialect, Row, SqlValue, Statement};

const TABLE: &str = "t";
const COLUMNS: [&str; 5] = ["id", "rev", "created_at", "updated_at", "data"];

pub(super) fn statement(catalog: &Catalog, list: &List, dialect: Dialect) -> Result<Statement> {
    let collection = super::collection(catalog, &list.collection)?;
    let mut printer = Printer::new(catalog, dialect);
    let scope = Scope::new(collection, TABLE);
    let condition = Condition::of(&list.filter, Form::True);
    if let Some(search) = &list.search {
        let sql = searched(search, &condition, list, &scope, &mut printer)?;
        return printer.finish(&sql);
    }
    let branches = split(&condition, Some(&list.sort), collection);
    let terms = order::terms(&list.sort, list.after.as_ref(), &scope, &mut printer)?;
    let limit = u64::from(list.limit) + 1;
    let sql = match branches.as_slice() {
        [] => plain(&Condition::False, &terms, limit, &scope, &mut printer),
        [one] => plain(one, &terms, limit, &scope, &mut printer),
        many => union(many, &terms, limit, &scope, &mut printer),
    };
    printer.finish(&sql)
}

fn plain(
    condition: &Condition<'_>,
    terms: &[Term],
    limit: u64,
    scope: &Scope<'_>,
    printer: &mut Printer<'_>,
) -> String {
    let rows = ordered_rows(condition, terms, limit, scope, printer);
    format!("SELECT {} FROM {rows}", columns())
}

/// What a search finds, by its relevance (which is a column more) or as sorted.
fn searched(
    search: &Search,
    condition: &Condition<'_>,
    list: &List,
    scope: &Scope<'_>,
    printer: &mut Printer<'_>,
) -> Result<String> {
    let (found, terms, more, rows) = if list.by_relevance() {
        let scored = search::scored(search, scope, printer)?;
        let terms = order::by_relevance(search::SCORE, list.after.as_ref(), scope, printer)?;
        let rows = format!("({scored}) AS h JOIN {} ON {}", from(scope.collection), search::joined(scope, printer));
        (None, terms, format!(", {}", search::SCORE), rows)
    } else {
        let found = search::found(search, scope, printer)?;
        let terms = order::terms(&list.sort, list.after.as_ref(), scope, printer)?;
        (Some(found), terms, String::new(), from(scope.collection))
    };
    let holds = (*condition != Condition::True).then(|| printer.condition(condition, scope));
    let conditions: Vec<String> = found.into_iter().chain(holds).chain(order::after(&terms)).collect();
    Ok(format!(
        "SELECT {}{more} FROM {rows} WHERE {} {} LIMIT {}",
        columns(),
        and(&conditions),
        order::order_by(terms.iter().map(|term| (term.sql.as_str(), term.descending))),
        u64::from(list.limit) + 1
    ))
}

/// Each branch gives its own first rows, in order; the union drops what several gave and keeps the first of all.
fn union(
    branches: &[Condition<'_>],
    terms: &[Term],
    limit: u64,
    scope: &Scope<'_>,
    printer: &mut Printer<'_>,
) -> String {
    let order_columns: Vec<String> =
        terms.iter().enumerate().map(|(place, term)| format!("{} AS o{place}", term.sql)).collect();
    let selects: Vec<String> = branches
        .iter()
        .map(|branch| {
            let rows = ordered_rows(branch, terms, limit, scope, printer);
            format!("SELECT * FROM (SELECT {} FROM {rows}) AS {}", order_columns.join(", "), printer.alias('b'))
        })
        .collect();
    let names: Vec<String> = (0..terms.len()).map(|place| format!("o{place}")).collect();
    let order = |prefix: &str| {
        let names: Vec<String> = names.iter().map(|name| format!("{prefix}{name}")).collect();
        order::order_by(names.iter().zip(terms).map(|(name, term)| (name.as_str(), term.descending)))
    };
    format!(
        "SELECT {columns} FROM (SELECT {names} FROM ({union}) AS u {inner} LIMIT {limit}) AS u \
         JOIN {table} AS {TABLE} ON {TABLE}.id = u.o{id} {outer}",
        columns = columns(),
        names = names.join(", "),
        union = selects.join(" UNION "),
        inner = order(""),
        table = table_of(scope.collection),
        id = terms.len() - 1,
        outer = order("u."),
    )
}

/// `table WHERE … ORDER BY … LIMIT …`
fn ordered_rows(
    condition: &Condition<'_>,
    terms: &[Term],
    limit: u64,
    scope: &Scope<'_>,
    printer: &mut Printer<'_>,
) -> String {
    let holds = (*condition != Condition::True).then(|| printer.condition(condition, scope));
    let conditions: Vec<String> = holds.into_iter().chain(order::after(terms)).collect();
    format!(
        "{} WHERE {} {} LIMIT {limit}",
        from(scope.collection),
        and(&conditions),
        order::order_by(terms.iter().map(|term| (term.sql.as_str(), term.descending)))
    )
}

pub(super) fn from(collection: &Collection) -> String {
    format!("{} AS {TABLE}", table_of(collection))
}

pub(super) fn columns() -> String {
    COLUMNS.map(|column| format!("{TABLE}.{column}")).join(", ")
}

pub(super) fn decode(list: &List, rows: &[Row]) -> Result<(Vec<Document>, Option<Keyset>)> {
    let limit = usize::try_from(list.limit).unwrap_or(usize::MAX);
    let documents = rows.iter().take(limit).map(|row| document(row)).collect::<Result<Vec<_>>>()?;
    let more = rows.len() > limit;
    let next = documents.last().filter(|_| more).map(|document| {
        match rows.get(limit - 1).and_then(|row| row.get(COLUMNS.len())) {
            Some(score) if list.by_relevance() => order::relevance_keyset(document, score),
            _ => order::keyset(document, &list.sort),
        }
    });
    Ok((documents, next))
}

/// As [`decode`], with each document as its flat JSON text, which nothing has to look inside of.
pub(super) fn decode_texts(list: &List, rows: &[Row]) -> Result<(Vec<String>, Option<Keyset>)> {
    let limit = usize::try_from(list.limit).unwrap_or(usize::MAX);
    let page = &rows[..rows.len().min(limit)];
    let documents = page.iter().map(|row| flat_text(row)).collect::<Result<Vec<_>>>()?;
    let end = page.last().filter(|_| rows.len() > limit).map(|row| document(row)).transpose()?;
    Ok((documents, end.map(|end| order::keyset(&end, &list.sort))))
}

fn flat_text(row: &[SqlValue]) -> Result<String> {
    match columns_of(row)? {
        [id, rev, created_at, updated_at, data] if !has_long_number(data) => {
            Ok(spliced([id, rev, created_at, updated_at], data))
        }
        _ => serde_json::to_string(&document(row)?.into_flat()).map_err(Error::internal),
    }
}

/// Whether there may be a number that [`canonicalise`] changes: one with more digits than an `i64` has.
fn has_long_number(json: &str) -> bool {
    let mut digits = 0;
    json.bytes().any(|byte| {
        digits = if byte.is_ascii_digit() { digits + 1 } else { 0 };
        digits >= 19
    })
}

fn columns_of(row: &[SqlValue]) -> Result<[&str; 5]> {
    match row {
        [
            SqlValue::Text(id),
            SqlValue::Text(rev),
            SqlValue::Text(created_at),
            SqlValue::Text(updated_at),
            SqlValue::Text(data),
            ..,
        ] => Ok([id, rev, created_at, updated_at, data]),
        _ => Err(Error::internal("a document's row has other columns")),
    }
}

pub(super) fn document(row: &[SqlValue]) -> Result<Document> {
    let [id, rev, created_at, updated_at, data] = columns_of(row)?;
    let mut data: Map<String, Value> = serde_json::from_str(data).map_err(Error::internal)?;
    data.values_mut().for_each(canonicalise);
    let time = |text: &str| Timestamp::parse(text).ok_or_else(|| Error::internal(format!("not a time: {text:?}")));
    Ok(Document {
        id: DocumentId::parse(id)?,
        rev: Rev::parse(rev)?,
        created_at: time(created_at)?,
        updated_at: time(updated_at)?,
        data,
    })
}

/// PostgreSQL writes large floats as integers.
pub(super) fn canonicalise(value: &mut Value) {
    match value {
        Value::Number(number) if number.as_i64().is_none() => {
            if let Some(canonical) = number.as_f64().and_then(basalt_core::json::canonical_f64) {
                *number = canonical;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(canonicalise),
        Value::Object(map) => map.values_mut().for_each(canonicalise),
        Value::Number(_) | Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

/// All rows of the branches, each once: `columns` have to tell rows apart where there are several branches.
pub(super) fn rows(branches: &[Condition<'_>], columns: &str, scope: &Scope<'_>, printer: &mut Printer<'_>) -> String {
    let branches = if branches.is_empty() { &[Condition::False] } else { branches };
    let selects: Vec<String> = branches
        .iter()
        .map(|branch| {
            format!("SELECT {columns} FROM {} WHERE {}", from(scope.collection), printer.condition(branch, scope))
        })
        .collect();
    selects.join(" UNION ")
}
