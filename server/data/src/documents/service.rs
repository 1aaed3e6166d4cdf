//! The use cases.

use std::sync::Arc;

use basalt_core::document::ID;
use basalt_core::principal::Access;
use basalt_core::random::{self, Random, base32hex};
use basalt_core::{Caller, Clock, CollectionName, Document, DocumentId, Error, Result, Spans};
use basalt_store::Store;
use serde_json::{Map, Value, json};

use super::answer::{Fetched, Shown, Transacted, WriteKind, Written};
use super::behaviour::Behaviours;
use super::cursor::CursorKey;
use super::decision::Form;
use super::definitions::with_fresh;
use super::filter::Filters;
use super::get::{Get, Got};
use super::hooks::Hooks;
use super::idempotency::Kept;
use super::input::{Idempotency, PatchBody, Show, WriteOptions};
use super::patch::Patch;
use super::present::{Selection, Shape};
use super::reads::{TRIES, too_deep};
use super::run::HookUse;
use super::transaction::{self, Draw, created_id};
use super::write::{Act, EffectKind, Given, Operation};
use crate::collections::Collections;
use crate::rules::{Binding, Readable};

/// What the use cases need.
pub struct Parts {
    pub store: Store,
    pub collections: Collections,
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Random>,
    /// Binds cursors to this server (to all nodes of one).
    pub cursor_key: [u8; 32],
    pub behaviours: Behaviours,
    pub hooks: Arc<dyn Hooks>,
    /// Where the spans of writes go.
    pub spans: Arc<dyn Spans>,
}

/// The use cases; cheap to clone.
#[derive(Clone)]
pub struct Documents(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub store: Store,
    pub collections: Collections,
    pub cursor_key: CursorKey,
    pub filters: Filters,
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Random>,
    pub behaviours: Behaviours,
    pub hooks: Arc<dyn Hooks>,
    pub spans: Arc<dyn Spans>,
    /// Which node this is, among those that take turns.
    pub node: String,
}

impl Documents {
    pub fn new(parts: Parts) -> Self {
        let Parts { store, collections, clock, random, cursor_key, behaviours, hooks, spans } = parts;
        let cursor_key = CursorKey::new(cursor_key);
        let filters = Filters::default();
        let node = base32hex(&random::bytes::<10>(&*random));
        let inner = Inner { store, collections, cursor_key, filters, clock, random, behaviours, hooks, spans, node };
        Self(Arc::new(inner))
    }

    /// A new document. A body's `id` is the client's choice; the server's other fields in it are ignored.
    pub async fn create(
        &self,
        caller: &Caller,
        collection: &CollectionName,
        body: Map<String, Value>,
        options: WriteOptions,
    ) -> Result<Written> {
        let id = created_id(None, &body, || self.draw().id())?;
        let is_drawn = !body.contains_key(ID);
        self.write(caller, collection, &id, Act::Create { body, is_drawn }, options).await
    }

    /// Creates or replaces. What the caller can't read stays unless the body names it, and so do the server's fields
    /// of a built-in collection.
    pub async fn put(
        &self,
        caller: &Caller,
        collection: &CollectionName,
        id: &DocumentId,
        body: Map<String, Value>,
        options: WriteOptions,
    ) -> Result<Written> {
        self.write(caller, collection, id, Act::Put { body }, options).await
    }

    /// Changes fields. A patch that changes nothing still is a write, with a new revision.
    pub async fn patch(
        &self,
        caller: &Caller,
        collection: &CollectionName,
        id: &DocumentId,
        patch: PatchBody,
        options: WriteOptions,
    ) -> Result<Written> {
        let act = Act::Patch { patch: Patch::parse(patch)?, upsert: options.upsert };
        self.write(caller, collection, id, act, options).await
    }

    pub async fn delete(
        &self,
        caller: &Caller,
        collection: &CollectionName,
        id: &DocumentId,
        options: WriteOptions,
    ) -> Result<Written> {
        self.write(caller, collection, id, Act::Delete, options).await
    }

    /// `{"operations":[…]}`, all or nothing. A failure is the failing operation's own, with the extension
    /// `operation`: its index, from 0.
    pub async fn transaction(
        &self,
        caller: &Caller,
        body: Map<String, Value>,
        idempotency: Option<Idempotency>,
    ) -> Result<Transacted> {
        let operations = transaction::parse(body, &self.draw())?;
        let collections: Vec<CollectionName> = operations.iter().map(|o| o.collection.clone()).collect();
        let outcome = self.run(caller, operations, idempotency.as_ref(), Form::Transaction, HookUse::Asked).await?;
        let mut results = Vec::with_capacity(outcome.answers.len());
        for (answer, collection) in outcome.answers.into_iter().zip(collections) {
            let (id, rev) = (answer.id.clone(), answer.rev.clone());
            let document = self.body(caller, &collection, answer, None).await?.map(Shown::into_flat);
            results.push(json!({"id": id, "rev": rev, "document": document}));
        }
        Ok(Transacted { results, seq: outcome.seq, replayed: outcome.replayed })
    }

    /// One document; 404 also where the caller may not read it.
    pub async fn get(
        &self,
        caller: &Caller,
        collection: &CollectionName,
        id: &DocumentId,
        show: &Show,
    ) -> Result<Fetched> {
        let binding = Binding::new(caller.clone());
        let shape = if show.is_whole() { Shape::whole() } else { self.shape(collection, show)? };
        let document = self.read(&binding, collection, id).await?;
        let rev = document.rev.clone();
        match self.present(&binding, &shape, vec![document]).await?.pop() {
            Some(body) => Ok(Fetched { rev, body }),
            None => Err(Error::internal("a document that is not shown")),
        }
    }

    /// As the caller may read it.
    pub(super) async fn read(
        &self,
        binding: &Binding,
        collection: &CollectionName,
        id: &DocumentId,
    ) -> Result<Readable<Document>> {
        let inner = &self.0;
        with_fresh(&inner.store, || async {
            let compiled = inner.collections.get(collection)?;
            binding.caller().bypasses_rules(collection, Access::Read)?;
            let mut get = Get::new(compiled, inner.store.catalog(), binding.clone(), id.clone());
            for _ in 0..TRIES {
                match inner.store.inspect(get.clone()).await? {
                    Got::Document(document) => return Ok(document),
                    Got::Again(reads) => get.reads = reads,
                }
            }
            Err(too_deep())
        })
        .await
    }

    async fn write(
        &self,
        caller: &Caller,
        collection: &CollectionName,
        id: &DocumentId,
        act: Act,
        options: WriteOptions,
    ) -> Result<Written> {
        self.write_given(caller, collection, id, (act, Given::default()), options).await
    }

    pub(super) async fn write_given(
        &self,
        caller: &Caller,
        collection: &CollectionName,
        id: &DocumentId,
        (act, given): (Act, Given),
        options: WriteOptions,
    ) -> Result<Written> {
        let selection = options.select.as_deref().map(Selection::parse).transpose()?;
        let operation = Operation {
            collection: collection.clone(),
            id: id.clone(),
            act,
            if_match: options.if_match,
            if_none_match: options.if_none_match,
            condition: options.condition,
            select: selection.clone(),
            rev: self.draw().rev(),
            given,
        };
        let hooks = if given.skips_hooks { HookUse::Skipped } else { HookUse::Asked };
        let outcome = self.run(caller, vec![operation], options.idempotency.as_ref(), Form::Single, hooks).await?;
        let Some(answer) = outcome.answers.into_iter().next() else {
            return Err(Error::internal("a write without an answer"));
        };
        let kind = match EffectKind::parse(&answer.kind) {
            Some(EffectKind::Created) => WriteKind::Created,
            Some(EffectKind::Updated | EffectKind::Checked) => WriteKind::Updated,
            Some(EffectKind::Deleted) => WriteKind::Deleted,
            None => return Err(Error::internal("a kept answer of an unknown kind")),
        };
        let (id, rev) = (DocumentId::parse(&answer.id)?, answer.rev.clone());
        let body = self.body(caller, collection, answer, selection.as_ref()).await?;
        let id_and_rev = || json!({"id": id, "rev": rev}).as_object().cloned();
        let body = if kind == WriteKind::Deleted { None } else { body.or_else(|| id_and_rev().map(Shown::Part)) };
        let rev = rev.as_deref().map(basalt_core::Rev::parse).transpose()?;
        Ok(Written { kind, id, rev, body, seq: outcome.seq, replayed: outcome.replayed })
    }

    /// The document of an answer. One that was too large to keep is read again, and shown if it still is the same.
    async fn body(
        &self,
        caller: &Caller,
        collection: &CollectionName,
        answer: Kept,
        selection: Option<&Selection>,
    ) -> Result<Option<Shown>> {
        if let Ok(body) = answer.body {
            return Ok(body);
        }
        let binding = Binding::new(caller.clone());
        let found = self.read(&binding, collection, &DocumentId::parse(&answer.id)?).await;
        let same = found
            .ok()
            .map(Readable::into_inner)
            .filter(|document| Some(document.rev.as_str()) == answer.rev.as_deref());
        let flat = same.map(Document::into_flat);
        let selected = |flat| match selection {
            Some(selection) => selection.apply(flat),
            None => flat,
        };
        Ok(flat.map(selected).map(Shown::Part))
    }

    /// An operation of the server's own.
    pub(super) fn system_operation(&self, collection: &CollectionName, id: &DocumentId, act: Act) -> Operation {
        Operation {
            collection: collection.clone(),
            id: id.clone(),
            act,
            if_match: None,
            if_none_match: None,
            condition: None,
            select: None,
            rev: self.draw().rev(),
            given: Given::default(),
        }
    }

    pub(super) fn draw(&self) -> Draw<'_> {
        Draw { now: self.0.clock.now(), random: &*self.0.random }
    }
}
