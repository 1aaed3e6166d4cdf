//! Reads that many wait for at once, answered together: while one group is on its way the next gathers, and who finds
//! nobody on his way goes at once. A group is sent after all of its questions were asked, so each is answered by a state
//! that is no older than the question.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use basalt_core::{Code, Error, Result};
use sqlx::pool::PoolConnection;
use sqlx::postgres::PgConnection;
use tokio::sync::{Notify, oneshot};

use super::connections::closed;
use super::read::{Expectations, read};
use super::{Core, is_broken};
use crate::catalog::stale::is_schema_changed;
use crate::decide::{Read, View};
use crate::known::Known;

/// Questions that wait; more are refused as overload.
const MOST_WAITING: usize = 8_192;
/// A group closes at so many reads: they are read soon, and more in one statement saves nothing.
const GROUP_READS: usize = 64;
/// So many questions are looked at for a group.
const LOOKED_AT: usize = 1_024;
/// Longer than the database lets a statement run: then it is the connection that is dead.
const PATIENCE: Duration = Duration::from_secs(7);

/// What one decision wants to read, of one state.
struct Question {
    /// The tables of the definitions that the decision goes by.
    known: Arc<Known>,
    reads: Vec<Read>,
    answer: oneshot::Sender<Result<View>>,
}

/// The questions that wait.
#[derive(Default)]
pub(crate) struct Gathering {
    queue: Mutex<Queue>,
    news: Notify,
}

#[derive(Default)]
struct Queue {
    questions: VecDeque<Question>,
    closed: bool,
}

impl Gathering {
    /// Reads, in one statement and so of one state, together with whoever asks for the same kinds of things.
    pub(crate) async fn read(&self, known: Arc<Known>, reads: Vec<Read>) -> Result<View> {
        let (answer, answered) = oneshot::channel();
        {
            let mut queue = self.queue();
            if queue.closed {
                return Err(closed());
            }
            if queue.questions.len() >= MOST_WAITING {
                let detail = "Too many reads are waiting.";
                return Err(Error::new(Code::Overloaded, detail).retry_after(Duration::from_secs(1)));
            }
            queue.questions.push_back(Question { known, reads, answer });
        }
        self.news.notify_one();
        answered.await.map_err(|_| Error::internal("a reader dropped a question"))?
    }

    /// Answers what waits, then refuses.
    pub(crate) fn close(&self) {
        self.queue().closed = true;
        self.news.notify_waiters();
        // For one who is about to wait.
        self.news.notify_one();
    }

    /// The next group; `None` when all are answered and no more come.
    async fn next(&self) -> Option<Vec<Question>> {
        loop {
            let heard = self.news.notified();
            {
                let mut queue = self.queue();
                let group = queue.take();
                if queue.closed || !queue.questions.is_empty() {
                    // For another reader.
                    self.news.notify_one();
                }
                if !group.is_empty() {
                    return Some(group);
                }
                if queue.closed {
                    return None;
                }
            }
            heard.await;
        }
    }

    fn fail(&self, error: &Error) {
        let questions = std::mem::take(&mut self.queue().questions);
        for question in questions {
            question.fail(error);
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    /// The first question and those that ask in the same places: their statement is the same, and so is prepared already.
    fn take(&mut self) -> Vec<Question> {
        let mut group: Vec<Question> = Vec::new();
        let mut reads = 0;
        let mut at = 0;
        while reads < GROUP_READS
            && at < LOOKED_AT
            && let Some(question) = self.questions.get(at)
        {
            let fits = group.first().is_none_or(|first| first.covers(question));
            if !question.answer.is_closed() && !fits {
                at += 1;
                continue;
            }
            // Whoever has gone doesn't want to know.
            if let Some(question) = self.questions.remove(at).filter(|question| !question.answer.is_closed()) {
                reads += question.reads.len();
                group.push(question);
            }
        }
        group
    }
}

impl Question {
    /// Whether the other asks for nothing that isn't asked for here in kind.
    fn covers(&self, other: &Self) -> bool {
        let known = |read: &Read| self.reads.iter().any(|own| is_of_one_kind(own, read));
        Arc::ptr_eq(&self.known, &other.known) && other.reads.iter().all(known)
    }

    fn fail(self, error: &Error) {
        drop(self.answer.send(Err(error.clone())));
    }

    fn answer(self, view: &View) {
        // A caller who has gone doesn't want to know.
        drop(self.answer.send(Ok(part(view, &self.reads))));
    }
}

/// What was asked for, of what was read.
fn part(all: &View, reads: &[Read]) -> View {
    let mut view = View::default();
    for read in reads {
        match read {
            Read::Document { collection, id } | Read::New { collection, id } => {
                let place = (collection.clone(), id.clone());
                if let Some(found) = all.documents.get(&place) {
                    view.documents.insert(place, found.clone());
                }
            }
            Read::Unique { collection, index, key } => {
                let place = (collection.clone(), index.clone(), key.clone());
                if let Some(found) = all.unique.get(&place) {
                    view.unique.insert(place, found.clone());
                }
            }
            Read::Cell(key) => {
                if let Some(found) = all.cells.get(key) {
                    view.cells.insert(key.clone(), found.clone());
                }
            }
            Read::Holders { .. } => {}
        }
    }
    view
}

fn is_of_one_kind(one: &Read, other: &Read) -> bool {
    match (one, other) {
        (Read::Document { collection: a, .. }, Read::Document { collection: b, .. }) => a == b,
        (Read::Unique { collection: a, index: i, .. }, Read::Unique { collection: b, index: j, .. }) => {
            a == b && i == j
        }
        (Read::Cell(_), Read::Cell(_)) | (_, Read::New { .. }) => true,
        _ => false,
    }
}

/// Serves the gathering until it closes, whatever happens to a single reader.
#[expect(clippy::disallowed_methods, reason = "awaited right here: it is a task so that a panic ends it alone")]
pub(crate) async fn supervise(core: Arc<Core>) {
    while tokio::spawn(serve(Arc::clone(&core))).await.is_err() {
        tracing::error!("a reader panicked; another takes its place");
    }
}

async fn serve(core: Arc<Core>) {
    let mut reader = Reader { connection: None, core };
    while let Some(group) = reader.core.gathering.next().await {
        reader.answer(group).await;
    }
}

/// One of those who answer groups.
struct Reader {
    core: Arc<Core>,
    /// Kept from group to group.
    connection: Option<PoolConnection<sqlx::Postgres>>,
}

impl Reader {
    async fn answer(&mut self, group: Vec<Question>) {
        match self.read(&group).await {
            Ok(view) => {
                for question in group {
                    question.answer(&view);
                }
            }
            // One question of the group may have broken it: the others shall not suffer.
            Err(error) if group.len() > 1 && (error.code() == Code::Internal || is_schema_changed(&error)) => {
                for question in group {
                    match self.read(std::slice::from_ref(&question)).await {
                        Ok(view) => question.answer(&view),
                        Err(error) => question.fail(&error),
                    }
                }
            }
            Err(error) => {
                if is_broken(&error) {
                    // It was waited for a connection in vain, for all who came meanwhile, too.
                    self.core.gathering.fail(&error);
                }
                for question in group {
                    question.fail(&error);
                }
            }
        }
    }

    async fn read(&mut self, group: &[Question]) -> Result<View> {
        let mut broken = 0;
        loop {
            let mut connection = match self.connection.take() {
                Some(connection) => connection,
                None => self.core.connections.for_points().await?,
            };
            // A connection whose answer didn't come is not used again.
            let read = tokio::time::timeout(PATIENCE, self.read_on(&mut connection, group)).await;
            match read.unwrap_or_else(|_| Err(Error::new(Code::Timeout, "The query took too long."))) {
                // It broke while it was idle, perhaps with all others.
                Err(error) if is_broken(&error) && broken < self.core.connections.count() => broken += 1,
                Err(error) if error.code() == Code::Timeout => return Err(error),
                result => {
                    self.connection = Some(connection);
                    return result;
                }
            }
        }
    }

    async fn read_on(&self, connection: &mut PgConnection, group: &[Question]) -> Result<View> {
        let mut view = View::default();
        let Some(first) = group.first() else { return Ok(view) };
        let reads = group.iter().flat_map(|question| &question.reads).cloned();
        let reads = if group.len() > 1 { distinct(reads) } else { reads.collect() };
        let now = self.core.shared.clock.now();
        read(connection, &first.known, reads, now, (&mut view, &mut Expectations::default())).await?;
        Ok(view)
    }
}

fn distinct(reads: impl Iterator<Item = Read>) -> Vec<Read> {
    let mut seen = std::collections::HashSet::new();
    reads.filter(|read| seen.insert(read.clone())).collect()
}
