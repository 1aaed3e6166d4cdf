//! Connections, and statements on them.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use basalt_core::{Document, DocumentId, Error, Result, Rev, Timestamp};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, OptionalExtension};

use super::error::map;
use crate::decide::{Cell, CellKey, Found, Read};
use crate::keys;
use crate::known::Known;
use crate::query::{decode_holders, holders_statement, prepare_sqlite};
use crate::sql::{Dialect, Row, SqlValue, Statement};

const CACHED_STATEMENTS: usize = 512;
/// A statement with more values than these is one of a size that varies: it is prepared for this once.
const CACHED_VALUES: usize = 16;
/// A reader may hold up a schema change for a moment.
pub(crate) const WRITER_PATIENCE: Duration = Duration::from_secs(2);
/// Pages of the write-ahead log after which a writer that nobody does it for writes them back.
const CHECKPOINT_PAGES: u32 = 4_000;

/// The write-ahead log's file is left so long: what is cut grows again under the next writes, which took a fifth of them.
/// Above this the log is written back and cut by force.
pub(super) const LOG_BYTES: u64 = 64 << 20;

/// What a connection promises at a commit.
#[derive(Clone, Copy)]
pub(crate) enum Durability {
    /// An answered commit survives a power loss.
    Full,
    /// The last commits may be lost in a power loss; the file stays sound.
    Normal,
}

pub(crate) fn open_writer(path: &Path, durability: Durability) -> Result<Connection> {
    // SQLite gives the log files the mode of the database file.
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path);
    let file = file.map_err(|error| cannot_open(path, &error))?;
    let is_new = file.metadata().is_ok_and(|metadata| metadata.len() == 0);
    drop(file);
    let flags = flags(OpenFlags::SQLITE_OPEN_READ_WRITE);
    let connection = match basalt_wal::vfs() {
        Some(vfs) => Connection::open_with_flags_and_vfs(path, flags, vfs),
        None => Connection::open_with_flags(path, flags),
    };
    let connection = connection.map_err(|e| map(&e))?;
    if is_new {
        // There is nothing yet that could be rolled back: without a journal it is one sync instead of four.
        connection
            .execute_batch("PRAGMA journal_mode = OFF; PRAGMA journal_mode = WAL;")
            .map_err(|error| map(&error))?;
    }
    let synchronous = match durability {
        Durability::Full => "FULL",
        Durability::Normal => "NORMAL",
    };
    connection
        .execute_batch(&format!(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = {synchronous}; PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}; \
             PRAGMA journal_size_limit = {LOG_BYTES}; PRAGMA foreign_keys = OFF; PRAGMA cache_size = -65536; \
             PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF;"
        ))
        .map_err(|error| map(&error))?;
    connection.busy_timeout(WRITER_PATIENCE).map_err(|error| map(&error))?;
    prepare_sqlite(&connection).map_err(|error| map(&error))?;
    connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    Ok(connection)
}

/// From now on another thread syncs the disk after this connection's commits, and a third writes the log back.
pub(crate) fn leave_the_disk_to_others(connection: &Connection) -> Result<()> {
    connection.execute_batch("PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0;").map_err(|error| map(&error))
}

/// For checkpoints alone.
pub(crate) fn open_checkpointer(path: &Path) -> Result<Connection> {
    let connection =
        Connection::open_with_flags(path, flags(OpenFlags::SQLITE_OPEN_READ_WRITE)).map_err(|e| map(&e))?;
    connection.execute_batch("PRAGMA synchronous = NORMAL; PRAGMA cache_size = -256;").map_err(|error| map(&error))?;
    Ok(connection)
}

pub(crate) fn open_reader(path: &Path) -> Result<Connection> {
    let connection = Connection::open_with_flags(path, flags(OpenFlags::SQLITE_OPEN_READ_ONLY)).map_err(|e| map(&e))?;
    connection
        .execute_batch("PRAGMA query_only = ON; PRAGMA cache_size = -8192; PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF;")
        .map_err(|error| map(&error))?;
    connection.busy_timeout(std::time::Duration::from_secs(2)).map_err(|error| map(&error))?;
    prepare_sqlite(&connection).map_err(|error| map(&error))?;
    connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    Ok(connection)
}

/// Each connection is used by one thread at a time, so SQLite's own mutex is not needed.
fn flags(access: OpenFlags) -> OpenFlags {
    access | OpenFlags::SQLITE_OPEN_NO_MUTEX
}

pub(crate) fn cannot_open(path: &Path, error: &std::io::Error) -> Error {
    Error::new(basalt_core::Code::Unavailable, format!("{} can't be opened: {error}.", path.display()))
}

/// Runs a statement to its end.
pub(crate) fn run(connection: &Connection, statement: &Statement) -> rusqlite::Result<Vec<Row>> {
    if statement.values.len() > CACHED_VALUES {
        return run_prepared(&mut connection.prepare(&statement.sql)?, &statement.values);
    }
    run_prepared(&mut *connection.prepare_cached(&statement.sql)?, &statement.values)
}

fn run_prepared(prepared: &mut rusqlite::Statement<'_>, values: &[SqlValue]) -> rusqlite::Result<Vec<Row>> {
    for (n, value) in values.iter().enumerate() {
        bind(prepared, n + 1, value)?;
    }
    let columns = prepared.column_count();
    let mut rows = prepared.raw_query();
    let mut out = Vec::new();
    // To the end: a statement that is reset half-way skips the automatic checkpoint.
    while let Some(row) = rows.next()? {
        out.push((0..columns).map(|n| row.get_ref(n).map(value)).collect::<rusqlite::Result<Row>>()?);
    }
    Ok(out)
}

/// Shows each row's id and bytes, without copying them.
pub(crate) fn each(
    connection: &Connection,
    statement: &Statement,
    mut see: impl FnMut(&str, &[u8]),
) -> rusqlite::Result<()> {
    let mut prepared = connection.prepare_cached(&statement.sql)?;
    for (n, value) in statement.values.iter().enumerate() {
        bind(&mut prepared, n + 1, value)?;
    }
    let mut rows = prepared.raw_query();
    while let Some(row) = rows.next()? {
        see(row.get_ref(0)?.as_str()?, row.get_ref(1)?.as_blob()?);
    }
    Ok(())
}

fn bind(prepared: &mut rusqlite::Statement<'_>, n: usize, value: &SqlValue) -> rusqlite::Result<()> {
    match value {
        SqlValue::Null => prepared.raw_bind_parameter(n, rusqlite::types::Null),
        SqlValue::Int(value) => prepared.raw_bind_parameter(n, value),
        SqlValue::Float(value) => prepared.raw_bind_parameter(n, value),
        SqlValue::Text(value) => prepared.raw_bind_parameter(n, value.as_str()),
        SqlValue::Bytes(value) => prepared.raw_bind_parameter(n, value.as_slice()),
    }
}

fn value(value: ValueRef<'_>) -> SqlValue {
    match value {
        ValueRef::Null => SqlValue::Null,
        ValueRef::Integer(value) => SqlValue::Int(value),
        ValueRef::Real(value) => SqlValue::Float(value),
        // Ours always are UTF-8, and the lossy way is slow on what needs no repair.
        ValueRef::Text(text) => SqlValue::Text(match std::str::from_utf8(text) {
            Ok(text) => text.to_owned(),
            Err(_) => String::from_utf8_lossy(text).into_owned(),
        }),
        ValueRef::Blob(bytes) => SqlValue::Bytes(bytes.to_vec()),
    }
}

/// Reads one thing.
pub(crate) fn find(connection: &Connection, known: &Known, read: &Read, now: Timestamp) -> Result<Found> {
    match read {
        Read::Document { collection, id } => {
            let sql = &known.tables(collection)?.sql.find;
            let found = document(connection, sql, id)?;
            Ok(found.map_or(Found::Document(None), |(row, document)| Found::Row(row, document)))
        }
        Read::New { .. } => Ok(Found::Document(None)),
        Read::Unique { collection, index, key } => {
            let sql = &known.tables(collection)?.unique_index(index)?.find;
            holder(connection, sql, key).map(Found::Holder)
        }
        Read::Cell(key) => cell(connection, key, now).map(Found::Cell),
        Read::Holders { .. } => {
            let statement = holders_statement(&known.catalog, read, Dialect::Sqlite)?;
            let rows = run(connection, &statement).map_err(|error| map(&error))?;
            decode_holders(&rows).map(Found::Holders)
        }
    }
}

fn document(connection: &Connection, sql: &str, id: &DocumentId) -> Result<Option<(i64, Document)>> {
    let mut statement = connection.prepare_cached(sql).map_err(|error| map(&error))?;
    let mut rows = statement.query([id.as_str()]).map_err(|error| map(&error))?;
    let Some(row) = rows.next().map_err(|error| map(&error))? else { return Ok(None) };
    let text =
        |n: usize| -> Result<&str> { row.get_ref(n).map_err(|error| map(&error))?.as_str().map_err(Error::internal) };
    let time = |n: usize| -> Result<Timestamp> {
        Timestamp::parse(text(n)?).ok_or_else(|| Error::internal("a stored time is odd"))
    };
    let document = Document {
        id: id.clone(),
        rev: Rev::parse(text(0)?)?,
        created_at: time(1)?,
        updated_at: time(2)?,
        data: serde_json::from_str(text(3)?).map_err(Error::internal)?,
    };
    Ok(Some((row.get(4).map_err(|error| map(&error))?, document)))
}

fn holder(connection: &Connection, sql: &str, key: &[u8]) -> Result<Option<DocumentId>> {
    let parts = keys::split_unique(key).ok_or_else(|| Error::internal("a unique key is malformed"))?;
    let mut statement = connection.prepare_cached(sql).map_err(|error| map(&error))?;
    if parts.len() != statement.parameter_count() {
        return Err(Error::internal("a unique key has another number of parts than its index"));
    }
    let id = statement.query_row(rusqlite::params_from_iter(parts), |row| row.get::<_, String>(0)).optional();
    id.map_err(|error| map(&error))?.map(|id| DocumentId::parse(&id)).transpose()
}

fn cell(connection: &Connection, key: &CellKey, now: Timestamp) -> Result<Option<Cell>> {
    let sql = "SELECT value, expires_at FROM cells WHERE space = ?1 AND cell_key = ?2";
    let mut statement = connection.prepare_cached(sql).map_err(|error| map(&error))?;
    let row = statement
        .query_row([key.space, key.key.as_str()], |row| Ok((row.get::<_, String>(0)?, row.get::<_, Option<i64>>(1)?)));
    let Some((value, expires_at)) = row.optional().map_err(|error| map(&error))? else { return Ok(None) };
    let expires_at = expires_at.map(Timestamp::from_millis);
    if expires_at.is_some_and(|at| at <= now) {
        return Ok(None);
    }
    Ok(Some(Cell { value: serde_json::from_str(&value).map_err(Error::internal)?, expires_at }))
}
