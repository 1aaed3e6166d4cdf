//! Brings a database to this binary's schema. One node does it, the others wait and find it done.

use basalt_core::{Code, Error, Result, Timestamp};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _};

use super::error::map;
use super::{MIGRATE_LOCK, connect_options, select, value};
use crate::migrate::{self, CREATE_VERSIONS, Examined, MIGRATIONS, SELECT_VERSIONS};
use crate::sql::{Dialect, Row};

pub(crate) async fn migrate(options: &PgConnectOptions, now: Timestamp) -> Result<()> {
    let mut connection = connect(options).await?;
    check_encoding(&mut connection).await?;
    if !migrate::pending(&applied(&mut connection).await?, MIGRATIONS, Dialect::Postgres)?.is_empty() {
        run(&mut connection, "SET statement_timeout = 0; SET lock_timeout = 0").await?;
        let lock = sqlx::query("SELECT pg_advisory_lock($1)").bind(MIGRATE_LOCK);
        lock.execute(&mut connection).await.map_err(|error| map(&error))?;
        // Another node may have been first.
        let applied = applied(&mut connection).await?;
        apply(&mut connection, &applied, now).await?;
    }
    connection.close().await.map_err(|error| map(&error))
}

async fn apply(connection: &mut PgConnection, applied: &[Row], now: Timestamp) -> Result<()> {
    run(connection, CREATE_VERSIONS).await?;
    for step in migrate::pending(applied, MIGRATIONS, Dialect::Postgres)? {
        let mut transaction = connection.begin().await.map_err(|error| map(&error))?;
        run(&mut transaction, step.sql(Dialect::Postgres)).await?;
        let note = step.note(now, Dialect::Postgres);
        value::run(&mut transaction, &note).await.map_err(|error| map(&error))?;
        transaction.commit().await.map_err(|error| map(&error))?;
        tracing::info!(version = step.version, name = step.name, "migrated the database");
    }
    Ok(())
}

/// What opening the database would do to its schema, and what time it is there.
pub(crate) async fn examine(url: &str) -> Result<Examined> {
    let note = "PostgreSQL is not copied by Basalt: make a dump first (pg_dump), or have a backup at hand.".to_owned();
    let mut connection = connect(&connect_options(url)?).await?;
    let plan = migrate::plan(&applied(&mut connection).await?, Dialect::Postgres, Some(note))?;
    let now = select(&mut connection, "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)").await?;
    connection.close().await.map_err(|error| map(&error))?;
    Ok(Examined { plan, time: now.first().and_then(|row| row[0].as_int()).map(Timestamp::from_millis) })
}

async fn applied(connection: &mut PgConnection) -> Result<Vec<Row>> {
    let exists = select(connection, "SELECT 1 WHERE to_regclass('schema_migrations') IS NOT NULL").await?;
    if exists.is_empty() {
        return Ok(Vec::new());
    }
    select(connection, SELECT_VERSIONS).await
}

async fn check_encoding(connection: &mut PgConnection) -> Result<()> {
    let rows = select(connection, "SELECT current_setting('server_encoding')").await?;
    if rows.first().and_then(|row| row[0].as_text()) == Some("UTF8") {
        return Ok(());
    }
    Err(Error::new(Code::Unavailable, "The database's encoding has to be UTF8."))
}

async fn connect(options: &PgConnectOptions) -> Result<PgConnection> {
    options.connect().await.map_err(|error| map(&error))
}

/// Statements of ours, several at a time.
async fn run(connection: &mut PgConnection, sql: &'static str) -> Result<()> {
    connection.execute(sqlx::raw_sql(sql)).await.map(|_| ()).map_err(|error| map(&error))
}
