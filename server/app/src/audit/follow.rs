//! What operators change by the doors of documents is in the change log already: this reader writes it down for good.

use std::time::Duration;

use basalt_core::change::{ActorKind, seq_to_text};
use basalt_core::{Caller, Change, ChangeOp, Code, DocumentId, Error, Result, Seq, Timestamp};
use basalt_data::changes::Changes;
use basalt_store::Read;
use serde_json::{Map, Value, json};

use super::Audit;
use crate::common::Tx;
use crate::common::names::{AUDIT, OWNED, USERS};

/// The reader's name among those of the log.
const CONSUMER: &str = "audit";
/// Changes of one batch.
const BATCH: u32 = 100;
/// Beyond so many changes the place is written down although nothing was noted: the log is trimmed behind it.
const FAR: Seq = 10_000;
/// The same after this time.
const LONG: Duration = Duration::from_hours(1);
/// A larger body is not kept; a batch of the largest stays well below what one commit takes.
const BODY_BYTES: usize = 32 * 1024;

/// How far this node has looked, and when the place was last written down.
#[derive(Clone, Copy, Default)]
pub(super) struct Followed {
    /// `None` before the first look.
    seen: Option<Seq>,
    moved_at: Option<Timestamp>,
}

impl Audit {
    /// Writes down what operators changed since the last time, and says how many changes that were; to be called now
    /// and then, also by several nodes at once: an entry is named by its place in the log, so there is one of each.
    ///
    /// Where nothing was written since, nothing is read; where operators wrote nothing, nothing is written, but for
    /// the place every now and then, so that the reader doesn't fall out of the log.
    pub async fn follow(&self, changes: &Changes) -> Result<usize> {
        let mut followed = self.followed.lock().await;
        let end = changes.end();
        if followed.seen.is_some_and(|seen| seen >= end) {
            return Ok(0);
        }
        let kept = self.place(changes).await?;
        let (mut place, mut moved, mut noted) = (kept.max(followed.seen.unwrap_or(0)), kept, 0);
        loop {
            let batch = self.db.store().changes_by_operators(place, BATCH).await?;
            let more = batch.len() == BATCH as usize;
            // Everything up to the end that was known before reading has been looked at.
            place = batch.last().map_or(place, |last| last.seq).max(if more { 0 } else { end });
            let concerned: Vec<Change> = batch.into_iter().filter(is_concerned).collect();
            if !concerned.is_empty() {
                noted += concerned.len();
                self.note(changes, concerned, place).await?;
                moved = place;
            }
            if !more {
                break;
            }
        }
        let now = self.db.now();
        let long_ago = followed.moved_at.is_none_or(|at| now.since(at) >= LONG);
        if place > moved && (place - moved >= FAR || long_ago) {
            self.note(changes, Vec::new(), place).await?;
            moved = place;
        }
        let moved_at = if moved > kept { Some(now) } else { followed.moved_at };
        *followed = Followed { seen: Some(place), moved_at };
        Ok(noted)
    }

    /// Where the reader stands: at its first start at the log's end, and there too when it fell out of the log.
    async fn place(&self, changes: &Changes) -> Result<Seq> {
        let place = match changes.cursor(CONSUMER).await {
            Ok(Some(seq)) => return self.within(changes, seq).await,
            Ok(None) => changes.end(),
            Err(error) if error.code() == Code::CursorExpired => self.fallen_out(changes),
            Err(error) => return Err(error),
        };
        self.note(changes, Vec::new(), place).await?;
        Ok(place)
    }

    async fn within(&self, changes: &Changes, seq: Seq) -> Result<Seq> {
        match self.db.store().changes_by_operators(seq, 1).await {
            Ok(_) => Ok(seq),
            Err(error) if error.code() == Code::CursorExpired => Ok(self.fallen_out(changes)),
            Err(error) => Err(error),
        }
    }

    fn fallen_out(&self, changes: &Changes) -> Seq {
        let now = self.db.now();
        tracing::error!(%now, "the audit fell out of the change log: changes by operators before now are not in it");
        changes.end()
    }

    /// Entries and the reader's place, in one batch.
    async fn note(&self, changes: &Changes, concerned: Vec<Change>, place: Seq) -> Result<()> {
        let cursor = changes.cursor_write(CONSUMER, place);
        let decide = move |tx: &mut Tx<'_>| {
            let ids = concerned.iter().map(|change| entry_id(change.seq)).collect::<Result<Vec<_>>>()?;
            tx.need(ids.iter().map(|id| Read::Document { collection: AUDIT.clone(), id: id.clone() }))?;
            for (id, change) in ids.iter().zip(&concerned) {
                if tx.document(&AUDIT, id)?.is_none() {
                    tx.create(&AUDIT, id, entry(change))?;
                }
            }
            tx.write_cell(cursor.clone());
            Ok(())
        };
        self.db.commit(&Caller::system(self.db.now()), decide).await?;
        Ok(())
    }
}

/// Changes by operators, but for those that a room of the admin API wrote down in their own batch: users come and go,
/// and the server's fields of them change, by that alone.
fn is_concerned(change: &Change) -> bool {
    let by_operator = change.actor.kind == ActorKind::Operator && !change.collection.is_system();
    let noted_already = change.collection == *USERS && (change.op != ChangeOp::Update || is_of_the_server(change));
    by_operator && !noted_already
}

fn is_of_the_server(change: &Change) -> bool {
    change.before.as_ref().is_some_and(|before| OWNED.iter().any(|name| before.contains_key(*name)))
}

fn entry_id(seq: Seq) -> Result<DocumentId> {
    DocumentId::parse(&format!("change-{}", seq_to_text(seq))).map_err(Error::internal)
}

fn entry(change: &Change) -> Map<String, Value> {
    let action = match change.op {
        ChangeOp::Create => "documents.create",
        ChangeOp::Update => "documents.update",
        ChangeOp::Delete => "documents.delete",
    };
    let mut data = Map::from_iter([
        ("actor".to_owned(), json!(change.actor)),
        ("action".to_owned(), action.into()),
        ("target".to_owned(), json!({ "type": change.collection, "id": change.id })),
        ("requestId".to_owned(), change.request_id.as_str().into()),
        ("at".to_owned(), change.at.to_string().into()),
    ]);
    for (name, body) in [("before", &change.before), ("after", &change.after)] {
        if let Some(body) = body {
            data.insert(name.to_owned(), told(body));
        }
    }
    data
}

/// The body, or its size where it is too large to be kept a second time.
fn told(body: &Map<String, Value>) -> Value {
    let bytes = serde_json::to_vec(body).map_or(usize::MAX, |text| text.len());
    if bytes <= BODY_BYTES { Value::Object(body.clone()) } else { json!({ "leftOut": true, "bytes": bytes }) }
}
