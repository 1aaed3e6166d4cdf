//! Writes a decided group, row by row, within the writer's transaction.

use basalt_core::change::Body;
use basalt_core::{Document, Error, Result, Seq};
use rusqlite::{CachedStatement, Connection, ToSql};

use super::error::map;
use crate::commit::{ChangeRow, DocumentState, Group, op_number};
use crate::decide::CellKey;
use crate::keys;

pub(crate) fn group(connection: &Connection, group: &Group, first_seq: Seq, total_bytes: i64) -> Result<()> {
    if group.writes_nothing() {
        return Ok(());
    }
    documents(connection, group)?;
    changes(connection, group, first_seq, total_bytes)?;
    cells(connection, group)?;
    jobs(connection, group)
}

fn documents<'c>(connection: &'c Connection, group: &'c Group) -> Result<()> {
    for state in group.documents().filter(|state| state.last.is_none()) {
        // While the row still tells which number the index has it under.
        search(connection, state)?;
        execute(connection, &state.tables.sql.delete, &[&state.id.as_str()], Rows::One)?;
        sides(connection, state)?;
    }
    for state in group.releases() {
        execute(connection, &state.tables.sql.release, &[&state.id.as_str()], Rows::One)?;
    }
    let mut statements = Statements { connection, held: None };
    for state in group.documents() {
        if let Some(last) = &state.last {
            put(&mut statements, state, &last.document, &last.data)?;
            sides(connection, state)?;
            search(connection, state)?;
        }
    }
    Ok(())
}

/// The statement that ran last: most documents of a group are written by the same one.
struct Statements<'c> {
    connection: &'c Connection,
    held: Option<(&'c str, CachedStatement<'c>)>,
}

impl<'c> Statements<'c> {
    fn of(&mut self, sql: &'c str) -> Result<&mut CachedStatement<'c>> {
        let held = match self.held.take() {
            Some(held) if std::ptr::eq(held.0, sql) => held,
            _ => (sql, self.connection.prepare_cached(sql).map_err(|error| map(&error))?),
        };
        Ok(&mut self.held.insert(held).1)
    }
}

fn put<'c>(statements: &mut Statements<'c>, state: &'c DocumentState, document: &Document, data: &str) -> Result<()> {
    let tables = &state.tables;
    let keys = keys::all(document, tables);
    let (sql, with_keys) = match &state.initial {
        None => (&tables.sql.insert, true),
        Some(initial) if !tables.filling && keys::all(initial, tables) == keys => (&tables.sql.update_body, false),
        Some(_) => (&tables.sql.update, true),
    };
    let keys = if with_keys { keys.as_slice() } else { &[] };
    let statement = statements.of(sql)?;
    let (created, updated) = (document.created_at.to_string(), document.updated_at.to_string());
    let texts = [document.id.as_str(), document.rev.as_str(), &created, &updated, data];
    for (n, text) in texts.iter().enumerate() {
        bind(statement, n, text)?;
    }
    for (n, key) in keys.iter().enumerate() {
        bind(statement, texts.len() + n, &key.as_slice())?;
    }
    if state.initial.is_some() {
        let row = state.row.ok_or_else(|| Error::internal("a document is written whose row wasn't read"))?;
        bind(statement, texts.len() + keys.len(), &row)?;
    }
    done(statement.raw_execute(), Rows::One)
}

fn sides(connection: &Connection, state: &DocumentState) -> Result<()> {
    for side in &state.tables.sides {
        let old =
            state.initial.as_ref().map(|document| keys::beside(document, &side.path, side.kind)).unwrap_or_default();
        let new =
            state.last.as_ref().map(|last| keys::beside(&last.document, &side.path, side.kind)).unwrap_or_default();
        for key in old.difference(&new) {
            execute(connection, &side.delete, &[&key.as_slice(), &state.id.as_str()], Rows::Any)?;
        }
        // While the table is being filled, elements that were there before may not be in it yet.
        for key in new.iter().filter(|key| !side.ready || !old.contains(*key)) {
            execute(connection, &side.insert, &[&key.as_slice(), &state.id.as_str()], Rows::Any)?;
        }
    }
    Ok(())
}

fn search(connection: &Connection, state: &DocumentState) -> Result<()> {
    let Some(search) = state.tables.search.as_ref().filter(|search| search.is_touched(state)) else { return Ok(()) };
    let id = state.id.as_str();
    let Some(last) = &state.last else { return execute(connection, &search.remove, &[&id], Rows::Any) };
    let texts = search.columns(&last.document);
    let values: Vec<&dyn ToSql> =
        std::iter::once(&id as &dyn ToSql).chain(texts.iter().map(|text| text as _)).collect();
    execute(connection, &search.put, &values, Rows::Any)
}

fn changes(connection: &Connection, group: &Group, first_seq: Seq, mut total_bytes: i64) -> Result<()> {
    const INSERT: &str = "INSERT INTO changes (seq, collection, id, op, after_body, before_body, actor_type, actor_id, \
                          request_id, at, total_bytes) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
    if group.changes.is_empty() {
        return Ok(());
    }
    let mut statement = connection.prepare_cached(INSERT).map_err(|error| map(&error))?;
    for (n, change) in group.changes.iter().enumerate() {
        total_bytes += i64::try_from(change.bytes()).unwrap_or(i64::MAX);
        let seq = i64::try_from(first_seq + n as Seq).map_err(Error::internal)?;
        insert_change(&mut statement, change, seq, total_bytes)?;
    }
    Ok(())
}

fn insert_change(statement: &mut CachedStatement<'_>, change: &ChangeRow, seq: i64, total_bytes: i64) -> Result<()> {
    let origin = &change.origin;
    let values: [&dyn ToSql; 11] = [
        &seq,
        &change.collection.as_str(),
        &change.id.as_str(),
        &op_number(change.op),
        &change.after.as_ref().map(Body::text),
        &change.before.as_ref().map(Body::text),
        &crate::changes::actor_text(origin.actor.kind),
        &origin.actor.id,
        &origin.request_id,
        &origin.at.millis(),
        &total_bytes,
    ];
    for (n, value) in values.iter().enumerate() {
        bind(statement, n, value)?;
    }
    done(statement.raw_execute(), Rows::One)
}

fn cells(connection: &Connection, group: &Group) -> Result<()> {
    const PUT: &str = "INSERT INTO cells (space, cell_key, value, expires_at, version) VALUES (?1, ?2, ?3, ?4, 1) \
                       ON CONFLICT (space, cell_key) DO UPDATE SET value = excluded.value, \
                       expires_at = excluded.expires_at, version = cells.version + 1";
    const DELETE: &str = "DELETE FROM cells WHERE space = ?1 AND cell_key = ?2";
    for (CellKey { space, key }, state) in &group.cells {
        match state {
            Some(cell) => {
                let value = serde_json::to_string(&cell.value).map_err(Error::internal)?;
                let expires_at = cell.expires_at.map(basalt_core::Timestamp::millis);
                execute(connection, PUT, &[space, key, &value, &expires_at], Rows::One)?;
            }
            None => execute(connection, DELETE, &[space, key], Rows::Any)?,
        }
    }
    Ok(())
}

fn jobs(connection: &Connection, group: &Group) -> Result<()> {
    const INSERT: &str = "INSERT INTO jobs (kind, job_key, order_key, payload, run_at, attempt, token, lease_until, \
                          enqueued_at) VALUES (?1, ?2, ?3, ?4, ?5, 0, 0, 0, ?6) ON CONFLICT DO NOTHING";
    for (job, origin) in &group.jobs {
        let payload = serde_json::to_string(&job.payload).map_err(Error::internal)?;
        let (run_at, enqueued_at) = (job.run_at.millis(), origin.at.millis());
        execute(
            connection,
            INSERT,
            &[&job.kind.as_ref(), &job.key, &job.order_key, &payload, &run_at, &enqueued_at],
            Rows::Any,
        )?;
    }
    Ok(())
}

/// How many rows a statement has to touch.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rows {
    One,
    Any,
}

fn execute(connection: &Connection, sql: &str, values: &[&dyn ToSql], rows: Rows) -> Result<()> {
    let mut statement = connection.prepare_cached(sql).map_err(|error| map(&error))?;
    for (n, value) in values.iter().enumerate() {
        bind(&mut statement, n, value)?;
    }
    done(statement.raw_execute(), rows)
}

fn bind(statement: &mut CachedStatement<'_>, n: usize, value: &dyn ToSql) -> Result<()> {
    statement.raw_bind_parameter(n + 1, value).map_err(|error| map(&error))
}

fn done(result: rusqlite::Result<usize>, rows: Rows) -> Result<()> {
    match (result, rows) {
        (Ok(1), Rows::One) | (Ok(_), Rows::Any) => Ok(()),
        (Ok(count), Rows::One) => Err(Error::internal(format!("a write touched {count} rows instead of one"))),
        (Err(error), _) => Err(map(&error)),
    }
}
