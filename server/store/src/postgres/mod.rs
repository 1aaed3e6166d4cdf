//! The driver for PostgreSQL.

use std::sync::Arc;

use basalt_core::{CollectionName, Document, DocumentId, Error, Result, Timestamp};

use crate::commit::Attempt;
use crate::decide::{Cell, CellKey, Decide};
use crate::driver::{Alteration, Altered, Opened};
use crate::migrate::SchemaPlan;
use crate::shared::Shared;
use crate::sql::{Row, Statement};

pub(crate) struct Postgres {}
pub(crate) struct Prepared {}
pub(crate) struct BuilderTurn {}

fn later() -> Error {
    Error::new(basalt_core::Code::NotAvailable, "PostgreSQL is not built yet.")
}

impl Prepared {
    pub(crate) async fn open(_url: &str, _max: u32, _now: Timestamp) -> Result<(Self, Opened)> {
        Err(later())
    }
    pub(crate) fn start(self, _shared: Arc<Shared>) -> Arc<Postgres> {
        Arc::new(Postgres {})
    }
}

pub(crate) async fn schema_plan(_url: &str) -> Result<SchemaPlan> {
    Err(later())
}

impl Postgres {
    pub(crate) async fn close(&self) {}
    pub(crate) async fn read(&self, _statements: Vec<Statement>) -> Result<Vec<Vec<Row>>> {
        Err(later())
    }
    pub(crate) async fn write(&self, _statements: Vec<Statement>) -> Result<Vec<Vec<Row>>> {
        Err(later())
    }
    pub(crate) async fn write_alone(&self, _statements: Vec<Statement>) -> Result<Vec<Vec<Row>>> {
        Err(later())
    }
    pub(crate) async fn run_outside(&self, _sql: &str) -> Result<()> {
        Err(later())
    }
    pub(crate) async fn builder_turn(&self) -> Result<Option<BuilderTurn>> {
        Err(later())
    }
    pub(crate) async fn alter(&self, _alteration: Alteration) -> Result<Altered> {
        Err(later())
    }
    pub(crate) fn submit(&self, attempt: Box<dyn Attempt>) {
        attempt.answer(Err(later()));
    }
    pub(crate) async fn inspect<D: Decide>(&self, _decide: D) -> Result<D::Out> {
        Err(later())
    }
    pub(crate) async fn document(&self, _collection: &CollectionName, _id: &DocumentId) -> Result<Option<Document>> {
        Err(later())
    }
    pub(crate) async fn cell(&self, _key: &CellKey) -> Result<Option<Cell>> {
        Err(later())
    }
}
