//! Filling key columns and side tables from documents that were there before them, in steps that are bounded by rows,
//! bytes and values, so that each ends in time whatever the documents are like.

use std::time::Duration;

use basalt_core::{Code, Document, Error, Result};

use crate::catalog::{Collection, Index, IndexKind, IndexState, KeyColumn};
use crate::driver::Driver;
use crate::keys;
use crate::known::on_conflict;
use crate::query::decode_document;
use crate::shared::Shared;
use crate::sql::{Dialect, Row, SqlValue, Statement};

/// Documents of one step at most.
const STEP_ROWS: usize = 500;
/// Bytes of one step's documents, as they are stored, where it has more than one.
const STEP_BYTES: i64 = 4 << 20;
/// Values of one statement: SQLite takes 32,766, PostgreSQL 65,535.
const STATEMENT_VALUES: usize = 30_000;
/// Rows of one multi-row statement into a side table.
const SIDE_ROWS: usize = 2_000;
/// Steps in a row that may find the database busy.
const BUSY_STEPS: u32 = 20;
const BUSY_PAUSE: Duration = Duration::from_millis(250);

/// Writes the keys of documents that were there before their columns or side tables. A document that is written
/// meanwhile brings its own keys along, and is left alone here because its rev is another by then.
pub(crate) async fn fill(driver: &Driver, shared: &Shared, collection: &Collection) -> Result<()> {
    let columns: Vec<_> = collection.key_columns.iter().filter(|column| !column.ready).collect();
    let kinds = [IndexKind::Contains, IndexKind::Vector, IndexKind::Search];
    let sides: Vec<&Index> = kinds.into_iter().flat_map(|kind| building(collection, kind)).collect();
    if columns.is_empty() && sides.is_empty() {
        return Ok(());
    }
    let filling = Filling { driver, shared, table: format!("c_{}", collection.short_id), columns, sides };
    let mut pace = Pace { rows: STEP_ROWS, busy: 0 };
    let mut after = String::new();
    loop {
        match filling.step(&after, pace.rows).await {
            Ok(Some(last)) => {
                after = last;
                pace.went_well();
            }
            Ok(None) => return Ok(()),
            Err(error) => match pace.after(&error) {
                Next::Again(pause) => tokio::time::sleep(pause).await,
                Next::GiveUp => return Err(error),
            },
        }
    }
}

pub(crate) fn building(collection: &Collection, kind: IndexKind) -> impl Iterator<Item = &Index> {
    collection.indexes.iter().filter(move |index| index.spec.kind == kind && index.state == IndexState::Building)
}

/// How large the steps are.
struct Pace {
    rows: usize,
    /// Steps in a row that found the database busy.
    busy: u32,
}

#[derive(Debug, PartialEq)]
enum Next {
    Again(Duration),
    GiveUp,
}

impl Pace {
    fn went_well(&mut self) {
        self.rows = (self.rows * 2).min(STEP_ROWS);
        self.busy = 0;
    }

    /// A step that was too large is taken again in halves; one that others were in the way of, as it was.
    fn after(&mut self, error: &Error) -> Next {
        match error.code() {
            Code::Timeout | Code::TooLarge if self.rows > 1 => {
                self.rows /= 2;
                Next::Again(Duration::ZERO)
            }
            Code::Overloaded if self.busy < BUSY_STEPS => {
                self.busy += 1;
                Next::Again(BUSY_PAUSE)
            }
            _ => Next::GiveUp,
        }
    }
}

struct Filling<'a> {
    driver: &'a Driver,
    shared: &'a Shared,
    table: String,
    columns: Vec<&'a KeyColumn>,
    sides: Vec<&'a Index>,
}

impl Filling<'_> {
    /// Fills some documents after this id; answers the id up to which all are filled, `None` after the last.
    async fn step(&self, after: &str, rows: usize) -> Result<Option<String>> {
        let Some(window) = self.window(after, rows).await? else { return Ok(None) };
        if window.unfilled == 0 {
            return Ok(Some(window.last));
        }
        if self.shared.hooks.slow_fill.is_some_and(|most| window.unfilled > most) {
            return Err(Error::new(Code::Timeout, "The query took too long."));
        }
        let sql = format!(
            "SELECT id, rev, created_at, updated_at, data FROM {} WHERE id > $1 AND id <= $2 AND {} ORDER BY id \
             LIMIT {rows}",
            self.table,
            self.unfilled()
        );
        let read = self.driver.read_one(&sql, vec![after.into(), window.last.as_str().into()]).await?;
        let documents = read.iter().map(|row| decode_document(row)).collect::<Result<Vec<_>>>()?;
        let Some(last) = documents.last() else { return Ok(Some(window.last)) };
        // Others may have come into the window meanwhile.
        let reached = if documents.len() == rows { last.id.to_string() } else { window.last };
        self.driver.write_alone(self.statements(&documents)).await?;
        Ok(Some(reached))
    }

    /// What may be taken as one step, by what the documents weigh. It looks at each row, filled or not, so that it ends
    /// however few are left to fill.
    async fn window(&self, after: &str, rows: usize) -> Result<Option<Window>> {
        let sql = format!(
            "SELECT id, CASE WHEN {} THEN {} ELSE -1 END FROM {} WHERE id > $1 ORDER BY id LIMIT {rows}",
            self.unfilled(),
            self.driver.dialect().stored_size("data"),
            self.table
        );
        Ok(Window::of(&self.driver.read_one(&sql, vec![after.into()]).await?))
    }

    fn unfilled(&self) -> String {
        if !self.sides.is_empty() {
            return "1 = 1".to_owned();
        }
        let nulls: Vec<String> = self.columns.iter().map(|column| format!("{} IS NULL", column.column)).collect();
        format!("({})", nulls.join(" OR "))
    }

    fn statements(&self, documents: &[Document]) -> Vec<Statement> {
        let dialect = self.driver.dialect();
        let mut statements = Vec::new();
        if !self.columns.is_empty() {
            let rows = (STATEMENT_VALUES / (self.columns.len() + 2)).max(1);
            let fill = |documents: &[Document]| fill_columns(&self.table, &self.columns, documents, dialect);
            statements.extend(documents.chunks(rows).map(fill));
        }
        for side in &self.sides {
            statements.extend(match side.spec.kind {
                IndexKind::Search => crate::search::fill(&self.table, side, documents, dialect),
                _ => fill_side(&self.table, side, documents, dialect),
            });
        }
        statements
    }
}

/// Documents that are taken at once: those up to an id.
#[derive(Debug, PartialEq)]
struct Window {
    last: String,
    unfilled: usize,
}

impl Window {
    /// Of rows of an id and what its document weighs (negative: it is filled); as many as are light enough.
    fn of(rows: &[Row]) -> Option<Self> {
        let (mut window, mut bytes) = (None, 0);
        for row in rows {
            let Some(id) = row.first().and_then(SqlValue::as_text) else { continue };
            let weight = row.get(1).and_then(SqlValue::as_int).unwrap_or(0);
            bytes += weight.max(0);
            let Self { unfilled, .. } = *window.get_or_insert(Self { last: String::new(), unfilled: 0 });
            if bytes > STEP_BYTES && unfilled > 0 {
                break;
            }
            window = Some(Self { last: id.to_owned(), unfilled: unfilled + usize::from(weight >= 0) });
        }
        window
    }
}

fn fill_columns(table: &str, columns: &[&KeyColumn], documents: &[Document], dialect: Dialect) -> Statement {
    let mut values = Vec::with_capacity(documents.len() * (columns.len() + 2));
    for document in documents {
        values.push(document.id.as_str().into());
        values.push(document.rev.as_str().into());
        values.extend(columns.iter().map(|column| SqlValue::Bytes(keys::of_column(document, column))));
    }
    let names: Vec<String> = columns.iter().map(|column| column.column.clone()).collect();
    let set: Vec<String> = names.iter().map(|name| format!("{name} = v.{name}")).collect();
    let sql = format!(
        "WITH v (id, rev, {}) AS (VALUES {}) UPDATE {table} SET {} FROM v WHERE {table}.id = v.id AND {table}.rev = v.rev",
        names.join(", "),
        tuples(documents.len(), columns.len() + 2),
        set.join(", ")
    );
    Statement { sql: dialect.sql(&sql), values }
}

fn fill_side(table: &str, index: &Index, documents: &[Document], dialect: Dialect) -> Vec<Statement> {
    let Some(field) = index.spec.fields.first() else { return Vec::new() };
    let mut rows: Vec<[SqlValue; 3]> = Vec::new();
    for document in documents {
        for key in keys::beside(document, &field.path, index.spec.kind) {
            rows.push([document.id.as_str().into(), document.rev.as_str().into(), SqlValue::Bytes(key)]);
        }
    }
    let (side, conflict) = (&index.name, on_conflict(index.spec.kind));
    let insert = |rows: &[[SqlValue; 3]]| {
        let sql = format!(
            "WITH v (id, rev, k) AS (VALUES {}) INSERT INTO {side} (k, id) SELECT v.k, v.id FROM v JOIN {table} d \
             ON d.id = v.id AND d.rev = v.rev WHERE 1 = 1 {conflict}",
            tuples(rows.len(), 3)
        );
        Statement { sql: dialect.sql(&sql), values: rows.iter().flatten().cloned().collect() }
    };
    rows.chunks(SIDE_ROWS).map(insert).collect()
}

/// `($1, $2), ($3, $4)` …
pub(crate) fn tuples(rows: usize, columns: usize) -> String {
    let tuple = |row: usize| {
        let values: Vec<String> = (1..=columns).map(|column| format!("${}", row * columns + column)).collect();
        format!("({})", values.join(", "))
    };
    (0..rows).map(tuple).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(weights: &[i64]) -> Option<Window> {
        let row = |(n, weight): (usize, &i64)| vec![format!("n{n}").into(), (*weight).into()];
        Window::of(&weights.iter().enumerate().map(row).collect::<Vec<_>>())
    }

    #[test]
    fn a_window_ends_before_it_is_too_heavy_and_has_at_least_one() {
        let of = |last: &str, unfilled| Some(Window { last: last.into(), unfilled });
        assert_eq!(window(&[]), None);
        assert_eq!(window(&[1, 1, 1]), of("n2", 3));
        assert_eq!(window(&[STEP_BYTES * 9, 1]), of("n0", 1));
        assert_eq!(window(&[STEP_BYTES / 2, STEP_BYTES / 2, 1]), of("n1", 2));
        assert_eq!(window(&[-1, -1, -1]), of("n2", 0), "what is filled weighs nothing");
        assert_eq!(window(&[-1, STEP_BYTES * 2, 1]), of("n1", 1));
    }

    #[test]
    fn steps_are_halved_down_to_one_document_and_grow_again() {
        let mut pace = Pace { rows: STEP_ROWS, busy: 0 };
        let late = Error::new(Code::Timeout, "late");
        let mut halvings = 0;
        while pace.after(&late) != Next::GiveUp {
            halvings += 1;
        }
        assert_eq!((pace.rows, halvings), (1, 8));
        pace.went_well();
        assert_eq!(pace.rows, 2);
        assert_eq!(pace.after(&Error::internal("odd")), Next::GiveUp);
    }

    #[test]
    fn a_busy_database_is_waited_for_but_not_for_ever() {
        let mut pace = Pace { rows: 10, busy: 0 };
        let busy = Error::new(Code::Overloaded, "busy");
        for _ in 0..BUSY_STEPS {
            assert_eq!(pace.after(&busy), Next::Again(BUSY_PAUSE));
        }
        assert_eq!(pace.after(&busy), Next::GiveUp);
        assert_eq!(pace.rows, 10);
    }
}
