//! Brings a database file to this binary's schema; what was there before is copied first.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use basalt_core::{Error, Result, Timestamp};
use rusqlite::Connection;

use super::connection::{Durability, open_writer, run};
use super::error::map;
use super::folder::Folder;
use crate::migrate::{self, CREATE_VERSIONS, MIGRATIONS, Migration, SELECT_VERSIONS};
use crate::sql::{Dialect, Row, Statement};

pub(crate) fn migrate(connection: &Connection, folder: &Folder, now: Timestamp) -> Result<()> {
    take(connection, folder, MIGRATIONS, now)
}

fn take(connection: &Connection, folder: &Folder, migrations: &[Migration], now: Timestamp) -> Result<()> {
    let applied = applied(connection)?;
    let pending = migrate::pending(&applied, migrations, Dialect::Sqlite)?;
    let (Some(last), current) = (pending.last(), migrate::version(&applied)) else { return Ok(()) };
    if current > 0 {
        back_up(connection, folder, (current, last.version), now)?;
    }
    execute(connection, "BEGIN IMMEDIATE")?;
    let taken = take_all(connection, pending, now).and_then(|()| execute(connection, "COMMIT"));
    if taken.is_err() {
        execute(connection, "ROLLBACK").unwrap_or_else(|error| tracing::error!(?error, "no rollback"));
    }
    taken
}

fn take_all(connection: &Connection, steps: &[Migration], now: Timestamp) -> Result<()> {
    execute(connection, CREATE_VERSIONS)?;
    for step in steps {
        execute(connection, step.sql(Dialect::Sqlite))?;
        run(connection, &step.note(now, Dialect::Sqlite)).map_err(|error| map(&error))?;
        tracing::info!(version = step.version, name = step.name, "migrated the database");
    }
    Ok(())
}

/// The steps that the file has taken; none for a new one.
pub(crate) fn applied(connection: &Connection) -> Result<Vec<Row>> {
    let exists = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'schema_migrations'";
    let statement = |sql: &str| Statement { sql: sql.to_owned(), values: Vec::new() };
    if run(connection, &statement(exists)).map_err(|error| map(&error))?.is_empty() {
        return Ok(Vec::new());
    }
    run(connection, &statement(SELECT_VERSIONS)).map_err(|error| map(&error))
}

/// Copies both files of the folder.
fn back_up(connection: &Connection, folder: &Folder, (from, to): (i64, i64), now: Timestamp) -> Result<()> {
    let time = now.to_string().replace([':', '.'], "-");
    let backups = folder.backups()?;
    let name = format!("pre-migration-{from}-{to}-{time}");
    copy(connection, &backups.join(format!("{name}.db")))?;
    if folder.records().exists() {
        copy(&open_writer(&folder.records(), Durability::Normal)?, &backups.join(format!("{name}-records.db")))?;
    }
    // The copies are there after a power loss only if their names are.
    std::fs::File::open(&backups).and_then(|folder| folder.sync_all()).map_err(Error::internal)
}

fn copy(connection: &Connection, path: &Path) -> Result<()> {
    let text = path.to_str().ok_or_else(|| Error::internal("the data folder's path isn't UTF-8"))?;
    let statement = Statement { sql: "VACUUM INTO ?1".to_owned(), values: vec![text.into()] };
    run(connection, &statement).map_err(|error| map(&error))?;
    std::fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(Error::internal)?;
    std::fs::File::open(path).and_then(|file| file.sync_all()).map_err(Error::internal)?;
    tracing::info!(path = text, "copied the database before its migration");
    Ok(())
}

fn execute(connection: &Connection, sql: &str) -> Result<()> {
    connection.execute_batch(sql).map_err(|error| map(&error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::connection::open_reader;
    use crate::sqlite::open_records;

    fn steps(more: Option<Migration>) -> Vec<Migration> {
        let first = Migration::of_test(1, "CREATE TABLE a (x INTEGER); INSERT INTO a VALUES (1)", "");
        std::iter::once(first).chain(more).collect()
    }

    fn rows_of_a(connection: &Connection) -> i64 {
        connection.query_row("SELECT count(*) FROM a", [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn what_was_there_is_copied_before_it_is_migrated() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::open(&place.path().join("data")).unwrap();
        let connection = open_writer(&folder.database(), Durability::Full).unwrap();
        let now = Timestamp::from_millis(0);
        take(&connection, &folder, &steps(None), now).unwrap();
        assert!(!place.path().join("data/backups").exists(), "a new database holds nothing to lose");
        take(&connection, &folder, &steps(None), now).unwrap();

        let records =
            open_records(&folder.records(), &["CREATE TABLE r (x INTEGER); INSERT INTO r VALUES (7);"]).unwrap();
        take(&connection, &folder, &steps(Some(Migration::of_test(2, "DELETE FROM a", ""))), now).unwrap();
        drop(records);
        assert_eq!(rows_of_a(&connection), 0);
        let backup = place.path().join("data/backups/pre-migration-1-2-1970-01-01T00-00-00-000Z.db");
        assert_eq!(rows_of_a(&open_reader(&backup).unwrap()), 1);
        let backup = place.path().join("data/backups/pre-migration-1-2-1970-01-01T00-00-00-000Z-records.db");
        let row = open_reader(&backup).unwrap().query_row("SELECT x FROM r", [], |row| row.get::<_, i64>(0));
        assert_eq!(row.unwrap(), 7);
    }

    #[test]
    fn records_of_a_newer_version_are_refused_and_older_ones_brought_along() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("records.db");
        let first = "CREATE TABLE r (x INTEGER);";
        drop(open_records(&path, &[first]).unwrap());
        let steps = [first, "ALTER TABLE r ADD COLUMN y INTEGER;"];
        let both = open_records(&path, &steps).unwrap();
        both.execute("INSERT INTO r (x, y) VALUES (1, 2)", []).unwrap();
        drop(both);
        drop(open_records(&path, &steps).unwrap());
        let Err(error) = open_records(&path, &[first]) else { panic!("taken") };
        assert!(error.detail().contains("newer Basalt"), "{error}");
    }

    #[test]
    fn a_step_that_fails_leaves_all_as_it_was() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::open(place.path()).unwrap();
        let connection = open_writer(&folder.database(), Durability::Full).unwrap();
        let now = Timestamp::from_millis(0);
        take(&connection, &folder, &steps(None), now).unwrap();
        let broken = Migration::of_test(2, "DELETE FROM a; SELECT * FROM nowhere", "");
        assert!(take(&connection, &folder, &steps(Some(broken)), now).is_err());
        assert_eq!(rows_of_a(&connection), 1);
        assert_eq!(migrate::version(&applied(&connection).unwrap()), 1);
    }
}
