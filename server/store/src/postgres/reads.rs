//! Reading: single things together with whoever reads the like, statements in one, and what belongs together in one
//! transaction.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use basalt_core::{Change, CollectionName, Document, DocumentId, Result, Seq};
use sqlx::Connection as _;
use sqlx::postgres::PgConnection;

use super::error::{is_lost, map};
use super::read::{self, Expectations};
use super::{BEGIN_READ, Postgres, is_broken, value};
use crate::catalog::stale::is_schema_changed;
use crate::changes;
use crate::commit::{Inspection, Look, check_epoch, unread};
use crate::decide::{Cell, CellKey, Decide, Read, View};
use crate::driver::Then;
use crate::known::Known;
use crate::sql::{Row, Statement};

/// A group of this node's own that others were told of is held within this time, or isn't its own.
const OWN_TIME: Duration = Duration::from_millis(3);
/// More reads than these go by themselves: many would wait for them.
const GATHERED_READS: usize = 32;

impl Postgres {
    /// Runs statements in one read transaction.
    pub(crate) async fn read(&self, statements: Vec<Statement>) -> Result<Vec<Vec<Row>>> {
        let mut broken = 0;
        loop {
            let mut connection = self.core.connections.acquire().await?;
            match Self::try_read(&mut connection, &statements).await {
                // It broke while it was idle, perhaps with all others.
                Err(error) if is_lost(&error) && broken < self.core.connections.count() => {
                    connection.close_on_drop();
                    broken += 1;
                }
                result => {
                    let answers = result.map_err(|error| map(&error))?;
                    self.core.connections.give_back(connection);
                    return answers;
                }
            }
        }
    }

    async fn try_read(connection: &mut PgConnection, statements: &[Statement]) -> sqlx::Result<Result<Vec<Vec<Row>>>> {
        if let [statement] = statements {
            let rows = value::run(connection, statement).await?;
            return Ok(value::rows(&rows).map(|rows| vec![rows]));
        }
        let mut transaction = connection.begin_with(BEGIN_READ).await?;
        let mut answers = Vec::with_capacity(statements.len());
        for statement in statements {
            answers.push(value::run(&mut transaction, statement).await?);
        }
        transaction.commit().await?;
        Ok(answers.iter().map(|rows| value::rows(rows)).collect())
    }

    pub(crate) async fn read_then(&self, first: Vec<Statement>, then: Then) -> Result<Vec<Vec<Row>>> {
        let mut broken = 0;
        loop {
            let mut connection = self.core.connections.acquire().await?;
            match Self::try_read_then(&mut connection, &first, &then).await {
                // As in `read`.
                Err(error) if is_lost(&error) && broken < self.core.connections.count() => {
                    connection.close_on_drop();
                    broken += 1;
                }
                result => {
                    let answers = result.map_err(|error| map(&error))?;
                    self.core.connections.give_back(connection);
                    return answers;
                }
            }
        }
    }

    async fn try_read_then(
        connection: &mut PgConnection,
        first: &[Statement],
        then: &Then,
    ) -> sqlx::Result<Result<Vec<Vec<Row>>>> {
        let mut transaction = connection.begin_with(BEGIN_READ).await?;
        let mut answers = Vec::with_capacity(first.len() + 1);
        for statement in first {
            match value::rows(&value::run(&mut transaction, statement).await?) {
                Ok(rows) => answers.push(rows),
                Err(error) => return Ok(Err(error)),
            }
        }
        let further = match then(&answers) {
            Ok(further) => further,
            Err(error) => return Ok(Err(error)),
        };
        for statement in &further {
            match value::rows(&value::run(&mut transaction, statement).await?) {
                Ok(rows) => answers.push(rows),
                Err(error) => return Ok(Err(error)),
            }
        }
        transaction.commit().await?;
        Ok(Ok(answers))
    }

    /// The changes after `since` as far as they are this node's own; `None` where it takes the database to tell.
    pub(crate) async fn own_changes(&self, since: Seq, limit: u32) -> Result<Option<Vec<Change>>> {
        let select = Statement { sql: changes::SELECT_END.to_owned(), values: Vec::new() };
        let (begin, end) = changes::ends(&self.read(vec![select]).await?.pop().unwrap_or_default())?;
        Ok(if (begin..=end).contains(&since) { self.core.own.between(since, end, limit) } else { None })
    }

    /// The changes after `since` up to the end that this node has heard of; `None` where not all of them are its own, or
    /// are held. What it is just committing may be heard of before it is held: that is waited for.
    pub(crate) async fn own_news(&self, since: Seq, limit: u32) -> Option<Vec<Change>> {
        let core = &self.core;
        if since < core.shared.trimmed.load(Ordering::Acquire) {
            return None;
        }
        let held = || {
            let end = *core.shared.end.borrow();
            if since >= end { Some(Vec::new()) } else { core.own.between(since, end, limit) }
        };
        let ended = core.groups.ended();
        match held() {
            None if core.groups.are_under_way() => {
                // Over or not, what is held then tells.
                let _ = tokio::time::timeout(OWN_TIME, ended).await;
                held()
            }
            news => news,
        }
    }

    pub(crate) async fn document(&self, collection: &CollectionName, id: &DocumentId) -> Result<Option<Document>> {
        let reads = vec![Read::Document { collection: collection.clone(), id: id.clone() }];
        let view = self.core.gathering.read(self.core.shared.known(), reads).await?;
        let document = view.documents.into_values().next().flatten();
        Ok(document.map(Arc::unwrap_or_clone))
    }

    pub(crate) async fn cell(&self, key: &CellKey) -> Result<Option<Cell>> {
        let view = self.core.gathering.read(self.core.shared.known(), vec![Read::Cell(key.clone())]).await?;
        Ok(view.cells.into_values().next().flatten())
    }

    /// Reads, all of one state.
    async fn view(&self, known: &Arc<Known>, reads: Vec<Read>) -> Result<View> {
        if reads.len() <= GATHERED_READS {
            return self.core.gathering.read(Arc::clone(known), reads).await;
        }
        let now = self.core.shared.clock.now();
        let mut broken = 0;
        loop {
            let mut view = View::default();
            let mut connection = self.core.connections.acquire().await?;
            let into = (&mut view, &mut Expectations::default());
            match read::read(&mut connection, known, reads.clone(), now, into).await {
                // As in `read`.
                Err(error) if is_broken(&error) && broken < self.core.connections.count() => {
                    connection.close_on_drop();
                    broken += 1;
                }
                result => {
                    result?;
                    self.core.connections.give_back(connection);
                    return Ok(view);
                }
            }
        }
    }

    pub(crate) async fn inspect<D: Decide>(&self, decide: D) -> Result<D::Out> {
        let mut inspection = Inspection::new(decide);
        let looked = match self.look(&mut inspection).await {
            Err(error) if is_schema_changed(&error) => {
                self.core.refresh().await?;
                self.look(&mut inspection).await
            }
            result => result,
        };
        looked?;
        inspection.out()
    }

    /// What is decided on one round of reads has seen one state, that of their one statement. Where more is needed, all
    /// of it is read anew in one. Where that asks for still more, it is read in a transaction that keeps its state.
    async fn look(&self, inspection: &mut dyn Look) -> Result<()> {
        let known = self.core.shared.known();
        check_epoch(inspection.epoch(), known.epoch())?;
        let mut needed = inspection.step(&View::default())?;
        let mut asked: Vec<Read> = Vec::new();
        for round in 0..2 {
            if needed.is_empty() {
                return Ok(());
            }
            asked.extend(needed);
            if asked.iter().any(Read::is_of_the_first) {
                return self.look_on(inspection, &known, (asked, round)).await;
            }
            asked = unread(&View::default(), asked, round)?;
            let view = self.view(&known, asked.clone()).await?;
            needed = inspection.step(&view)?;
        }
        if needed.is_empty() {
            return Ok(());
        }
        asked.extend(needed);
        self.look_on(inspection, &known, (asked, 2)).await
    }

    async fn look_on(
        &self,
        inspection: &mut dyn Look,
        known: &Known,
        (mut needed, mut round): (Vec<Read>, usize),
    ) -> Result<()> {
        let now = self.core.shared.clock.now();
        let mut connection = self.core.connections.acquire().await?;
        let mut transaction = connection.begin_with(BEGIN_READ).await.map_err(|error| map(&error))?;
        let mut view = View::default();
        while !needed.is_empty() {
            let reads = unread(&view, needed, round)?;
            read::read(&mut transaction, known, reads, now, (&mut view, &mut Expectations::default())).await?;
            needed = inspection.step(&view)?;
            round += 1;
        }
        transaction.commit().await.map_err(|error| map(&error))?;
        self.core.connections.give_back(connection);
        Ok(())
    }
}
