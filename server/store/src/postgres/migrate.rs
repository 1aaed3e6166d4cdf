//! Brings a database to this binary's schema. One node does it, the others wait and find it done.

use basalt_core::{Code, Error, Result, Timestamp};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _};

use super::connections::connect_options;
use super::error::map;
use super::{MIGRATE_LOCK, select, value};
use crate::migrate::{self, CREATE_VERSIONS, Examined, MIGRATIONS, Migration, SELECT_DEFINITIONS, SELECT_VERSIONS};
use crate::sql::{Dialect, Row};

pub(crate) async fn migrate(options: &PgConnectOptions, now: Timestamp) -> Result<()> {
    take(options, MIGRATIONS, now).await
}

async fn take(options: &PgConnectOptions, migrations: &[Migration], now: Timestamp) -> Result<()> {
    let mut connection = connect(options).await?;
    check_encoding(&mut connection).await?;
    if !migrate::pending(&applied(&mut connection).await?, migrations, Dialect::Postgres)?.is_empty() {
        run(&mut connection, "SET statement_timeout = 0; SET lock_timeout = 0").await?;
        let lock = sqlx::query("SELECT pg_advisory_lock($1)").bind(MIGRATE_LOCK);
        lock.execute(&mut connection).await.map_err(|error| map(&error))?;
        // Another node may have been first.
        let applied = applied(&mut connection).await?;
        apply(&mut connection, &applied, migrations, now).await?;
    }
    connection.close().await.map_err(|error| map(&error))
}

async fn apply(connection: &mut PgConnection, applied: &[Row], migrations: &[Migration], now: Timestamp) -> Result<()> {
    let pending = migrate::pending(applied, migrations, Dialect::Postgres)?;
    let (Some(last), current) = (pending.last(), migrate::version(applied)) else { return Ok(()) };
    if current > 0 {
        back_up(connection, &backup_name(current, last.version, now)).await?;
    }
    run(connection, CREATE_VERSIONS).await?;
    for step in pending {
        let mut transaction = connection.begin().await.map_err(|error| map(&error))?;
        run(&mut transaction, step.sql(Dialect::Postgres)).await?;
        let note = step.note(now, Dialect::Postgres);
        value::run(&mut transaction, &note).await.map_err(|error| map(&error))?;
        transaction.commit().await.map_err(|error| map(&error))?;
        tracing::info!(version = step.version, name = step.name, "migrated the database");
    }
    Ok(())
}

/// `basalt_backup_1_2_20260101_120000`
fn backup_name(from: i64, to: i64, now: Timestamp) -> String {
    let digits: String = now.to_string().chars().filter(char::is_ascii_digit).take(14).collect();
    let (day, time) = digits.split_at(8);
    format!("basalt_backup_{from}_{to}_{day}_{time}")
}

/// Copies what there is into a schema of its own in the same database: where the database is, it is as durable, and no
/// file has to be brought to whichever node is started next.
async fn back_up(connection: &mut PgConnection, name: &str) -> Result<()> {
    let begin = connection.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ");
    let mut transaction = begin.await.map_err(|error| map(&error))?;
    let sql = include_str!("backup.sql").replace("BACKUP", name);
    transaction.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await.map_err(|error| map(&error))?;
    transaction.commit().await.map_err(|error| map(&error))?;
    tracing::info!(schema = name, "copied the database before its migration");
    Ok(())
}

/// What opening the database would do to its schema, and what time it is there.
pub(crate) async fn examine(url: &str) -> Result<Examined> {
    let note = "A copy of all tables is made first, in a schema basalt_backup_… of the same database: there has to be \
                room for it."
        .to_owned();
    let mut connection = connect(&connect_options(url)?).await?;
    let mut plan = migrate::plan(&applied(&mut connection).await?, Dialect::Postgres, Some(note))?;
    if plan.current > 0 {
        plan.definitions = migrate::definitions(&select(&mut connection, SELECT_DEFINITIONS).await?)?;
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::TestDb;
    use crate::{Engine, Store};

    const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);
    fn options(db: &TestDb) -> PgConnectOptions {
        match db.engine() {
            Engine::Postgres { url, .. } => connect_options(&url).unwrap(),
            Engine::Sqlite { .. } => panic!("not PostgreSQL"),
        }
    }

    /// The steps there are, and one more.
    fn steps(more: &'static str) -> Vec<Migration> {
        let next = Migration::of_test(latest() + 1, "", more);
        MIGRATIONS.iter().cloned().chain([next]).collect()
    }

    fn latest() -> i64 {
        MIGRATIONS.last().unwrap().version
    }

    async fn version(db: &TestDb) -> Vec<String> {
        db.select("SELECT max(version) FROM schema_migrations").await
    }

    async fn with_a_document() -> TestDb {
        let db = TestDb::postgres().await;
        let put = crate::CatalogChange::Put {
            name: basalt_core::CollectionName::parse("notes").unwrap(),
            definition: serde_json::json!({}),
            indexes: Vec::new(),
        };
        db.store.define(0, vec![put]).await.unwrap();
        db.execute("INSERT INTO c_1 VALUES ('n', 'r', '2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.000Z', '{}')")
            .await;
        db
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_was_there_is_copied_before_a_second_step_and_can_be_put_back() {
        let db = with_a_document().await;
        let backup = format!("basalt_backup_{}_{}_20260101_000000", latest(), latest() + 1);
        let indexes = "SELECT indexname || ' ' || replace(indexdef, schemaname || '.', '') FROM pg_indexes WHERE \
                       schemaname = 'public' ORDER BY 1";
        let before = db.select(indexes).await;
        let more = "DELETE FROM c_1; ALTER TABLE jobs ADD COLUMN more text; CREATE TABLE added (x int)";
        take(&options(&db), &steps(more), NOW).await.unwrap();
        assert_eq!(db.select("SELECT id FROM c_1").await, Vec::<String>::new());
        assert_eq!(version(&db).await, [format!("Int({})", latest() + 1)]);
        assert_eq!(db.select(&format!("SELECT id FROM {backup}.c_1")).await, ["n"]);
        take(&options(&db), &steps(more), NOW).await.unwrap();

        db.store.close().await;
        crate::testkit::execute(&db.engine(), &format!("SELECT {backup}.restore(); DROP SCHEMA {backup} CASCADE"))
            .await;
        let db = db.reopen().await;
        assert_eq!(db.select(indexes).await, before);
        assert_eq!(db.select("SELECT id FROM c_1").await, ["n"]);
        assert_eq!(version(&db).await, [format!("Int({})", latest())]);
        // It commits, logs and enqueues as before.
        db.execute("INSERT INTO jobs (kind, payload, run_at, attempt, token, lease_until, enqueued_at) VALUES ('k', '1', 0, 0, 0, 0, 0)").await;
        assert_eq!(db.store.catalog().epoch, 1);
        db.store.ping().await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_step_that_fails_leaves_all_as_it_was() {
        let db = with_a_document().await;
        let broken = steps("DELETE FROM c_1; SELECT * FROM nowhere");
        assert!(take(&options(&db), &broken, NOW).await.is_err());
        assert_eq!(db.select("SELECT id FROM c_1").await, ["n"]);
        assert_eq!(version(&db).await, [format!("Int({})", latest())]);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn nodes_that_open_an_empty_database_at_once_all_find_it_migrated() {
        let db = TestDb::postgres().await;
        db.store.close().await;
        crate::testkit::execute(&db.engine(), "DROP SCHEMA public CASCADE; CREATE SCHEMA public").await;
        let nodes = futures_util::future::join_all((0..4).map(|_| Store::open(db.options()))).await;
        let mut logs = Vec::new();
        for node in nodes {
            let node = node.unwrap();
            logs.push(node.log_id().to_owned());
            node.close().await;
        }
        logs.dedup();
        assert_eq!(logs.len(), 1);
    }
}
