//! The end of versions: those older than their collection keeps them, and those of collections that are gone.

use std::sync::Arc;
use std::time::Duration;

use basalt_core::filter::{Filter, Leaf, Order, Place, Scalar};
use basalt_core::{Actor, Document, FieldPath, Result, Timestamp};
use basalt_store::query::GroupKey;
use basalt_store::{Aggregate, Decide, DocumentWrite, List, Origin, Read, Step, View, Writes};
use serde_json::Value;

use super::{HISTORY, version};
use crate::documents::service::Documents;

/// Versions that are removed at once, and in one sweep.
const BATCH: u32 = 200;
const SWEEP_MAX: usize = 20_000;
/// Collections that are looked at in one sweep.
const TABLES: u32 = 10_000;

impl Documents {
    /// Removes versions whose time is over; how many. To be called now and then.
    pub async fn sweep_history(&self) -> Result<usize> {
        if !self.has_turn("history").await? {
            return Ok(0);
        }
        let now = self.0.clock.now();
        let (mut swept, catalog) = (0, self.0.store.catalog());
        for table in self.tables().await? {
            let stored = catalog.collections.values().find(|stored| stored.short_id == table);
            let filter = match stored {
                None => of_table(&table)?,
                Some(stored) => {
                    let Ok(compiled) = self.0.collections.get(&stored.name) else { continue };
                    let Some(keep) = compiled.definition.history.and_then(|history| history.keep) else { continue };
                    Filter::and([of_table(&table)?, older_than(now, keep)?])
                }
            };
            while swept < SWEEP_MAX {
                let removed = self.remove(filter.clone(), now).await?;
                swept += removed;
                if removed < BATCH as usize {
                    break;
                }
            }
        }
        Ok(swept)
    }

    /// The short ids of all collections of which there are versions.
    async fn tables(&self) -> Result<Vec<String>> {
        let groups = Aggregate {
            collection: HISTORY.clone(),
            filter: Filter::True,
            group_by: vec![GroupKey {
                name: version::TABLE.to_owned(),
                path: FieldPath::parse(version::TABLE)?,
                bucket: None,
            }],
            measures: Vec::new(),
            having: Filter::True,
            sort: Vec::new(),
            limit: TABLES,
            offset: 0,
        };
        let page = self.0.store.aggregate(groups).await?;
        let table = |group: &serde_json::Map<String, Value>| group.get(version::TABLE)?.as_str().map(str::to_owned);
        Ok(page.items.iter().filter_map(table).collect())
    }

    async fn remove(&self, filter: Filter, at: Timestamp) -> Result<usize> {
        let collection = HISTORY.clone();
        let list = List { collection, filter, sort: Vec::new(), limit: BATCH, after: None, count: false, search: None };
        let documents = self.0.store.list(list).await?.documents;
        let removed = documents.len();
        if removed > 0 {
            self.0.store.commit(Remove { documents: documents.into_iter().map(Arc::new).collect(), at }).await?;
        }
        Ok(removed)
    }
}

fn of_table(table: &str) -> Result<Filter> {
    let place = Place::document(FieldPath::parse(version::TABLE)?);
    Ok(Filter::Leaf(Leaf::Equal { place, value: Scalar::Text(table.to_owned()) }))
}

fn older_than(now: Timestamp, keep: Duration) -> Result<Filter> {
    let place = Place::document(FieldPath::parse(version::AT)?);
    let before = now.minus(keep);
    Ok(Filter::Leaf(Leaf::Order { place, order: Order::Lt, value: Scalar::Text(before.to_string()) }))
}

/// Versions never change: what is still there is removed.
struct Remove {
    documents: Vec<Arc<Document>>,
    at: Timestamp,
}

impl Decide for Remove {
    type Out = ();

    fn epoch(&self) -> Option<u64> {
        None
    }

    fn step(&mut self, view: &View) -> Step<()> {
        let read = |it: &Arc<Document>| Read::Document { collection: HISTORY.clone(), id: it.id.clone() };
        let unread: Vec<Read> = self.documents.iter().map(read).filter(|read| !view.holds(read)).collect();
        if !unread.is_empty() {
            return Step::Need(unread);
        }
        let there = self.documents.iter().filter_map(|it| view.document(&HISTORY, &it.id).flatten());
        let delete =
            |it: &Arc<Document>| DocumentWrite::Delete { collection: HISTORY.clone(), previous: Arc::clone(it) };
        let documents = there.map(delete).collect();
        let origin = Origin { actor: Actor::SYSTEM, request_id: "history".to_owned(), at: self.at };
        Step::Done(Writes { documents, cells: Vec::new(), jobs: Vec::new(), origin }, ())
    }
}
