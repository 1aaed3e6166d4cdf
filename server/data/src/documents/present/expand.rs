//! Following references, a level of documents at a time.

use std::collections::{BTreeSet, HashMap};
use std::future::Future;
use std::pin::Pin;

use basalt_core::filter::{Filter, Leaf, Place, Scalar};
use basalt_core::{Code, CollectionName, Document, DocumentId, FieldPath, Result};
use basalt_store::{List, Read, SortField};
use serde_json::{Map, Value};

use super::EXPAND;
use super::bounds::Weight;
use super::references::{Held, held};
use super::shape::{Followed, Target};
use crate::collections::Holding;
use crate::documents::gather::Gathered;
use crate::documents::list::Asked;
use crate::documents::service::Documents;
use crate::rules::{Binding, Facts, ReadVerdict};

/// The newest so many documents that refer to one.
const INVERSE_MAX: u32 = 100;
/// Documents that are read at once, and lists.
const CHUNK: usize = 500;
const LISTS: usize = 50;

type Flat = Map<String, Value>;
type At = (CollectionName, DocumentId);

/// What one document's references lead to, by their keys.
pub(super) struct Expanded {
    pub members: Flat,
    weight: Weight,
}

/// What one link leads to from all documents of a level.
struct Led {
    /// As the caller may read them.
    documents: Vec<Flat>,
    /// For each document of the level, where in `documents`.
    slots: Vec<Slot>,
}

enum Slot {
    One(Option<usize>),
    Many(Vec<usize>),
}

pub(super) struct Expanding<'a> {
    documents: &'a Documents,
    binding: &'a Binding,
}

impl<'a> Expanding<'a> {
    pub(super) fn new(documents: &'a Documents, binding: &'a Binding) -> Self {
        Self { documents, binding }
    }

    /// What the links lead to from each of these documents, which are as the caller reads them.
    pub(super) fn level<'f>(
        &'f self,
        links: &'f [Followed],
        rows: &'f [Flat],
    ) -> Pin<Box<dyn Future<Output = Result<Vec<Expanded>>> + Send + 'f>> {
        Box::pin(async move {
            let forward = self.forward(links, rows).await?;
            let empty = || Expanded { members: Flat::new(), weight: Weight::default() };
            let mut expanded: Vec<Expanded> = rows.iter().map(|_| empty()).collect();
            for (link, forward) in links.iter().zip(forward) {
                let led = match (forward, &link.target) {
                    (Some(led), _) => led,
                    (None, target) => self.inverse(target, rows).await?,
                };
                self.attach(link, led, &mut expanded).await?;
            }
            Ok(expanded)
        })
    }

    async fn attach(&self, link: &Followed, led: Led, rows: &mut [Expanded]) -> Result<()> {
        let inner = if link.shape.links().is_empty() || led.documents.is_empty() {
            None
        } else {
            Some(self.level(link.shape.links(), &led.documents).await?)
        };
        let mut inner = inner.map(Vec::into_iter);
        let shown: Vec<(Value, Weight)> = led
            .documents
            .into_iter()
            .map(|document| {
                let mut shown = link.shape.narrow(document);
                let mut weight = Weight::of(&shown);
                if let Some(expanded) = inner.as_mut().and_then(Iterator::next) {
                    weight.add(expanded.weight)?;
                    shown.insert(EXPAND.to_owned(), Value::Object(expanded.members));
                }
                Ok((Value::Object(shown), weight))
            })
            .collect::<Result<_>>()?;
        let mut total = Weight::default();
        for (row, slot) in rows.iter_mut().zip(led.slots) {
            let value = match slot {
                Slot::One(place) => place.and_then(|place| shown.get(place)).map(|one| (one.0.clone(), one.1)),
                Slot::Many(places) => {
                    let mut weight = Weight::default();
                    let mut items = Vec::with_capacity(places.len());
                    for (item, of_item) in places.into_iter().filter_map(|place| shown.get(place)) {
                        weight.add(*of_item)?;
                        items.push(item.clone());
                    }
                    Some((Value::Array(items), weight))
                }
            };
            let (value, weight) = value.unwrap_or_default();
            total.add(weight)?;
            row.weight.add(weight)?;
            row.members.insert(link.key.clone(), value);
        }
        Ok(())
    }

    /// For each link that is a reference: all of them are read at once.
    async fn forward(&self, links: &[Followed], rows: &[Flat]) -> Result<Vec<Option<Led>>> {
        let mut wanted: BTreeSet<At> = BTreeSet::new();
        let held_by_link: Vec<Option<(&CollectionName, Vec<Held>)>> = links
            .iter()
            .map(|link| match &link.target {
                Target::Forward { path, to } => Some((to, rows.iter().map(|row| held(row, path)).collect())),
                Target::Inverse { .. } => None,
            })
            .collect();
        for (to, held) in held_by_link.iter().flatten() {
            let ids = held.iter().flat_map(|held| match held {
                Held::One(id) => id.as_slice(),
                Held::Many(ids) => ids,
            });
            wanted.extend(ids.map(|id| ((*to).clone(), id.clone())));
        }
        let found = self.read(wanted).await?;
        Ok(held_by_link.into_iter().map(|link| link.map(|(to, held)| led(to, held, &found))).collect())
    }

    /// Those of the documents that the caller may get, as he may read them.
    async fn read(&self, wanted: BTreeSet<At>) -> Result<HashMap<At, Flat>> {
        let mut found = HashMap::new();
        let mut weight = Weight::default();
        let wanted: Vec<At> = wanted.into_iter().collect();
        weight.add(Weight { documents: wanted.len(), bytes: 0 })?;
        for chunk in wanted.chunks(CHUNK) {
            for (place, document) in self.read_chunk(chunk).await? {
                weight.add(Weight { documents: 0, ..Weight::of(&document) })?;
                found.insert(place, document);
            }
        }
        Ok(found)
    }

    async fn read_chunk(&self, wanted: &[At]) -> Result<Vec<(At, Flat)>> {
        let inner = &self.documents.0;
        let catalog = inner.store.catalog();
        let mut facts = Gathered::default();
        let read = |(collection, id): &At| Read::Document { collection: collection.clone(), id: id.clone() };
        facts.read(&inner.store, &catalog, wanted.iter().map(read).collect()).await?;
        let (mut found, mut open) = (Vec::new(), wanted.to_vec());
        loop {
            let (mut needed, mut later) = (Vec::new(), Vec::new());
            for place in open {
                let Some(Some(document)) = facts.document(&place.0, &place.1) else { continue };
                // A collection that is gone meanwhile has nothing to read.
                let Ok(compiled) = inner.collections.get(&place.0) else { continue };
                match compiled.rules.read(self.binding, Document::clone(document), &facts) {
                    ReadVerdict::Readable(readable) => found.push((place, readable.into_inner().into_flat())),
                    ReadVerdict::Hidden(_) => {}
                    ReadVerdict::Need(reads) => {
                        needed.extend(reads);
                        later.push(place);
                    }
                }
            }
            if needed.is_empty() {
                return Ok(found);
            }
            facts.read(&inner.store, &catalog, needed).await?;
            open = later;
        }
    }

    /// The newest documents that refer to each of these and that the caller may list.
    async fn inverse(&self, target: &Target, rows: &[Flat]) -> Result<Led> {
        let nothing = || rows.iter().map(|_| Slot::One(None)).collect();
        let Target::Inverse { collection, path } = target else {
            return Ok(Led { documents: Vec::new(), slots: nothing() });
        };
        let mut granted = match self.documents.ask_list(self.binding, collection).await {
            // Who may not filter by the reference would learn by it what he can't read.
            Ok(Asked::Granted(granted)) if granted.grant.may_query(path) => *granted,
            Ok(Asked::Granted(_) | Asked::Denied(_)) => return Ok(Led { documents: Vec::new(), slots: nothing() }),
            Err(error) if error.code() == Code::CollectionNotFound => {
                return Ok(Led { documents: Vec::new(), slots: nothing() });
            }
            Err(error) => return Err(error),
        };
        let holding = granted.compiled.definition.holding(path);
        let mut led = Led { documents: Vec::new(), slots: Vec::with_capacity(rows.len()) };
        let mut weight = Weight::default();
        for chunk in rows.chunks(LISTS) {
            let lists: Vec<List> = chunk
                .iter()
                .map(|row| {
                    let id = row.get(basalt_core::document::ID).and_then(Value::as_str).unwrap_or_default();
                    let refers = refers(path, holding, id);
                    newest(collection, Filter::and([granted.grant.filter().clone(), refers]))
                })
                .collect();
            for page in self.documents.0.store.lists(&lists).await? {
                let first = led.documents.len();
                for readable in self.documents.reveal(&mut granted, page).await? {
                    let flat = readable.into_inner().into_flat();
                    weight.add(Weight::of(&flat))?;
                    led.documents.push(flat);
                }
                led.slots.push(Slot::Many((first..led.documents.len()).collect()));
            }
        }
        Ok(led)
    }
}

fn led(to: &CollectionName, held: Vec<Held>, found: &HashMap<At, Flat>) -> Led {
    let mut documents = Vec::new();
    let mut places: HashMap<DocumentId, usize> = HashMap::new();
    let mut place = |id: DocumentId| {
        if let Some(place) = places.get(&id) {
            return Some(*place);
        }
        let document = found.get(&(to.clone(), id.clone()))?;
        documents.push(document.clone());
        places.insert(id, documents.len() - 1);
        Some(documents.len() - 1)
    };
    let slot = |held| match held {
        Held::One(id) => Slot::One(id.and_then(&mut place)),
        Held::Many(ids) => Slot::Many(ids.into_iter().filter_map(&mut place).collect()),
    };
    let slots = held.into_iter().map(slot).collect();
    Led { documents, slots }
}

/// Whether a document holds the id at the path: by itself, or in a list.
fn refers(path: &FieldPath, holding: Holding, id: &str) -> Filter {
    let place = Place::document(path.clone());
    let value = Scalar::Text(id.to_owned());
    let one = Filter::Leaf(Leaf::Equal { place: place.clone(), value: value.clone() });
    let many = Filter::Leaf(Leaf::Contains { place, value });
    match holding {
        Holding::Id => one,
        Holding::Ids => many,
        Holding::Either => Filter::or([one, many]),
        Holding::InElements => Filter::False,
    }
}

fn newest(collection: &CollectionName, filter: Filter) -> List {
    let by_creation = FieldPath::from_names(vec![basalt_core::document::CREATED_AT.to_owned()]);
    List {
        collection: collection.clone(),
        filter,
        search: None,
        sort: vec![SortField { path: by_creation, descending: true }],
        limit: INVERSE_MAX,
        after: None,
        count: false,
    }
}
