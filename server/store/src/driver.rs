//! The narrow interface that both drivers have: everything above it is said once for both.

use std::sync::Arc;

use basalt_core::{Change, CollectionName, Document, DocumentId, Result, Seq};

use crate::commit::Attempt;
use crate::decide::{Cell, CellKey, Decide};
use crate::known::Known;
use crate::postgres::{BuilderTurn, Postgres};
use crate::sql::{Dialect, Row, Statement};
use crate::sqlite::Sqlite;

pub(crate) enum Driver {
    Sqlite(Box<Sqlite>),
    Postgres(Arc<Postgres>),
}

/// What is found in a database at the start.
pub(crate) struct Opened {
    pub(crate) known: Known,
    pub(crate) end: Seq,
}

/// A change of the catalog: run in one transaction that no commit overlaps.
pub(crate) struct Alteration {
    /// The epoch that it was worked out under.
    pub(crate) expected: u64,
    /// Each has to find no rows.
    pub(crate) checks: Vec<Statement>,
    pub(crate) statements: Vec<Statement>,
}

pub(crate) enum Altered {
    Done,
    /// The epoch is another by now.
    Stale,
    /// What the first failing check found.
    Refused(Vec<Row>),
}

/// From the answers of some statements to further ones.
pub(crate) type Then = Arc<dyn Fn(&[Vec<Row>]) -> Result<Vec<Statement>> + Send + Sync>;

/// Looks at the rows of a statement, an id and bytes each, and says what to read then.
pub(crate) trait Sieve: Send {
    fn see(&mut self, id: &str, bytes: &[u8]);
    fn then(&mut self) -> Result<Statement>;
}

/// Given back when dropped.
pub(crate) struct Turn {
    /// `None` where there is no other node.
    _shared: Option<BuilderTurn>,
}

impl Driver {
    pub(crate) fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite(_) => Dialect::Sqlite,
            Self::Postgres(_) => Dialect::Postgres,
        }
    }

    /// The changes after `since`, where another node may write and none did.
    pub(crate) async fn own_changes(&self, since: Seq, limit: u32) -> Result<Option<Vec<Change>>> {
        match self {
            Self::Sqlite(_) => Ok(None),
            Self::Postgres(postgres) => Box::pin(postgres.own_changes(since, limit)).await,
        }
    }

    /// The same as far as this node has heard, without asking.
    pub(crate) async fn own_news(&self, since: Seq, limit: u32) -> Option<Vec<Change>> {
        match self {
            Self::Sqlite(_) => None,
            Self::Postgres(postgres) => Box::pin(postgres.own_news(since, limit)).await,
        }
    }

    /// Runs statements in one read transaction.
    pub(crate) async fn read(&self, statements: Vec<Statement>) -> Result<Vec<Vec<Row>>> {
        match self {
            Self::Sqlite(sqlite) => sqlite.read(statements).await,
            Self::Postgres(postgres) => Box::pin(postgres.read(statements)).await,
        }
    }

    /// Runs statements, and those that they call for, in one read transaction; the answers of all.
    pub(crate) async fn read_then(&self, first: Vec<Statement>, then: Then) -> Result<Vec<Vec<Row>>> {
        match self {
            Self::Sqlite(sqlite) => sqlite.read_then(first, then).await,
            Self::Postgres(postgres) => Box::pin(postgres.read_then(first, then)).await,
        }
    }

    /// Runs a statement without keeping its rows, and the one that they call for, in one read transaction.
    pub(crate) async fn sift<S: Sieve + 'static>(&self, select: Statement, sieve: S) -> Result<(S, Vec<Row>)> {
        match self {
            Self::Sqlite(sqlite) => sqlite.sift(select, sieve).await,
            Self::Postgres(postgres) => Box::pin(postgres.sift(&select, sieve)).await,
        }
    }

    /// Runs a statement written with `$1`, `$2` ….
    pub(crate) async fn read_one(&self, sql: &str, values: Vec<crate::sql::SqlValue>) -> Result<Vec<Row>> {
        let statement = Statement { sql: self.dialect().sql(sql), values };
        Ok(self.read(vec![statement]).await?.pop().unwrap_or_default())
    }

    /// Runs a statement that may read all there is, for as long as it takes, in no one's way.
    pub(crate) async fn read_long(&self, statement: Statement) -> Result<Vec<Row>> {
        match self {
            Self::Sqlite(sqlite) => sqlite.read_long(statement).await,
            Self::Postgres(postgres) => Box::pin(postgres.read_long(&statement)).await,
        }
    }

    /// Runs statements in one durable transaction; never on documents or the log's new rows, which go through commits.
    pub(crate) async fn write(&self, statements: Vec<Statement>) -> Result<Vec<Vec<Row>>> {
        match self {
            Self::Sqlite(sqlite) => sqlite.write(statements).await,
            Self::Postgres(postgres) => postgres.write(statements).await,
        }
    }

    /// Runs statements, and those that they call for, in one durable transaction; the answers of the latter.
    pub(crate) async fn write_then(&self, first: Vec<Statement>, then: Then) -> Result<Vec<Vec<Row>>> {
        match self {
            Self::Sqlite(sqlite) => sqlite.write_then(first, then).await,
            Self::Postgres(postgres) => postgres.write_then(&first, &then).await,
        }
    }

    /// As [`Driver::write`], without waiting for the disk: for what may be lost in a power loss.
    pub(crate) async fn write_soon(&self, statements: Vec<Statement>) -> Result<Vec<Vec<Row>>> {
        match self {
            Self::Sqlite(sqlite) => sqlite.write_soon(statements).await,
            Self::Postgres(postgres) => postgres.write_soon(&statements).await,
        }
    }

    /// As [`Driver::write`], while no commit is under way.
    pub(crate) async fn write_alone(&self, statements: Vec<Statement>) -> Result<Vec<Vec<Row>>> {
        match self {
            Self::Sqlite(sqlite) => sqlite.write(statements).await,
            Self::Postgres(postgres) => postgres.write_alone(statements).await,
        }
    }

    /// Runs a statement that can't be in a transaction on PostgreSQL (`… CONCURRENTLY`).
    pub(crate) async fn run_outside(&self, sql: String) -> Result<()> {
        match self {
            Self::Sqlite(sqlite) => sqlite.write(vec![Statement { sql, values: Vec::new() }]).await.map(|_| ()),
            Self::Postgres(postgres) => postgres.run_outside(&sql).await,
        }
    }

    /// Learns the catalog as it now is (SQLite's is always known).
    pub(crate) async fn refresh(&self) -> Result<()> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(postgres) => Box::pin(postgres.refresh()).await,
        }
    }

    /// The turn to build indexes, which one node has at a time; none while another has it.
    pub(crate) async fn builder_turn(&self) -> Result<Option<Turn>> {
        match self {
            Self::Sqlite(_) => Ok(Some(Turn { _shared: None })),
            Self::Postgres(postgres) => Ok(postgres.builder_turn().await?.map(|turn| Turn { _shared: Some(turn) })),
        }
    }

    pub(crate) async fn alter(&self, alteration: Alteration) -> Result<Altered> {
        match self {
            Self::Sqlite(sqlite) => sqlite.alter(alteration).await,
            Self::Postgres(postgres) => postgres.alter(alteration).await,
        }
    }

    pub(crate) fn submit(&self, attempt: Box<dyn Attempt>) {
        match self {
            Self::Sqlite(sqlite) => sqlite.submit(attempt),
            Self::Postgres(postgres) => postgres.submit(attempt),
        }
    }

    pub(crate) async fn inspect<D: Decide>(&self, decide: D) -> Result<D::Out> {
        match self {
            Self::Sqlite(sqlite) => sqlite.inspect(decide).await,
            Self::Postgres(postgres) => Box::pin(postgres.inspect(decide)).await,
        }
    }

    pub(crate) async fn document(&self, collection: &CollectionName, id: &DocumentId) -> Result<Option<Document>> {
        match self {
            Self::Sqlite(sqlite) => sqlite.document(collection, id).await,
            Self::Postgres(postgres) => Box::pin(postgres.document(collection, id)).await,
        }
    }

    pub(crate) async fn cell(&self, key: &CellKey) -> Result<Option<Cell>> {
        match self {
            Self::Sqlite(sqlite) => sqlite.cell(key).await,
            Self::Postgres(postgres) => Box::pin(postgres.cell(key)).await,
        }
    }
}
