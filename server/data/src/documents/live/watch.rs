//! What a caller may watch, decided.

use std::collections::BTreeSet;

use basalt_core::filter::{Filter, Leaf, Place};
use basalt_core::principal::Access;
use basalt_core::truth::{self, LookUps, Truth};
use basalt_core::{Caller, CollectionName, Document, DocumentId, FieldPath, Result, Seq};
use basalt_store::SortField;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::super::definitions::with_fresh;
use super::super::list::Granted;
use super::super::present::Shape;
use super::super::service::Documents;
use super::super::sort;
use super::place::Sorting;
use super::query::{WatchQuery, WatchTarget};
use crate::rules::{Binding, Revealed};

/// A watched query with a caller's rights in it; cheap to share.
pub struct Watched {
    pub(super) collection: CollectionName,
    pub(super) shape: Shape,
    pub(super) binding: Binding,
    pub(super) what: What,
    filter: Filter,
    sorting: Sorting,
    depends: Depends,
    identity: Identity,
    /// The definitions that it was decided under.
    epoch: u64,
    /// The place in the log at which it was true, or an earlier one.
    since: Seq,
}

pub(super) enum What {
    Query {
        granted: Box<Granted>,
        sort: Vec<SortField>,
        limit: Option<u32>,
    },
    /// `masked`: whether there are fields that not everybody reads.
    Document {
        id: DocumentId,
        masked: bool,
    },
}

/// Equal for watches that have the same result, row by row and byte by byte, whoever asked for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Identity(pub [u8; 32]);

/// What makes a decision untrue.
#[derive(Default)]
struct Depends {
    /// Documents that were looked up to decide.
    documents: Vec<(CollectionName, DocumentId)>,
    /// Collections whose documents are looked up for each row.
    collections: BTreeSet<CollectionName>,
    time: bool,
}

/// What of a document its watcher is shown.
pub enum Shown {
    /// All of it, as it is.
    Whole,
    Part(Map<String, Value>),
    /// That depends on documents which aren't known here.
    Open,
}

impl Documents {
    /// Decides what the caller may watch of what he asks for. A rule that gives him nothing is no refusal; one that is
    /// missing is.
    pub async fn watch(&self, caller: &Caller, query: &WatchQuery) -> Result<Watched> {
        let binding = Binding::new(caller.clone());
        match &query.target {
            WatchTarget::Document(id) => self.watch_document(&binding, query, id),
            WatchTarget::Query { filter, vars, sort, limit } => {
                let sort = sort::parse(sort)?;
                with_fresh(&self.0.store, || {
                    let asked = Asked { filter: filter.as_deref(), vars, sort: &sort, limit: *limit };
                    self.watch_query(&binding, query, asked)
                })
                .await
            }
        }
    }

    async fn watch_query(&self, binding: &Binding, query: &WatchQuery, asked: Asked<'_>) -> Result<Watched> {
        let collection = &query.collection;
        // Taken first: what is committed after it may not be in what is read below.
        let since = *self.0.store.log_end().borrow();
        let granted = self.granted(binding, collection).await?;
        let shape = Shape::compile(&self.0.collections, &granted.compiled, &query.show)?;
        let wanted = self.wanted(&granted, asked.filter, asked.vars)?;
        let filter = granted.filter(binding, wanted.as_ref())?;
        granted.check_readable(asked.sort.iter().map(|field| &field.path), "/sort")?;
        let depends = Depends::of(binding, &granted, &filter, wanted.is_some_and(|wanted| wanted.names("request")));
        let stored = granted.catalog.collection(collection);
        let stored = stored.ok_or_else(|| basalt_core::Error::collection_not_found(collection.as_str()))?;
        let sorting = Sorting::new(asked.sort, stored);
        let identity = Identity::of(&[
            collection.as_str(),
            &format!("{filter:?} {}", granted.grant.identity()),
            &format!("{sorting:?} {:?} {shape:?}", asked.limit),
            // What references lead to is shown to each by his own rights.
            &if shape.follows() { of_caller(binding) } else { String::new() },
        ]);
        Ok(Watched {
            collection: collection.clone(),
            shape,
            binding: binding.clone(),
            filter,
            sorting,
            depends,
            identity,
            epoch: granted.compiled.epoch,
            since,
            what: What::Query { granted: Box::new(granted), sort: asked.sort.to_vec(), limit: asked.limit },
        })
    }

    fn watch_document(&self, binding: &Binding, query: &WatchQuery, id: &DocumentId) -> Result<Watched> {
        let since = *self.0.store.log_end().borrow();
        let compiled = self.0.collections.get(&query.collection)?;
        binding.caller().bypasses_rules(&query.collection, Access::Read)?;
        let shape = Shape::compile(&self.0.collections, &compiled, &query.show)?;
        let rules = &compiled.rules;
        let asked = || rules.get.iter().chain(rules.fields.values().filter_map(|field| field.read.as_ref()));
        let masked = !compiled.definition.hidden.is_empty() || rules.fields.values().any(|field| field.read.is_some());
        let time = asked().any(|rule| rule.names().contains(&"request"));
        let request = if time { format!("{:?}", binding.request()) } else { String::new() };
        let identity = Identity::of(&[
            query.collection.as_str(),
            id.as_str(),
            &format!("{shape:?}"),
            &of_caller(binding),
            &request,
            &compiled.epoch.to_string(),
        ]);
        let place = Place::document(FieldPath::from_names(vec![basalt_core::document::ID.to_owned()]));
        let value = basalt_core::filter::Scalar::Text(id.to_string());
        Ok(Watched {
            collection: query.collection.clone(),
            shape,
            binding: binding.clone(),
            filter: Filter::Leaf(Leaf::Equal { place, value }),
            sorting: Sorting::by_id(),
            depends: Depends {
                time,
                collections: asked().flat_map(basalt_expr::Expression::looked_up).cloned().collect(),
                documents: Vec::new(),
            },
            identity,
            epoch: compiled.epoch,
            since,
            what: What::Document { id: id.clone(), masked },
        })
    }
}

/// Tells callers apart by what rules know of them.
fn of_caller(binding: &Binding) -> String {
    format!("{:?} {} {:?}", binding.caller().actor(), binding.auth(), binding.caller().request.ip)
}

#[derive(Clone, Copy)]
struct Asked<'a> {
    filter: Option<&'a str>,
    vars: &'a Map<String, Value>,
    sort: &'a [SortField],
    limit: Option<u32>,
}

impl Watched {
    pub fn collection(&self) -> &CollectionName {
        &self.collection
    }

    pub fn identity(&self) -> Identity {
        self.identity
    }

    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Changes of what it depends on are to be looked for from here.
    pub fn since(&self) -> Seq {
        self.since
    }

    /// The documents that it shows; what a look-up says is open.
    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    pub fn limit(&self) -> Option<usize> {
        match &self.what {
            What::Query { limit, .. } => limit.and_then(|limit| usize::try_from(limit).ok()),
            What::Document { .. } => None,
        }
    }

    /// Whether each change has to be read anew, since the rule can be asked on one document at a time only.
    pub fn is_document(&self) -> bool {
        matches!(self.what, What::Document { .. })
    }

    /// Documents that were looked up to decide: when one changes, the decision is to be made again.
    pub fn decided_by(&self) -> &[(CollectionName, DocumentId)] {
        &self.depends.documents
    }

    /// Collections whose documents are looked up for each row: when one of them changes, rows may come and go.
    pub fn rows_depend_on(&self) -> &BTreeSet<CollectionName> {
        &self.depends.collections
    }

    /// Whether the time of the request (or another part of it) is in the decision.
    pub fn is_of_its_time(&self) -> bool {
        self.depends.time
    }

    /// Whether the log alone tells what has changed in the result: all of it is in sight, and it depends on no other
    /// documents and not on the time.
    pub fn can_be_resumed(&self) -> bool {
        let stands_alone = self.depends.documents.is_empty() && self.depends.collections.is_empty();
        stands_alone && !self.depends.time && !self.shape.follows() && !self.is_document() && self.limit().is_none()
    }

    pub fn judge(&self, flat: &Map<String, Value>, known: &dyn LookUps) -> Truth {
        truth::of(&self.filter, flat, known)
    }

    /// Where a document stands in the result.
    pub fn place(&self, flat: &Map<String, Value>) -> Box<[u8]> {
        self.sorting.place(flat)
    }

    /// What of a document that matches is shown.
    pub fn show(&self, flat: &Map<String, Value>) -> Result<Shown> {
        let What::Query { granted, .. } = &self.what else { return Ok(Shown::Open) };
        if self.shape.follows() {
            return Ok(Shown::Open);
        }
        if granted.grant.shows_all() {
            return Ok(if self.shape.selects() { Shown::Part(self.shape.pick(flat)) } else { Shown::Whole });
        }
        match granted.grant.reveal(Document::from_flat(flat.clone())?, &granted.facts) {
            Revealed::Need(..) => Ok(Shown::Open),
            Revealed::Document(readable) => Ok(Shown::Part(self.shape.narrow(readable.into_inner().into_flat()))),
        }
    }

    /// Whether documents are shown in part: then a change of the rest is none that its watchers see.
    pub fn shows_a_part(&self) -> bool {
        let masked = match &self.what {
            What::Query { granted, .. } => !granted.grant.shows_all(),
            What::Document { masked, .. } => *masked,
        };
        masked || self.shape.selects()
    }

    /// Whether the revision and the time of the last change were asked for by name.
    pub fn selects(&self, field: &str) -> bool {
        self.shape.names(field)
    }
}

impl Identity {
    fn of(parts: &[&str]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update(part.len().to_be_bytes());
            hash.update(part.as_bytes());
        }
        Self(hash.finalize().into())
    }
}

impl Depends {
    fn of(binding: &Binding, granted: &Granted, filter: &Filter, wanted_time: bool) -> Self {
        let mut depends = Self { documents: granted.facts.names(), time: wanted_time, ..Self::default() };
        collect(filter, &mut depends.collections);
        for rule in granted.grant.asked_on_rows() {
            depends.collections.extend(rule.looked_up().into_iter().cloned());
        }
        let bypasses = binding.caller().bypasses_rules(&granted.compiled.name, Access::Read);
        if !matches!(bypasses, Ok(true)) {
            let rules = &granted.compiled.rules;
            let mut asked = rules.list.iter().chain(rules.fields.values().filter_map(|field| field.read.as_ref()));
            depends.time |= asked.any(|rule| rule.names().contains(&"request"));
        }
        depends
    }
}

/// The collections that a filter looks up documents of.
fn collect(filter: &Filter, found: &mut BTreeSet<CollectionName>) {
    match filter {
        Filter::And(parts) | Filter::Or(parts) => parts.iter().for_each(|part| collect(part, found)),
        Filter::Not(inner) => collect(inner, found),
        Filter::Leaf(Leaf::Any { filter, .. } | Leaf::All { filter, .. }) => collect(filter, found),
        Filter::Leaf(Leaf::Exists { collection, .. }) => {
            found.insert(collection.clone());
        }
        Filter::Leaf(Leaf::Lookup { collection, filter, .. }) => {
            found.insert(collection.clone());
            collect(filter, found);
        }
        Filter::True | Filter::False | Filter::Error | Filter::Leaf(_) => {}
    }
}
