//! `ttl`: documents whose time is over are swept away, by one node at a time.

use basalt_core::filter::{Filter, Leaf, Order, Place, Scalar};
use basalt_core::{Actor, Caller, Code, CollectionName, Document, FieldPath, Result, Timestamp, key};
use basalt_store::{CellKey, CellWrite, Decide, Keyset, List, Origin, Read, SortField, Step, View, Writes};
use futures_util::future::join_all;
use serde_json::Value;

use super::decision::Form;
use super::input::EntityTags;
use super::run::HookUse;
use super::service::Documents;
use super::write::{Act, Operation};

/// The cells that say which node's turn it is to do what one node does for all.
const TURN_SPACE: &str = "turns";
const TURN: std::time::Duration = std::time::Duration::from_secs(30);
/// Documents that are deleted at once, and of one collection in one sweep.
const BATCH: u32 = 200;
const SWEEP_MAX: usize = 10_000;

impl Documents {
    /// Deletes what is over, and says how many that were; to be called every few seconds. Nothing while another node
    /// does it. Rules, before-hooks and schemas are not asked; a document that changed meanwhile or that is still
    /// referred to stays.
    pub async fn sweep_expired(&self) -> Result<usize> {
        let catalog = self.0.store.catalog();
        let mut swept = 0;
        for name in catalog.collections.keys().filter(|name| !name.is_system()) {
            // What isn't valid is closed, and said to be where it is asked for.
            let Ok(compiled) = self.0.collections.get(name) else { continue };
            if let Some(ttl) = &compiled.definition.ttl {
                if !self.has_turn("ttl").await? {
                    return Ok(swept);
                }
                swept += self.sweep(name, ttl).await?;
            }
        }
        Ok(swept)
    }

    async fn sweep(&self, collection: &CollectionName, ttl: &FieldPath) -> Result<usize> {
        let now = self.0.clock.now();
        let (mut swept, mut seen, mut after) = (0, 0, None);
        while seen < SWEEP_MAX {
            let page = self.0.store.list(over(collection, ttl, now, after)).await?;
            seen += page.documents.len();
            let deletions =
                page.documents.iter().filter(|it| is_over(it, ttl, now)).map(|it| self.expire(collection, it));
            for deleted in join_all(deletions).await {
                swept += usize::from(deleted?);
            }
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        Ok(swept)
    }

    async fn expire(&self, collection: &CollectionName, document: &Document) -> Result<bool> {
        let operation = Operation {
            if_match: Some(EntityTags::Revs(vec![document.rev.to_string()])),
            ..self.system_operation(collection, &document.id, Act::Delete)
        };
        let caller = Caller::system(self.0.clock.now());
        match self.run(&caller, vec![operation], None, Form::Single, HookUse::Skipped).await {
            Ok(_) => Ok(true),
            Err(error) => match error.code() {
                Code::PreconditionFailed | Code::DocumentNotFound | Code::Referenced => Ok(false),
                _ => Err(error),
            },
        }
    }

    pub(super) async fn has_turn(&self, what: &'static str) -> Result<bool> {
        let turn = Turn { key: CellKey::new(TURN_SPACE, what), node: self.0.node.clone(), now: self.0.clock.now() };
        Ok(self.0.store.commit(turn).await?.0)
    }
}

/// Takes a turn, or keeps it.
struct Turn {
    key: CellKey,
    node: String,
    now: Timestamp,
}

impl Decide for Turn {
    type Out = bool;

    fn epoch(&self) -> Option<u64> {
        None
    }

    fn step(&mut self, view: &View) -> Step<bool> {
        let origin = Origin { actor: Actor::SYSTEM, request_id: String::new(), at: self.now };
        let Some(cell) = view.cell(&self.key) else { return Step::Need(vec![Read::Cell(self.key.clone())]) };
        if cell.is_some_and(|cell| cell.value != self.node.as_str()) {
            return Step::Done(Writes::none(origin), false);
        }
        let (value, expires_at) = (self.node.as_str().into(), Some(self.now.plus(TURN)));
        let cells = vec![CellWrite::Put { key: self.key.clone(), value, expires_at }];
        Step::Done(Writes { cells, ..Writes::none(origin) }, true)
    }
}

/// Stored times are UTC texts that sort by time.
fn over(collection: &CollectionName, ttl: &FieldPath, now: Timestamp, after: Option<Keyset>) -> List {
    let value = Scalar::Text(now.to_string());
    List {
        collection: collection.clone(),
        filter: Filter::Leaf(Leaf::Order { place: Place::document(ttl.clone()), order: Order::Le, value }),
        search: None,
        sort: vec![SortField { path: ttl.clone(), descending: false }],
        limit: BATCH,
        after,
        count: false,
    }
}

/// A text from before the field was a time may be anything.
fn is_over(document: &Document, ttl: &FieldPath, now: Timestamp) -> bool {
    let text = key::at(&document.data, ttl).and_then(Value::as_str);
    text.and_then(Timestamp::parse).is_some_and(|time| time <= now)
}
