//! The schema's versions: what is embedded, what a database has, and what would have to be done.

use basalt_core::{Code, CollectionName, Error, Result};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::sql::{Dialect, Row, SqlValue, Statement};

/// One step of the schema, the same number and name on both engines.
#[derive(Clone)]
pub(crate) struct Migration {
    pub(crate) version: i64,
    pub(crate) name: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

#[cfg(test)]
impl Migration {
    /// A further step, for tests of migrating.
    pub(crate) fn of_test(version: i64, sqlite: &'static str, postgres: &'static str) -> Self {
        Self { version, name: "test", sqlite, postgres }
    }
}

macro_rules! migration {
    ($version:literal, $name:literal, $file:literal) => {
        Migration {
            version: $version,
            name: $name,
            sqlite: include_str!(concat!("../../../migrations/sqlite/", $file)),
            postgres: include_str!(concat!("../../../migrations/postgres/", $file)),
        }
    };
}

pub(crate) const MIGRATIONS: &[Migration] = &[
    migration!(1, "store", "0001_store.sql"),
    migration!(2, "changes_by_operators", "0002_changes_by_operators.sql"),
    migration!(3, "query_functions", "0003_query_functions.sql"),
    migration!(4, "signals", "0004_signals.sql"),
    migration!(5, "queue", "0005_queue.sql"),
];

/// What opening a database would do to its schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaPlan {
    /// 0: the database is new.
    pub current: i64,
    pub target: i64,
    /// Names of the steps to take, in order.
    pub pending: Vec<String>,
    /// What the operator should know or do before.
    pub note: Option<String>,
    /// The definitions of collections that are there, as the rooms above keep them.
    pub definitions: Vec<(CollectionName, Value)>,
}

/// What a look at a database tells that changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Examined {
    pub plan: SchemaPlan,
    /// What the database's own clock says; SQLite has none of its own.
    pub time: Option<basalt_core::Timestamp>,
}

pub(crate) const CREATE_VERSIONS: &str = "CREATE TABLE IF NOT EXISTS schema_migrations (version BIGINT NOT NULL \
                                          PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, applied_at TEXT \
                                          NOT NULL)";
pub(crate) const SELECT_VERSIONS: &str = "SELECT version, name, checksum FROM schema_migrations ORDER BY version";

impl Migration {
    pub(crate) fn sql(&self, dialect: Dialect) -> &'static str {
        match dialect {
            Dialect::Sqlite => self.sqlite,
            Dialect::Postgres => self.postgres,
        }
    }

    fn checksum(&self, dialect: Dialect) -> String {
        crate::dialect::hex(&Sha256::digest(self.sql(dialect)))
    }

    /// Notes the step as taken.
    pub(crate) fn note(&self, now: basalt_core::Timestamp, dialect: Dialect) -> Statement {
        let sql = "INSERT INTO schema_migrations (version, name, checksum, applied_at) VALUES ($1, $2, $3, $4)";
        let values = vec![self.version.into(), self.name.into(), self.checksum(dialect).into(), now.to_string().into()];
        Statement { sql: dialect.sql(sql), values }
    }
}

/// The steps that a database lacks, given its [`SELECT_VERSIONS`]. Refuses one that a newer Basalt wrote, and one
/// whose steps were others than ours.
pub(crate) fn pending<'a>(applied: &[Row], migrations: &'a [Migration], dialect: Dialect) -> Result<&'a [Migration]> {
    let latest = migrations.last().map_or(0, |migration| migration.version);
    for row in applied {
        let version = row.first().and_then(SqlValue::as_int).unwrap_or_default();
        let text = |n: usize| row.get(n).and_then(SqlValue::as_text).unwrap_or_default();
        let Some(ours) = migrations.iter().find(|migration| migration.version == version) else {
            let detail = format!(
                "The database has schema version {version} ({:?}), and this Basalt knows versions up to {latest}: a \
                 newer Basalt wrote it. Start that one, or restore the backup made before its migration.",
                text(1)
            );
            return Err(Error::new(Code::Unavailable, detail));
        };
        if ours.checksum(dialect) != text(2) {
            let detail =
                format!("Step {version} ({:?}) of the database's schema is another one than this Basalt's.", text(1));
            return Err(Error::new(Code::Unavailable, detail));
        }
    }
    migrations.get(applied.len()..).ok_or_else(|| Error::internal("the schema has more steps than are known"))
}

pub(crate) fn plan(applied: &[Row], dialect: Dialect, note: Option<String>) -> Result<SchemaPlan> {
    let pending = pending(applied, MIGRATIONS, dialect)?;
    let current = version(applied);
    Ok(SchemaPlan {
        current,
        target: pending.last().map_or(current, |migration| migration.version),
        pending: pending.iter().map(|migration| format!("{:04}_{}", migration.version, migration.name)).collect(),
        note: if current > 0 && !pending.is_empty() { note } else { None },
        definitions: Vec::new(),
    })
}

pub(crate) const SELECT_DEFINITIONS: &str = "SELECT name, definition FROM collections ORDER BY name";

/// Of rows of [`SELECT_DEFINITIONS`].
pub(crate) fn definitions(rows: &[Row]) -> Result<Vec<(CollectionName, Value)>> {
    let text = |row: &Row, n: usize| row.get(n).and_then(SqlValue::as_text).unwrap_or_default().to_owned();
    let definition = |row: &Row| {
        let value = serde_json::from_str(&text(row, 1)).map_err(Error::internal)?;
        Ok((CollectionName::parse(&text(row, 0))?, value))
    };
    rows.iter().map(definition).collect()
}

/// The last step that a database has taken.
pub(crate) fn version(applied: &[Row]) -> i64 {
    applied.last().and_then(|row| row.first()).and_then(SqlValue::as_int).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(migration: &Migration) -> Row {
        vec![migration.version.into(), migration.name.into(), migration.checksum(Dialect::Sqlite).into()]
    }

    #[test]
    fn steps_are_numbered_without_gaps() {
        for (n, migration) in (1..).zip(MIGRATIONS) {
            assert_eq!(migration.version, n);
        }
    }

    #[test]
    fn a_newer_schema_is_refused() {
        let mut applied: Vec<Row> = MIGRATIONS.iter().map(row).collect();
        assert!(pending(&applied, MIGRATIONS, Dialect::Sqlite).unwrap().is_empty());
        applied.push(vec![9_999.into(), "later".into(), "x".into()]);
        let Err(error) = pending(&applied, MIGRATIONS, Dialect::Sqlite) else { panic!("taken") };
        assert!(error.detail().contains("newer Basalt"), "{error}");
    }

    #[test]
    fn a_changed_step_is_refused() {
        let mut applied: Vec<Row> = MIGRATIONS.iter().map(row).collect();
        applied[0][2] = "another".into();
        assert!(pending(&applied, MIGRATIONS, Dialect::Sqlite).is_err());
    }
}
