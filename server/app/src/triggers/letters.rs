//! Dead letters as operators see them: looked at, tried again, dropped.

use std::collections::BTreeSet;

use basalt_core::filter::{Filter, Leaf, Order, Place, Root, Scalar};
use basalt_core::{Caller, Code, DocumentId, Error, FieldPath, Result, Timestamp, limits};
use basalt_data::events::{Event, Target};
use basalt_data::jobs::{DEAD_LETTERS, DeadLetter};
use basalt_store::{Count, Keyset, List, Read, SortField};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use super::deliver::{FAMILY, kind};
use super::{Triggers, measure};
use crate::common::{Entry, Flow, Trail, Tx, rights};

/// Letters that are kept; the oldest go.
const KEPT: u64 = 10_000;
/// Letters that one step of sweeping drops.
const SWEPT: u32 = 200;

/// Which letters are to be listed.
#[derive(Clone, Debug, Default)]
pub struct LettersQuery {
    /// `function/wordCount`, `webhook/crm`, or a kind of job.
    pub target: Option<String>,
    /// When they died.
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
    pub limit: Option<u32>,
    pub cursor: Option<String>,
}

/// A dead letter.
#[derive(Clone, Debug, PartialEq)]
pub struct Letter {
    pub id: DocumentId,
    /// Of the job.
    pub kind: String,
    /// `None`: it was no event on its way to a target.
    pub target: Option<Target>,
    /// The whole event; of another job what it was to do.
    pub event: Value,
    pub attempts: u32,
    pub error: String,
    pub enqueued_at: Timestamp,
    pub died_at: Timestamp,
}

/// The newest first.
#[derive(Clone, Debug)]
pub struct LetterPage {
    pub letters: Vec<Letter>,
    pub next_cursor: Option<String>,
}

impl Triggers {
    pub async fn letters(&self, caller: &Caller, query: LettersQuery) -> Result<LetterPage> {
        rights::admin_read(caller)?;
        let limit = query.limit.unwrap_or(limits::PAGE_DEFAULT);
        if !(1..=limits::PAGE_MAX).contains(&limit) {
            return Err(Error::new(Code::BadParameter, format!("limit is 1 to {}.", limits::PAGE_MAX)));
        }
        let list = List {
            collection: DEAD_LETTERS.clone(),
            filter: filter(&query)?,
            search: None,
            sort: vec![by_death(true)?],
            limit,
            after: query.cursor.as_deref().map(place).transpose()?,
            count: false,
        };
        let page = self.db().store().list(list).await?;
        let letters = page.documents.iter().map(|document| DeadLetter::parse(document).map(letter));
        let letters = letters.collect::<Result<Vec<_>>>()?;
        Ok(LetterPage { letters, next_cursor: page.next.map(|end| cursor(&end)).transpose()? })
    }

    pub async fn letter(&self, caller: &Caller, id: &DocumentId) -> Result<Letter> {
        rights::admin_read(caller)?;
        let document = self.db().store().document(&DEAD_LETTERS, id).await?.ok_or_else(not_found)?;
        DeadLetter::parse(&document).map(letter)
    }

    /// Tries it once more, as if for the first time: the event is the same, its id too.
    pub async fn replay_letter(&self, caller: &Caller, id: &DocumentId) -> Result<()> {
        self.settle_letter(caller, id, "deadletters.replay").await
    }

    pub async fn drop_letter(&self, caller: &Caller, id: &DocumentId) -> Result<()> {
        self.settle_letter(caller, id, "deadletters.delete").await
    }

    async fn settle_letter(&self, caller: &Caller, id: &DocumentId, action: &'static str) -> Result<()> {
        rights::admin_write(caller)?;
        let (id, trail) = (id.clone(), Trail::new(self.db(), caller));
        let decide = move |tx: &mut Tx<'_>| -> Flow<()> {
            tx.need([Read::Document { collection: DEAD_LETTERS.clone(), id: id.clone() }, trail.read()])?;
            let Some(document) = tx.document(&DEAD_LETTERS, &id)? else { return Err(not_found().into()) };
            let letter = DeadLetter::parse(&document)?;
            tx.delete(&DEAD_LETTERS, &document);
            if action == "deadletters.replay" {
                tx.enqueue(letter.replay(tx.now()));
            }
            let before =
                Map::from_iter([("kind".to_owned(), json!(letter.kind)), ("key".to_owned(), json!(letter.key))]);
            let target = ("deadletter", id.to_string());
            trail.note(tx, Entry { action, target, before: Some(before), after: None })
        };
        self.db().commit(caller, decide).await.map(drop)
    }

    /// Drops the oldest beyond what is kept, and measures; to be called now and then.
    pub async fn sweep(&self) -> Result<()> {
        let store = self.db().store();
        let count = Count { collection: DEAD_LETTERS.clone(), filter: Filter::True, search: None };
        let mut letters = store.count(count).await?;
        while letters > KEPT {
            let over = u32::try_from(letters - KEPT).unwrap_or(u32::MAX).min(SWEPT);
            let list = List {
                collection: DEAD_LETTERS.clone(),
                filter: Filter::True,
                search: None,
                sort: vec![by_death(false)?],
                limit: over,
                after: None,
                count: false,
            };
            let oldest: Vec<DocumentId> =
                store.list(list).await?.documents.into_iter().map(|document| document.id).collect();
            if oldest.is_empty() {
                break;
            }
            letters -= oldest.len() as u64;
            tracing::warn!(count = oldest.len(), "the oldest dead letters are dropped: there are more than are kept");
            self.db().commit(&Caller::system(self.db().now()), move |tx| drop_all(tx, &oldest)).await?;
        }
        measure::letters(letters);
        Ok(())
    }

    /// Tells how long the queues are; `known`: kinds that were told before.
    pub async fn measure(&self, known: &mut BTreeSet<String>) -> Result<()> {
        let queues = self.db().store().queues().await?;
        let mut empty = std::mem::take(known);
        for queue in queues {
            measure::queue(&queue.kind, queue.jobs);
            empty.remove(&queue.kind);
            known.insert(queue.kind);
        }
        for kind in &empty {
            measure::queue(kind, 0);
        }
        Ok(())
    }
}

fn drop_all(tx: &mut Tx<'_>, ids: &[DocumentId]) -> Flow<()> {
    tx.need(ids.iter().map(|id| Read::Document { collection: DEAD_LETTERS.clone(), id: id.clone() }))?;
    for id in ids {
        if let Some(document) = tx.document(&DEAD_LETTERS, id)? {
            tx.delete(&DEAD_LETTERS, &document);
        }
    }
    Ok(())
}

fn letter(dead: DeadLetter) -> Letter {
    let DeadLetter { id, kind, payload, attempts, error, enqueued_at, died_at, .. } = dead;
    let (family, name) = kind.split_once('/').unwrap_or((kind.as_str(), ""));
    let target = if family == FAMILY { Target::parse(name) } else { None };
    let event = match (&target, serde_json::from_value::<Event>(payload.clone())) {
        (Some(_), Ok(event)) => event.to_json(attempts),
        _ => payload,
    };
    Letter { id, kind, target, event, attempts, error, enqueued_at, died_at }
}

fn filter(query: &LettersQuery) -> Result<Filter> {
    let at = |name: &str| Ok::<_, Error>(Place { root: Root::Document, path: FieldPath::parse(name)? });
    let mut all = Vec::new();
    if let Some(target) = &query.target {
        let kinds = match Target::parse(target) {
            Some(target) => vec![Scalar::Text(kind(&target))],
            None => vec![Scalar::Text(target.clone())],
        };
        all.push(Filter::Leaf(Leaf::In { place: at("kind")?, values: kinds }));
    }
    for (time, order) in [(query.from, Order::Ge), (query.to, Order::Lt)] {
        if let Some(time) = time {
            let value = Scalar::Text(time.to_string());
            all.push(Filter::Leaf(Leaf::Order { place: at("diedAt")?, order, value }));
        }
    }
    Ok(if all.is_empty() { Filter::True } else { Filter::And(all) })
}

fn by_death(descending: bool) -> Result<SortField> {
    Ok(SortField { path: FieldPath::parse("diedAt")?, descending })
}

fn cursor(end: &Keyset) -> Result<String> {
    serde_json::to_vec(end).map(|bytes| URL_SAFE_NO_PAD.encode(bytes)).map_err(Error::internal)
}

fn place(cursor: &str) -> Result<Keyset> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok();
    let place: Option<Keyset> = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let place = place.filter(|place| place.values.len() == 1);
    place.ok_or_else(|| Error::new(Code::BadCursor, "That is no cursor of this list."))
}

fn not_found() -> Error {
    Error::new(Code::DeadLetterNotFound, "There is no such dead letter.")
}
