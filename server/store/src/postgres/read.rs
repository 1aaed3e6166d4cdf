//! The multi-get: everything that a round of decisions asks for, in one statement and so in one snapshot.

use std::collections::BTreeMap;
use std::sync::Arc;

use basalt_core::{Document, DocumentId, Error, Result, Rev, Timestamp};
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Row as _};

use super::error::map;
use super::value;
use crate::decide::{Cell, CellKey, Found, Read, View};
use crate::keys;
use crate::known::{Known, Tables};
use crate::query::{decode_holders, holders_statement};
use crate::sql::Dialect;

/// What was read, to be checked by the commit.
#[derive(Default)]
pub(crate) struct Expectations {
    pub(crate) documents: Vec<ExpectedDocument>,
    pub(crate) holders: Vec<ExpectedHolder>,
    /// With the version of the row, 0 where there is none.
    pub(crate) cells: Vec<(CellKey, i64)>,
}

pub(crate) struct ExpectedDocument {
    pub(crate) tables: Arc<Tables>,
    pub(crate) id: DocumentId,
    pub(crate) rev: Option<Rev>,
}

pub(crate) struct ExpectedHolder {
    pub(crate) tables: Arc<Tables>,
    /// The number of the index among its collection's unique ones.
    pub(crate) index: usize,
    pub(crate) key: Vec<u8>,
    pub(crate) holder: Option<DocumentId>,
}

impl Expectations {
    pub(crate) fn of_cells_alone(&self) -> bool {
        self.documents.is_empty() && self.holders.is_empty()
    }
}

/// One part of the statement: a table's documents, a unique index's holders, or cells.
enum Part {
    Documents { tables: Arc<Tables>, ids: Vec<DocumentId> },
    Holders { tables: Arc<Tables>, index: usize, keys: Vec<Vec<u8>> },
    Cells { keys: Vec<CellKey> },
}

/// Reads into the view.
pub(crate) async fn read(
    connection: &mut PgConnection,
    known: &Known,
    reads: Vec<Read>,
    now: Timestamp,
    (view, expectations): (&mut View, &mut Expectations),
) -> Result<()> {
    let (new, reads): (Vec<Read>, Vec<Read>) = reads.into_iter().partition(|read| matches!(read, Read::New { .. }));
    for read in new {
        view.insert(read, Found::Document(None));
    }
    let (of_the_first, reads): (Vec<Read>, Vec<Read>) = reads.into_iter().partition(Read::is_of_the_first);
    for read in of_the_first {
        let statement = holders_statement(&known.catalog, &read, Dialect::Postgres)?;
        let rows = value::run(connection, &statement).await.map_err(|error| map(&error))?;
        view.insert(read, Found::Holders(decode_holders(&value::rows(&rows)?)?));
    }
    if reads.is_empty() {
        return Ok(());
    }
    let parts = parts(known, reads)?;
    let rows = fetch(connection, &parts).await.map_err(|error| map(&error))?;
    let mut by_part: Vec<Vec<PgRow>> = parts.iter().map(|_| Vec::new()).collect();
    for row in rows {
        let part: i32 = row.try_get(0).map_err(|error| map(&error))?;
        let rows = usize::try_from(part).ok().and_then(|part| by_part.get_mut(part));
        rows.ok_or_else(|| Error::internal("an answer to no question"))?.push(row);
    }
    for (part, rows) in parts.into_iter().zip(by_part) {
        match part {
            Part::Documents { tables, ids } => documents(&tables, ids, &rows, view, expectations)?,
            Part::Holders { tables, index, keys } => holders(&tables, index, keys, &rows, view, expectations)?,
            Part::Cells { keys } => cells(keys, &rows, now, view, expectations)?,
        }
    }
    Ok(())
}

/// Locks the cells among the reads that are there, in the order in which commits lock them, so that they stay as they are
/// read. Not a part of the reading statement, which would read what was there before it had the locks.
pub(crate) async fn lock_cells(connection: &mut PgConnection, reads: &[Read]) -> Result<()> {
    let keys = || reads.iter().filter_map(|read| if let Read::Cell(key) = read { Some(key) } else { None });
    if keys().next().is_none() {
        return Ok(());
    }
    let lock = sqlx::query(
        "SELECT 1 FROM unnest($1::text[], $2::text[]) AS e (space, k) JOIN cells c ON c.space = e.space AND \
         c.cell_key = e.k ORDER BY c.space, c.cell_key FOR UPDATE OF c",
    );
    let lock = lock.bind(keys().map(|key| key.space).collect::<Vec<_>>());
    let lock = lock.bind(keys().map(|key| key.key.as_str()).collect::<Vec<_>>());
    lock.execute(connection).await.map(|_| ()).map_err(|error| map(&error))
}

fn parts(known: &Known, reads: Vec<Read>) -> Result<Vec<Part>> {
    let mut parts: Vec<Part> = Vec::new();
    for read in reads {
        let part = parts.iter_mut().find_map(|part| part.takes(&read));
        match (read, part) {
            (Read::Document { id, .. }, Some(Taking::Ids(ids))) => ids.push(id),
            (Read::Unique { key, .. }, Some(Taking::Keys(keys))) => keys.push(key),
            (Read::Cell(key), Some(Taking::Cells(keys))) => keys.push(key),
            (read, _) => parts.push(Part::new(known, read)?),
        }
    }
    Ok(parts)
}

/// Where a part takes a further read of its kind.
enum Taking<'a> {
    Ids(&'a mut Vec<DocumentId>),
    Keys(&'a mut Vec<Vec<u8>>),
    Cells(&'a mut Vec<CellKey>),
}

impl Part {
    fn new(known: &Known, read: Read) -> Result<Self> {
        Ok(match read {
            Read::Document { collection, id } => {
                Self::Documents { tables: Arc::clone(known.tables(&collection)?), ids: vec![id] }
            }
            Read::Unique { collection, index, key } => {
                let tables = Arc::clone(known.tables(&collection)?);
                let number = tables.unique.iter().position(|unique| unique.name == index);
                let index = number.ok_or_else(|| Error::internal(format!("{collection} has no unique {index}")))?;
                Self::Holders { tables, index, keys: vec![key] }
            }
            Read::Cell(key) => Self::Cells { keys: vec![key] },
            Read::New { .. } | Read::Holders { .. } => {
                return Err(Error::internal("new documents and holders are read by themselves"));
            }
        })
    }

    fn takes(&mut self, read: &Read) -> Option<Taking<'_>> {
        match (self, read) {
            (Self::Documents { tables, ids }, Read::Document { collection, .. }) if tables.name == *collection => {
                Some(Taking::Ids(ids))
            }
            (Self::Holders { tables, index, keys }, Read::Unique { collection, index: name, .. })
                if tables.name == *collection && tables.unique[*index].name == *name =>
            {
                Some(Taking::Keys(keys))
            }
            (Self::Cells { keys }, Read::Cell(_)) => Some(Taking::Cells(keys)),
            _ => None,
        }
    }
}

/// A column of one index's keys.
type KeyColumn<'a> = Vec<&'a [u8]>;

async fn fetch(connection: &mut PgConnection, parts: &[Part]) -> sqlx::Result<Vec<PgRow>> {
    let mut sql = Vec::new();
    let mut parameter = 0;
    let mut next = || {
        parameter += 1;
        parameter
    };
    for (n, part) in parts.iter().enumerate() {
        sql.push(match part {
            Part::Documents { tables, .. } => format!(
                "SELECT {n}::int4, d.id, d.rev, d.created_at, d.updated_at, d.data::text, NULL::int8, NULL::int8 \
                 FROM {} d WHERE d.id = ANY(${})",
                tables.documents,
                next()
            ),
            Part::Holders { tables, index, .. } => holders_sql(n, tables, *index, &mut next),
            Part::Cells { .. } => format!(
                "SELECT {n}::int4, c.space, c.cell_key, NULL, NULL, c.value, c.version, c.expires_at \
                 FROM unnest(${}::text[], ${}::text[]) AS e (space, k) JOIN cells c ON c.space = e.space AND \
                 c.cell_key = e.k",
                next(),
                next()
            ),
        });
    }
    let mut query = sqlx::query(AssertSqlSafe(sql.join(" UNION ALL ")));
    for part in parts {
        match part {
            Part::Documents { ids, .. } => {
                query = query.bind(ids.iter().map(DocumentId::as_str).collect::<Vec<_>>());
            }
            Part::Holders { tables, index, keys } => {
                for column in columns(keys, tables.unique[*index].columns.len()) {
                    query = query.bind(column);
                }
            }
            Part::Cells { keys } => {
                query = query.bind(keys.iter().map(|key| key.space).collect::<Vec<_>>());
                query = query.bind(keys.iter().map(|key| key.key.as_str()).collect::<Vec<_>>());
            }
        }
    }
    query.fetch_all(connection).await
}

fn holders_sql(n: usize, tables: &Tables, index: usize, next: &mut impl FnMut() -> usize) -> String {
    let columns = &tables.unique[index].columns;
    let arrays: Vec<String> = columns.iter().map(|_| format!("${}::bytea[]", next())).collect();
    let names: Vec<String> = (0..columns.len()).map(|n| format!("a{n}")).collect();
    let equal: Vec<String> =
        columns.iter().zip(&names).map(|(column, name)| format!("d.{column} = e.{name}")).collect();
    format!(
        "SELECT {n}::int4, d.id, NULL, NULL, NULL, NULL, e.n, NULL::int8 FROM unnest({}) WITH ORDINALITY AS e ({}, n) \
         JOIN {} d ON {}",
        arrays.join(", "),
        names.join(", "),
        tables.documents,
        equal.join(" AND ")
    )
}

/// The n-th parts of all keys, for each n. A malformed key matches nothing.
pub(crate) fn columns(keys: &[Vec<u8>], width: usize) -> Vec<KeyColumn<'_>> {
    let mut columns: Vec<KeyColumn<'_>> = (0..width).map(|_| Vec::with_capacity(keys.len())).collect();
    for key in keys {
        let parts = keys::split_unique(key).unwrap_or_default();
        for (n, column) in columns.iter_mut().enumerate() {
            column.push(parts.get(n).copied().unwrap_or_default());
        }
    }
    columns
}

fn documents(
    tables: &Arc<Tables>,
    ids: Vec<DocumentId>,
    rows: &[PgRow],
    view: &mut View,
    expectations: &mut Expectations,
) -> Result<()> {
    let mut found: BTreeMap<DocumentId, Document> = BTreeMap::new();
    for row in rows {
        let document = document(row, 1)?;
        found.insert(document.id.clone(), document);
    }
    for id in ids {
        let document = found.remove(&id);
        let rev = document.as_ref().map(|document| document.rev.clone());
        expectations.documents.push(ExpectedDocument { tables: Arc::clone(tables), id: id.clone(), rev });
        view.insert(Read::Document { collection: tables.name.clone(), id }, Found::Document(document));
    }
    Ok(())
}

/// The columns id, rev, created_at, updated_at, data from `first` on.
pub(crate) fn document(row: &PgRow, first: usize) -> Result<Document> {
    let text = |n: usize| row.try_get::<&str, _>(first + n).map_err(|error| map(&error));
    let time = |n: usize| Timestamp::parse(text(n)?).ok_or_else(|| Error::internal("a stored time is odd"));
    // Canonical: jsonb writes a float beyond i64 without an exponent.
    let data = basalt_core::json::parse_object(text(4)?.as_bytes()).map_err(Error::internal)?;
    let (id, rev) = (DocumentId::parse(text(0)?)?, Rev::parse(text(1)?)?);
    Ok(Document { id, rev, created_at: time(2)?, updated_at: time(3)?, data })
}

fn holders(
    tables: &Arc<Tables>,
    index: usize,
    keys: Vec<Vec<u8>>,
    rows: &[PgRow],
    view: &mut View,
    expectations: &mut Expectations,
) -> Result<()> {
    let mut found: BTreeMap<usize, DocumentId> = BTreeMap::new();
    for row in rows {
        let number: i64 = row.try_get(6).map_err(|error| map(&error))?;
        let id: &str = row.try_get(1).map_err(|error| map(&error))?;
        found.insert(usize::try_from(number).unwrap_or_default(), DocumentId::parse(id)?);
    }
    let name = &tables.unique[index].name;
    for (number, key) in (1..).zip(keys) {
        let holder = found.remove(&number);
        let (key_read, held) = (key.clone(), holder.clone());
        expectations.holders.push(ExpectedHolder { tables: Arc::clone(tables), index, key: key_read, holder: held });
        let read = Read::Unique { collection: tables.name.clone(), index: name.clone(), key };
        view.insert(read, Found::Holder(holder));
    }
    Ok(())
}

fn cells(
    keys: Vec<CellKey>,
    rows: &[PgRow],
    now: Timestamp,
    view: &mut View,
    expectations: &mut Expectations,
) -> Result<()> {
    let mut found: BTreeMap<(&str, &str), &PgRow> = BTreeMap::new();
    for row in rows {
        let text = |n: usize| row.try_get::<&str, _>(n).map_err(|error| map(&error));
        found.insert((text(1)?, text(2)?), row);
    }
    for key in keys {
        let row = found.get(&(key.space, key.key.as_str()));
        let version = row.map(|row| row.try_get::<i64, _>(6)).transpose().map_err(|error| map(&error))?;
        let cell = row.map(|row| cell(row, now)).transpose()?.flatten();
        expectations.cells.push((key.clone(), version.unwrap_or(0)));
        view.insert(Read::Cell(key), Found::Cell(cell));
    }
    Ok(())
}

/// `None` if it is over (a placeholder always is).
fn cell(row: &PgRow, now: Timestamp) -> Result<Option<Cell>> {
    let expires_at: Option<i64> = row.try_get(7).map_err(|error| map(&error))?;
    let expires_at = expires_at.map(Timestamp::from_millis);
    if expires_at.is_some_and(|at| at <= now) {
        return Ok(None);
    }
    let value: &str = row.try_get(5).map_err(|error| map(&error))?;
    Ok(Some(Cell { value: serde_json::from_str(value).map_err(Error::internal)?, expires_at }))
}
