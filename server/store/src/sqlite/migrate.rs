//! Brings a database file to this binary's schema; what was there before is copied first.

use basalt_core::{Error, Result, Timestamp};
use rusqlite::Connection;

use super::connection::run;
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
    execute(connection, CREATE_VERSIONS)?;
    for step in pending {
        execute(connection, "BEGIN IMMEDIATE")?;
        let done = execute(connection, step.sql(Dialect::Sqlite))
            .and_then(|()| run(connection, &step.note(now, Dialect::Sqlite)).map_err(|error| map(&error)))
            .and_then(|_| execute(connection, "COMMIT"));
        if let Err(error) = done {
            execute(connection, "ROLLBACK").unwrap_or_else(|error| tracing::error!(?error, "no rollback"));
            return Err(error);
        }
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

fn back_up(connection: &Connection, folder: &Folder, (from, to): (i64, i64), now: Timestamp) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let time = now.to_string().replace([':', '.'], "-");
    let path = folder.backups()?.join(format!("pre-migration-{from}-{to}-{time}.db"));
    let text = path.to_str().ok_or_else(|| Error::internal("the data folder's path isn't UTF-8"))?;
    let statement = Statement { sql: "VACUUM INTO ?1".to_owned(), values: vec![text.into()] };
    run(connection, &statement).map_err(|error| map(&error))?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).map_err(Error::internal)?;
    std::fs::File::open(&path).and_then(|file| file.sync_all()).map_err(Error::internal)?;
    tracing::info!(path = text, "copied the database before its migration");
    Ok(())
}

fn execute(connection: &Connection, sql: &str) -> Result<()> {
    connection.execute_batch(sql).map_err(|error| map(&error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::connection::{Durability, open_reader, open_writer};

    fn steps(more: Option<Migration>) -> Vec<Migration> {
        let first = Migration::of_test(1, "CREATE TABLE a (x INTEGER); INSERT INTO a VALUES (1)");
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

        take(&connection, &folder, &steps(Some(Migration::of_test(2, "DELETE FROM a"))), now).unwrap();
        assert_eq!(rows_of_a(&connection), 0);
        let backup = place.path().join("data/backups/pre-migration-1-2-1970-01-01T00-00-00-000Z.db");
        assert_eq!(rows_of_a(&open_reader(&backup).unwrap()), 1);
    }

    #[test]
    fn a_step_that_fails_leaves_all_as_it_was() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::open(place.path()).unwrap();
        let connection = open_writer(&folder.database(), Durability::Full).unwrap();
        let now = Timestamp::from_millis(0);
        take(&connection, &folder, &steps(None), now).unwrap();
        let broken = Migration::of_test(2, "DELETE FROM a; SELECT * FROM nowhere");
        assert!(take(&connection, &folder, &steps(Some(broken)), now).is_err());
        assert_eq!(rows_of_a(&connection), 1);
        assert_eq!(migrate::version(&applied(&connection).unwrap()), 1);
    }
}
