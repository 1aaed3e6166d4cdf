//! Dead letters: jobs that nobody tries any more, kept as documents to be looked at, tried again or dropped.

use std::sync::{Arc, LazyLock};

use basalt_core::random::Random;
use basalt_core::{Actor, CollectionName, Document, DocumentId, Error, Result, Rev, Timestamp};
use basalt_store::jobs::Job;
use basalt_store::{Decide, DocumentWrite, NewJob, Origin, Read, Step, Store, View, Writes};
use serde_json::{Map, Value, json};

/// The documents that dead letters are.
pub static DEAD_LETTERS: LazyLock<CollectionName> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "a constant")]
    CollectionName::parse("_dead_letters").expect("a name")
});

/// The longest error that is kept, in characters.
const ERROR_MAX: usize = 4_096;

/// A job that is dead.
#[derive(Clone, Debug, PartialEq)]
pub struct DeadLetter {
    pub id: DocumentId,
    pub kind: String,
    pub key: Option<String>,
    pub order_key: Option<String>,
    pub payload: Value,
    pub attempts: u32,
    /// Of the last try.
    pub error: String,
    pub enqueued_at: Timestamp,
    pub died_at: Timestamp,
}

impl DeadLetter {
    /// One job has one letter, whoever writes it and how often.
    pub(super) fn of(job: &Job, error: &str, now: Timestamp) -> Result<Self> {
        let error = error.chars().take(ERROR_MAX).collect();
        Ok(Self {
            id: DocumentId::parse(&format!("{:016x}", job.id))?,
            kind: job.kind.clone(),
            key: job.key.clone(),
            order_key: job.order_key.clone(),
            payload: job.payload.clone(),
            attempts: job.attempt,
            error,
            enqueued_at: job.enqueued_at,
            died_at: now,
        })
    }

    pub fn parse(document: &Document) -> Result<Self> {
        let odd = || Error::internal(format!("a dead letter is odd: {}", document.id));
        let text = |name: &str| document.data.get(name).and_then(Value::as_str);
        let time = |name: &str| text(name).and_then(Timestamp::parse).ok_or_else(odd);
        Ok(Self {
            id: document.id.clone(),
            kind: text("kind").ok_or_else(odd)?.to_owned(),
            key: text("key").map(str::to_owned),
            order_key: text("orderKey").map(str::to_owned),
            payload: document.data.get("payload").cloned().unwrap_or_default(),
            attempts: document
                .data
                .get("attempts")
                .and_then(Value::as_u64)
                .and_then(|count| u32::try_from(count).ok())
                .unwrap_or(0),
            error: text("error").unwrap_or_default().to_owned(),
            enqueued_at: time("enqueuedAt")?,
            died_at: time("diedAt")?,
        })
    }

    /// The job that tries it once more, from its first try on. It has no key: the one that died is out of the queue a moment
    /// after its letter is there, and another may have come under its key meanwhile; it is the double of neither.
    pub fn replay(&self, now: Timestamp) -> NewJob {
        NewJob {
            kind: self.kind.clone().into(),
            key: None,
            order_key: self.order_key.clone(),
            payload: self.payload.clone(),
            run_at: now,
        }
    }

    fn data(&self) -> Map<String, Value> {
        let value = json!({
            "kind": self.kind, "key": self.key, "orderKey": self.order_key, "payload": self.payload,
            "attempts": self.attempts, "error": self.error, "enqueuedAt": self.enqueued_at, "diedAt": self.died_at,
        });
        if let Value::Object(fields) = value { fields } else { Map::new() }
    }
}

pub(super) async fn keep(store: &Store, letter: &DeadLetter, random: &dyn Random) -> Result<()> {
    let origin = Origin { actor: Actor::SYSTEM, request_id: format!("job-{}", letter.id), at: letter.died_at };
    let document = Arc::new(Document {
        id: letter.id.clone(),
        rev: Rev::generate(random),
        created_at: letter.died_at,
        updated_at: letter.died_at,
        data: letter.data(),
    });
    store.commit(Keep { document, origin }).await.map(drop)
}

struct Keep {
    document: Arc<Document>,
    origin: Origin,
}

impl Decide for Keep {
    type Out = ();

    fn epoch(&self) -> Option<u64> {
        None
    }

    fn step(&mut self, view: &View) -> Step<()> {
        let (collection, id) = (DEAD_LETTERS.clone(), self.document.id.clone());
        let Some(previous) = view.document(&collection, &id) else {
            return Step::Need(vec![Read::Document { collection, id }]);
        };
        let (document, previous) = (Arc::clone(&self.document), previous.cloned());
        let documents = vec![DocumentWrite::Put { collection, document, previous }];
        Step::Done(Writes { documents, ..Writes::none(self.origin.clone()) }, ())
    }
}
