use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use basalt_core::random::Random;
use basalt_core::{Change, Clock, CollectionName, Document, DocumentId, Error, Result, Seq, Timestamp};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use crate::catalog::stale::is_schema_changed;
use crate::catalog::{Catalog, CatalogChange};
use crate::changes::{LogOf, LogPage, LogRead};
use crate::commit::Ticket;
use crate::decide::{Cell, CellKey, Committed, Decide};
use crate::driver::Driver;
use crate::maintenance::LogLimits;
use crate::migrate::{Examined, SchemaPlan};
use crate::postgres;
use crate::query::{self, Aggregate, AggregatePage, Count, Keyset, List, Near, NearPage, Nearest, NearestPage, Page};
use crate::readers::{self, DurableReader, LogStats};
use crate::records::{KeptRecord, Record, RecordScan, Recorder};
use crate::shared::{Hooks, Shared};
use crate::sieve::NearestSieve;
use crate::sql::{Dialect, Row, Statement};
use crate::{changes, define, maintenance, sqlite};

/// Which database, and where.
#[derive(Clone, Debug)]
pub enum Engine {
    /// A folder of its own, made if missing and locked against a second process.
    Sqlite {
        folder: PathBuf,
    },
    Postgres {
        url: String,
        max_connections: u32,
    },
}

#[derive(Clone)]
pub struct Options {
    pub engine: Engine,
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Random>,
    /// How much of the log is kept; records are kept as long.
    pub log_limits: LogLimits,
}

/// The opened database; cheap to clone. [`Store::close`] it: dropping it leaves what is under way to itself.
#[derive(Clone)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) driver: Driver,
    pub(crate) shared: Arc<Shared>,
    pub(crate) log_limits: LogLimits,
    /// Wakes the builder of indexes.
    pub(crate) build: Notify,
    /// Commits that were asked for and not answered yet.
    commits: AtomicUsize,
    pub(crate) log_id: String,
    records: Recorder,
    background: Mutex<Vec<JoinHandle<()>>>,
}

impl Store {
    /// Opens, migrates (after a backup, where there is something to lose) and starts the committer.
    pub async fn open(options: Options) -> Result<Self> {
        Self::open_with(options, Hooks::default()).await
    }

    pub(crate) async fn open_with(options: Options, hooks: Hooks) -> Result<Self> {
        let Options { engine, clock, random, log_limits } = options;
        let (driver, shared) = match engine {
            Engine::Sqlite { folder } => {
                let now = clock.now();
                let prepared = move || sqlite::Prepared::open(&folder, now);
                let (prepared, opened) = tokio::task::spawn_blocking(prepared).await.map_err(Error::internal)??;
                let shared = Arc::new(Shared::new(opened.known, opened.end, clock, random, hooks));
                (Driver::Sqlite(Box::new(prepared.start(Arc::clone(&shared))?)), shared)
            }
            Engine::Postgres { url, max_connections } => {
                let (prepared, opened) = postgres::Prepared::open(&url, max_connections, clock.now()).await?;
                let shared = Arc::new(Shared::new(opened.known, opened.end, clock, random, hooks));
                (Driver::Postgres(prepared.start(Arc::clone(&shared))), shared)
            }
        };
        let log_id = log_id(&driver, &*shared.random).await?;
        let records = Recorder::start(&driver, Arc::clone(&shared.clock), log_limits.max_age).await?;
        let build = Notify::new();
        let background = Mutex::new(Vec::new());
        let commits = AtomicUsize::new(0);
        let inner = Arc::new(Inner { driver, shared, log_limits, build, commits, log_id, records, background });
        #[expect(clippy::disallowed_methods, reason = "the store owns these tasks and ends them when it is closed")]
        let tasks = vec![
            tokio::spawn(define::build_indexes(Arc::downgrade(&inner))),
            tokio::spawn(maintenance::run(Arc::downgrade(&inner))),
        ];
        *inner.background.lock().unwrap_or_else(PoisonError::into_inner) = tasks;
        inner.build.notify_one();
        Ok(Self { inner })
    }

    /// What [`Store::open`] would do to the schema of a database (`basalt upgrade --check`); changes nothing.
    pub async fn schema_plan(engine: &Engine) -> Result<SchemaPlan> {
        Self::examine(engine).await.map(|examined| examined.plan)
    }

    /// Looks at a database without opening it for use: nothing is made, migrated or written (`basalt doctor`).
    pub async fn examine(engine: &Engine) -> Result<Examined> {
        match engine {
            Engine::Sqlite { folder } => Ok(Examined { plan: sqlite::schema_plan(folder)?, time: None }),
            Engine::Postgres { url, .. } => postgres::examine(url).await,
        }
    }

    /// Answers what is under way, then closes.
    pub async fn close(&self) {
        let tasks = std::mem::take(&mut *self.inner.background.lock().unwrap_or_else(PoisonError::into_inner));
        for task in &tasks {
            task.abort();
        }
        for task in tasks {
            // An aborted task answers so.
            drop(task.await);
        }
        self.inner.records.close().await;
        let inner = Arc::clone(&self.inner);
        match &inner.driver {
            Driver::Sqlite(_) => {
                let close = move || {
                    if let Driver::Sqlite(sqlite) = &inner.driver {
                        sqlite.close();
                    }
                };
                if tokio::task::spawn_blocking(close).await.is_err() {
                    tracing::error!("closing the database panicked");
                }
            }
            Driver::Postgres(postgres) => postgres.close().await,
        }
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<()> {
        self.inner.driver.read_one("SELECT 1", Vec::new()).await.map(|_| ())
    }

    /// The catalog as this node knows it.
    pub fn catalog(&self) -> Arc<Catalog> {
        Arc::clone(&self.inner.shared.known().catalog)
    }

    /// Changes of the catalog, as this node learns of them.
    pub fn catalog_changes(&self) -> watch::Receiver<Arc<Catalog>> {
        self.inner.shared.catalog.subscribe()
    }

    /// Changes the catalog if its epoch still is `expected` (else the error is a stale epoch). Indexes are built in the
    /// background.
    pub async fn define(&self, expected: u64, changes: Vec<CatalogChange>) -> Result<Arc<Catalog>> {
        define::define(&self.inner, expected, changes).await
    }

    /// Waits until no index is being built (tests, imports).
    pub async fn indexes_built(&self) -> Result<()> {
        define::indexes_built(&self.inner).await
    }

    /// Decides and commits durably, in a group with others.
    pub async fn commit<D: Decide>(&self, decide: D) -> Result<(D::Out, Committed)> {
        let (ticket, answer) = Ticket::new(decide);
        let _under_way = UnderWay::enter(&self.inner.commits);
        self.inner.driver.submit(Box::new(ticket));
        answer.await.ok_or_else(|| Error::internal("the committer dropped a batch"))?.result
    }

    /// Commits that wait or are being decided.
    pub fn commits_under_way(&self) -> usize {
        self.inner.commits.load(Ordering::Relaxed)
    }

    /// The size of SQLite's write-ahead log; `None` on PostgreSQL.
    pub fn wal_bytes(&self) -> Option<u64> {
        match &self.inner.driver {
            Driver::Sqlite(sqlite) => Some(sqlite.wal_bytes()),
            Driver::Postgres(_) => None,
        }
    }

    /// Decides on one consistent snapshot without writing (what it writes has to be empty).
    pub async fn inspect<D: Decide>(&self, decide: D) -> Result<D::Out> {
        self.inner.driver.inspect(decide).await
    }

    pub async fn document(&self, collection: &CollectionName, id: &DocumentId) -> Result<Option<Document>> {
        let driver = &self.inner.driver;
        match driver.document(collection, id).await {
            Err(error) if is_schema_changed(&error) => {
                driver.refresh().await?;
                driver.document(collection, id).await
            }
            result => result,
        }
    }

    pub async fn cell(&self, key: &CellKey) -> Result<Option<Cell>> {
        self.inner.driver.cell(key).await
    }

    pub async fn list(&self, list: List) -> Result<Page> {
        Ok(self.page(list, Beside::Nothing, query::decode_list).await?.0)
    }

    /// With the log's end, of the same state.
    pub async fn list_with_end(&self, list: List) -> Result<(Page, Seq)> {
        let (page, beside) = self.page(list, Beside::End, query::decode_list).await?;
        Ok((page, changes::end(&beside)?))
    }

    /// As [`Store::list`], with each document as its flat JSON text: what goes out as it is isn't parsed.
    pub async fn list_texts(&self, list: List) -> Result<Page<String>> {
        Ok(self.page(list, Beside::Nothing, query::decode_list_texts).await?.0)
    }

    async fn page<D>(
        &self,
        list: List,
        beside: Beside,
        decode: impl FnOnce(&List, &[Row]) -> Result<(Vec<D>, Option<Keyset>)>,
    ) -> Result<(Page<D>, Vec<Row>)> {
        let statements = |catalog: &Catalog, dialect| {
            let mut statements = vec![query::list_statement(catalog, &list, dialect)?];
            if list.count {
                statements.push(query::count_statement(
                    catalog,
                    &list.collection,
                    &list.filter,
                    list.search.as_ref(),
                    dialect,
                )?);
            }
            if beside == Beside::End {
                statements.push(statement(changes::SELECT_END));
            }
            Ok(statements)
        };
        let mut answers = self.query(statements).await?;
        let (documents, next) = decode(&list, rows(&answers, 0))?;
        let total = list.count.then(|| query::decode_count(rows(&answers, 1))).transpose()?;
        let beside = if beside == Beside::End { answers.pop().unwrap_or_default() } else { Vec::new() };
        Ok((Page { documents, next, total }, beside))
    }

    /// Several lists in one read transaction: the rows of each. Cursors and counts are not for here.
    pub async fn lists(&self, lists: &[List]) -> Result<Vec<Vec<Document>>> {
        let statements = |catalog: &Catalog, dialect| {
            lists.iter().map(|list| query::list_statement(catalog, list, dialect)).collect::<Result<Vec<_>>>()
        };
        let answers = self.query(statements).await?;
        lists.iter().enumerate().map(|(n, list)| Ok(query::decode_list(list, rows(&answers, n))?.0)).collect()
    }

    /// A page of documents by their distance from a point.
    pub async fn near(&self, near: Near) -> Result<NearPage> {
        let near = Arc::new(near);
        let answers = self.near_answers(&near).await;
        let answers = match answers {
            Err(error) if is_schema_changed(&error) => {
                self.inner.driver.refresh().await?;
                self.near_answers(&near).await?
            }
            answers => answers?,
        };
        let counted = usize::from(near.list.count);
        let (documents, metres, next) = query::decode_near(&near, rows(&answers, 1 + counted))?;
        let total = near.list.count.then(|| query::decode_count(rows(&answers, 1))).transpose()?;
        Ok(NearPage { page: Page { documents, next, total }, metres })
    }

    /// The documents whose vectors are nearest to one.
    pub async fn nearest(&self, nearest: Nearest) -> Result<NearestPage> {
        let nearest = Arc::new(nearest);
        match self.nearest_once(&nearest).await {
            Err(error) if is_schema_changed(&error) => {
                self.inner.driver.refresh().await?;
                self.nearest_once(&nearest).await
            }
            page => page,
        }
    }

    async fn nearest_once(&self, nearest: &Arc<Nearest>) -> Result<NearestPage> {
        let (catalog, dialect) = (self.catalog(), self.inner.driver.dialect());
        let select = query::scan_statement(&catalog, nearest, dialect)?;
        let sieve = NearestSieve::new(catalog, Arc::clone(nearest), dialect);
        let (sieve, rows) = self.inner.driver.sift(select, sieve).await?;
        query::decode_nearest(&sieve.found, &rows)
    }

    async fn near_answers(&self, near: &Arc<Near>) -> Result<Vec<Vec<Row>>> {
        let (catalog, dialect) = (self.catalog(), self.inner.driver.dialect());
        let mut first = vec![query::reach_statement(&catalog, near, dialect)?];
        if near.list.count {
            first.push(query::count_statement(
                &catalog,
                &near.list.collection,
                &near.filter(),
                near.list.search.as_ref(),
                dialect,
            )?);
        }
        let near = Arc::clone(near);
        let then =
            move |answers: &[Vec<Row>]| Ok(vec![query::near_statement(&catalog, &near, rows(answers, 0), dialect)?]);
        self.inner.driver.read_then(first, Arc::new(then)).await
    }

    pub async fn count(&self, count: Count) -> Result<u64> {
        let statements = |catalog: &Catalog, dialect| {
            let Count { collection, filter, search } = &count;
            Ok(vec![query::count_statement(catalog, collection, filter, search.as_ref(), dialect)?])
        };
        query::decode_count(rows(&self.query(statements).await?, 0))
    }

    pub async fn aggregate(&self, aggregate: Aggregate) -> Result<AggregatePage> {
        let statements =
            |catalog: &Catalog, dialect| Ok(vec![query::aggregate_statement(catalog, &aggregate, dialect)?]);
        query::decode_aggregate(&aggregate, rows(&self.query(statements).await?, 0))
    }

    /// Runs statements that are made from the catalog, once more where it has changed under them.
    async fn query(
        &self,
        statements: impl Fn(&Catalog, Dialect) -> Result<Vec<Statement>> + Send,
    ) -> Result<Vec<Vec<Row>>> {
        let driver = &self.inner.driver;
        match driver.read(statements(&self.catalog(), driver.dialect())?).await {
            Err(error) if is_schema_changed(&error) => {
                driver.refresh().await?;
                driver.read(statements(&self.catalog(), driver.dialect())?).await
            }
            result => result,
        }
    }

    /// The identity of this log; another one after a restore or a move between engines.
    pub fn log_id(&self) -> &str {
        &self.inner.log_id
    }

    /// The changes after `since`, in order, at most `limit` (fewer where they are large). A `since` older than what is
    /// kept is [`basalt_core::Code::CursorExpired`].
    pub async fn changes(&self, since: Seq, limit: u32) -> Result<Vec<Change>> {
        if let Some(recent) = self.inner.shared.recent.after(since, limit) {
            return Ok(recent);
        }
        if let Some(own) = self.inner.driver.own_changes(since, limit).await? {
            return Ok(own);
        }
        Ok(self.read_log(&LogRead::new(since, limit)).await?.changes)
    }

    /// The changes after `since` as far as this node has heard of any ([`Store::log_end`]), without asking the database:
    /// there may be more of which it has not heard. `None` where not all of them are its own.
    pub async fn own_news(&self, since: Seq, limit: u32) -> Option<Vec<Change>> {
        self.inner.driver.own_news(since, limit).await
    }

    /// The same of those alone that operators made: reading them costs nothing for the others.
    pub async fn changes_by_operators(&self, since: Seq, limit: u32) -> Result<Vec<Change>> {
        let read = LogRead { of: LogOf::Operators, bytes: usize::MAX, ..LogRead::new(since, limit) };
        Ok(self.read_log(&read).await?.changes)
    }

    /// A page of the log, and up to where it tells all.
    pub async fn read_log(&self, read: &LogRead) -> Result<LogPage> {
        let select = changes::select(read, self.inner.driver.dialect());
        let answers = self.inner.driver.read(vec![select]).await?;
        let page = changes::decode(read, answers.into_iter().next().unwrap_or_default());
        if let Ok(page) = &page {
            self.inner.shared.trimmed.fetch_max(page.trimmed, Ordering::AcqRel);
        }
        page
    }

    /// Changes up to here are gone from the log, as far as this node knows: within moments of its being trimmed.
    pub fn log_trimmed(&self) -> Seq {
        self.inner.shared.trimmed.load(Ordering::Acquire)
    }

    /// How large and how old the log is.
    pub async fn log_stats(&self) -> Result<LogStats> {
        readers::stats(&self.inner.driver).await
    }

    /// The durable readers of the log.
    pub async fn readers(&self) -> Result<Vec<DurableReader>> {
        readers::all(&self.inner.driver).await
    }

    /// Whether the log waits for a reader.
    pub fn waits_for(&self, reader: &DurableReader) -> bool {
        reader.holds(&self.inner.log_id, self.inner.shared.clock.now(), self.inner.log_limits.reader_idle)
    }

    /// The log's end; a hint that there is something to read ([`Store::changes`] tells).
    pub fn log_end(&self) -> watch::Receiver<Seq> {
        self.inner.shared.end.subscribe()
    }

    /// Appends without waiting; drops and counts when the queue is full.
    pub fn record(&self, record: Record) {
        self.inner.records.append(record);
    }

    /// The newest records of a kind in `from..to`, at most `limit`.
    pub async fn records(&self, kind: &str, from: Timestamp, to: Timestamp, limit: u32) -> Result<Vec<Record>> {
        self.inner.records.read(kind, from, to, limit).await
    }

    /// Records of a kind before a place, the newest first.
    pub async fn scan_records(&self, scan: &RecordScan) -> Result<Vec<KeptRecord>> {
        self.inner.records.scan(scan).await
    }

    /// Records of a kind whose ids come after this one, in the order of ids. Between nodes a smaller id may show up
    /// after a greater one.
    pub async fn records_after(&self, kind: &str, id: i64, limit: u32) -> Result<Vec<KeptRecord>> {
        self.inner.records.after(kind, id, limit).await
    }

    /// The greatest id that any record has.
    pub async fn last_record(&self) -> Result<i64> {
        self.inner.records.last().await
    }
}

/// What is read in one transaction with a page.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Beside {
    Nothing,
    /// The log's end.
    End,
}

/// Counted while it lives.
struct UnderWay<'a>(&'a AtomicUsize);

impl<'a> UnderWay<'a> {
    fn enter(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn rows(answers: &[Vec<Row>], n: usize) -> &[Row] {
    answers.get(n).map(Vec::as_slice).unwrap_or_default()
}

fn statement(sql: &str) -> Statement {
    Statement { sql: sql.to_owned(), values: Vec::new() }
}

/// The log's id; the first who opens a database draws it.
async fn log_id(driver: &Driver, random: &dyn Random) -> Result<String> {
    const SELECT: &str = "SELECT value FROM meta WHERE name = 'log_id'";
    let read = || async { driver.read_one(SELECT, Vec::new()).await };
    let text = |rows: Vec<Row>| rows.first().and_then(|row| row[0].as_text().map(str::to_owned));
    if let Some(id) = text(read().await?) {
        return Ok(id);
    }
    let id = basalt_core::random::base32hex(&basalt_core::random::bytes::<10>(random));
    let sql = "INSERT INTO meta (name, value) VALUES ('log_id', $1) ON CONFLICT (name) DO NOTHING";
    driver.write(vec![Statement { sql: driver.dialect().sql(sql), values: vec![id.into()] }]).await?;
    text(read().await?).ok_or_else(|| Error::internal("the log has no id"))
}
