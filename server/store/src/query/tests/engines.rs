//! Both engines as these tests need them: a connection each, on databases of their own.

use std::sync::atomic::{AtomicU32, Ordering};

use rusqlite::types::ValueRef;
use sqlx::{AssertSqlSafe, Column, Connection, Executor, PgConnection, Row as _, TypeInfo, postgres::PgRow};

use crate::sql::{Dialect, Row, SqlValue, Statement};

pub(super) const DIALECTS: [Dialect; 2] = [Dialect::Sqlite, Dialect::Postgres];

pub(super) struct Engines {
    sqlite: rusqlite::Connection,
    runtime: tokio::runtime::Runtime,
    postgres: Option<PgConnection>,
    server: String,
    database: String,
}

impl Engines {
    /// PostgreSQL's database gets a collation that isn't by code points.
    pub(super) fn open() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        #[expect(clippy::disallowed_methods, reason = "where tests find a server is said by the environment")]
        let server = std::env::var("BASALT_TEST_POSTGRES").expect("BASALT_TEST_POSTGRES is the URL of a PostgreSQL");
        let database = format!("basalt_query_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let icu = "LOCALE_PROVIDER icu ICU_LOCALE 'en-US' LOCALE 'C.UTF-8'";
        let create = format!("CREATE DATABASE {database} TEMPLATE template0 ENCODING 'UTF8'");
        let postgres = runtime.block_on(async {
            let mut admin = PgConnection::connect(&server).await.unwrap();
            if admin.execute(AssertSqlSafe(format!("{create} {icu}"))).await.is_err() {
                admin.execute(AssertSqlSafe(create)).await.unwrap();
            }
            let mut made = PgConnection::connect(&format!("{}/{database}", base(&server))).await.unwrap();
            let functions = include_str!("../../../../../migrations/postgres/0003_query_functions.sql");
            made.execute(sqlx::raw_sql(functions)).await.unwrap();
            made
        });
        let sqlite = rusqlite::Connection::open_in_memory().unwrap();
        crate::query::prepare_sqlite(&sqlite).unwrap();
        Self { sqlite, runtime, postgres: Some(postgres), server, database }
    }

    pub(super) fn run(&mut self, dialect: Dialect, statement: &Statement) -> Vec<Row> {
        match dialect {
            Dialect::Sqlite => self.run_sqlite(statement),
            Dialect::Postgres => self.run_postgres(statement),
        }
    }

    pub(super) fn execute(&mut self, dialect: Dialect, sql: &str) {
        self.run(dialect, &Statement { sql: sql.to_owned(), values: Vec::new() });
    }

    fn run_sqlite(&mut self, statement: &Statement) -> Vec<Row> {
        self.try_sqlite(statement).unwrap_or_else(|error| panic!("{error}\n{}\n{:?}", statement.sql, statement.values))
    }

    fn try_sqlite(&self, statement: &Statement) -> rusqlite::Result<Vec<Row>> {
        let mut prepared = self.sqlite.prepare(&statement.sql)?;
        let columns = prepared.column_count();
        let mut rows = prepared.query(rusqlite::params_from_iter(statement.values.iter().map(sqlite_value)))?;
        let mut read = Vec::new();
        while let Some(row) = rows.next()? {
            read.push((0..columns).map(|column| row.get_ref(column).map(read_sqlite)).collect::<Result<_, _>>()?);
        }
        Ok(read)
    }

    fn run_postgres(&mut self, statement: &Statement) -> Vec<Row> {
        let connection = self.postgres.as_mut().unwrap();
        let mut query = sqlx::query(AssertSqlSafe(statement.sql.clone())).persistent(false);
        for value in &statement.values {
            query = match value {
                SqlValue::Null => query.bind(Option::<String>::None),
                SqlValue::Int(value) => query.bind(*value),
                SqlValue::Float(value) => query.bind(*value),
                SqlValue::Text(value) => query.bind(value.clone()),
                SqlValue::Bytes(value) => query.bind(value.clone()),
            };
        }
        let rows = self.runtime.block_on(query.fetch_all(connection));
        let rows = rows.unwrap_or_else(|error| panic!("{error}\n{}\n{:?}", statement.sql, statement.values));
        rows.iter().map(read_postgres).collect()
    }
}

impl Drop for Engines {
    fn drop(&mut self) {
        let connection = self.postgres.take();
        let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.database);
        self.runtime.block_on(async {
            if let Some(connection) = connection {
                connection.close().await.ok();
            }
            if let Ok(mut admin) = PgConnection::connect(&self.server).await {
                admin.execute(AssertSqlSafe(drop)).await.ok();
            }
        });
    }
}

/// A URL without its database.
fn base(url: &str) -> &str {
    url.rsplit_once('/').map_or(url, |(base, _)| base)
}

fn sqlite_value(value: &SqlValue) -> rusqlite::types::Value {
    match value {
        SqlValue::Null => rusqlite::types::Value::Null,
        SqlValue::Int(value) => rusqlite::types::Value::Integer(*value),
        SqlValue::Float(value) => rusqlite::types::Value::Real(*value),
        SqlValue::Text(value) => rusqlite::types::Value::Text(value.clone()),
        SqlValue::Bytes(value) => rusqlite::types::Value::Blob(value.clone()),
    }
}

fn read_sqlite(value: ValueRef<'_>) -> SqlValue {
    match value {
        ValueRef::Null => SqlValue::Null,
        ValueRef::Integer(value) => SqlValue::Int(value),
        ValueRef::Real(value) => SqlValue::Float(value),
        ValueRef::Text(value) => SqlValue::Text(String::from_utf8(value.to_vec()).unwrap()),
        ValueRef::Blob(value) => SqlValue::Bytes(value.to_vec()),
    }
}

fn read_postgres(row: &PgRow) -> Row {
    row.columns()
        .iter()
        .enumerate()
        .map(|(at, column)| match column.type_info().name() {
            "BOOL" => row.get::<Option<bool>, _>(at).map_or(SqlValue::Null, |value| SqlValue::Int(value.into())),
            "INT4" => row.get::<Option<i32>, _>(at).map_or(SqlValue::Null, |value| SqlValue::Int(value.into())),
            "INT8" => row.get::<Option<i64>, _>(at).map_or(SqlValue::Null, SqlValue::Int),
            "FLOAT8" => row.get::<Option<f64>, _>(at).map_or(SqlValue::Null, SqlValue::Float),
            "BYTEA" => row.get::<Option<Vec<u8>>, _>(at).map_or(SqlValue::Null, SqlValue::Bytes),
            "TEXT" => row.get::<Option<String>, _>(at).map_or(SqlValue::Null, SqlValue::Text),
            "JSONB" => {
                let json: Option<sqlx::types::Json<Box<serde_json::value::RawValue>>> = row.get(at);
                json.map_or(SqlValue::Null, |json| SqlValue::Text(json.0.get().to_owned()))
            }
            other => panic!("a column of type {other}"),
        })
        .collect()
}
