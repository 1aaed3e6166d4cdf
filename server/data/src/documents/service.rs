//! The use cases.

use std::sync::Arc;

use basalt_core::filter::{Filter, Leaf, Place, Scalar};
use basalt_core::random::Random;
use basalt_core::{Caller, ChangeOp, Clock, Code, CollectionName, Document, DocumentId, Error, FieldPath, Result, Seq};
use basalt_store::{List, Store};
use serde_json::{Map, Value, json};

use super::answer::{Fetched, Transacted, WriteKind, Written};
use super::behaviour::Behaviours;
use super::cursor::CursorKey;
use super::decision::{Decided, Decision, Definitions, Form, Purpose, Request};
use super::definitions::{of_request, with_fresh};
use super::get::{Get, Got};
use super::hooks::{BeforeWrite, Hooks, Verdict};
use super::idempotency::{Claim, Kept};
use super::input::{Idempotency, PatchBody, WriteOptions};
use super::patch::Patch;
use super::reads::{Reads, TRIES, too_deep};
use super::select::Selection;
use super::transaction::{self, Draw, created_id};
use super::write::{Act, Effect, EffectKind, Operation, Pin};
use crate::collections::Collections;
use crate::rules::Binding;

/// How often a write is tried whose document changes while before-hooks look at it.
const HOOK_TRIES: usize = 3;

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
}

/// The use cases; cheap to clone.
#[derive(Clone)]
pub struct Documents(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub store: Store,
    pub collections: Collections,
    pub cursor_key: CursorKey,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    behaviours: Behaviours,
    hooks: Arc<dyn Hooks>,
}

/// What a request came to, and whether it came to it before.
struct Outcome {
    answers: Vec<Kept>,
    seq: Option<Seq>,
    replayed: bool,
}

impl Documents {
    pub fn new(parts: Parts) -> Self {
        let Parts { store, collections, clock, random, cursor_key, behaviours, hooks } = parts;
        let cursor_key = CursorKey::new(cursor_key);
        Self(Arc::new(Inner { store, collections, cursor_key, clock, random, behaviours, hooks }))
    }

    /// A new document. A body's `id` is the client's choice; the server's other fields in it are ignored.
    pub async fn create(
        &self,
        caller: &Caller,
        collection: &CollectionName,
        body: Map<String, Value>,
        options: WriteOptions,
    ) -> Result<Written> {
        let id = created_id(None, &body, &self.draw())?;
        self.write(caller, collection, &id, Act::Create { body }, options).await
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
        let outcome = self.run(caller, operations, idempotency.as_ref(), Form::Transaction).await?;
        let mut results = Vec::with_capacity(outcome.answers.len());
        for (answer, collection) in outcome.answers.into_iter().zip(collections) {
            let document = self.body(caller, &collection, &answer, None).await?;
            results.push(json!({"id": answer.id, "rev": answer.rev, "document": document}));
        }
        Ok(Transacted { results, seq: outcome.seq, replayed: outcome.replayed })
    }

    /// One document; 404 also where the caller may not read it.
    pub async fn get(
        &self,
        caller: &Caller,
        collection: &CollectionName,
        id: &DocumentId,
        select: Option<&[String]>,
    ) -> Result<Fetched> {
        let selection = select.map(Selection::parse).transpose()?;
        let document = self.read(caller, collection, id).await?;
        let rev = document.rev.clone();
        let flat = document.into_flat();
        let body = match selection {
            Some(selection) => selection.apply(flat),
            None => flat,
        };
        Ok(Fetched { rev, body })
    }

    /// As the caller may read it.
    async fn read(&self, caller: &Caller, collection: &CollectionName, id: &DocumentId) -> Result<Document> {
        let binding = Binding::new(caller.clone());
        let inner = &self.0;
        let readable = with_fresh(&inner.store, || async {
            let compiled = inner.collections.get(collection)?;
            caller.bypasses_rules(collection, basalt_core::principal::Access::Read)?;
            let mut get = Get::new(compiled, inner.store.catalog(), binding.clone(), id.clone());
            for _ in 0..TRIES {
                match inner.store.inspect(get.clone()).await? {
                    Got::Document(document) => return Ok(document),
                    Got::Again(reads) => get.reads = reads,
                }
            }
            Err(too_deep())
        })
        .await?;
        Ok(readable.into_inner())
    }

    async fn write(
        &self,
        caller: &Caller,
        collection: &CollectionName,
        id: &DocumentId,
        act: Act,
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
        };
        let outcome = self.run(caller, vec![operation], options.idempotency.as_ref(), Form::Single).await?;
        let Some(answer) = outcome.answers.into_iter().next() else {
            return Err(Error::internal("a write without an answer"));
        };
        let kind = match EffectKind::parse(&answer.kind) {
            Some(EffectKind::Created) => WriteKind::Created,
            Some(EffectKind::Updated | EffectKind::Checked) => WriteKind::Updated,
            Some(EffectKind::Deleted) => WriteKind::Deleted,
            None => return Err(Error::internal("a kept answer of an unknown kind")),
        };
        let body = self.body(caller, collection, &answer, selection.as_ref()).await?;
        let (id, rev) = (DocumentId::parse(&answer.id)?, answer.rev);
        let id_and_rev = || json!({"id": id, "rev": rev}).as_object().cloned();
        let body = if kind == WriteKind::Deleted { None } else { body.or_else(id_and_rev) };
        let rev = rev.as_deref().map(basalt_core::Rev::parse).transpose()?;
        Ok(Written { kind, id, rev, body, seq: outcome.seq, replayed: outcome.replayed })
    }

    /// The document of an answer. One that was too large to keep is read again, and shown if it still is the same.
    async fn body(
        &self,
        caller: &Caller,
        collection: &CollectionName,
        answer: &Kept,
        selection: Option<&Selection>,
    ) -> Result<Option<Map<String, Value>>> {
        if let Ok(body) = &answer.body {
            return Ok(body.clone());
        }
        let found = self.read(caller, collection, &DocumentId::parse(&answer.id)?).await;
        let same = found.ok().filter(|document| Some(document.rev.as_str()) == answer.rev.as_deref());
        let flat = same.map(Document::into_flat);
        Ok(match selection {
            Some(selection) => flat.map(|flat| selection.apply(flat)),
            None => flat,
        })
    }

    async fn run(
        &self,
        caller: &Caller,
        operations: Vec<Operation>,
        idempotency: Option<&Idempotency>,
        form: Form,
    ) -> Result<Outcome> {
        let claim = idempotency.map(|request| Claim::new(caller, request)).transpose()?;
        let binding = Binding::new(caller.clone());
        let request = Arc::new(Request { binding, now: self.0.clock.now(), operations, claim, form });
        with_fresh(&self.0.store, || self.decide(&request)).await
    }

    async fn decide(&self, request: &Arc<Request>) -> Result<Outcome> {
        let inner = &self.0;
        let definitions = Arc::new(of_request(&inner.store, &inner.collections, request)?);
        let mut reads = request.reads();
        let mut moved = 0;
        for _ in 0..TRIES {
            let pins = match self.ask_hooks(request, &definitions, &mut reads).await? {
                Asked::Pins(pins) => pins,
                Asked::Replay(answers) => return self.replay(request, answers).await,
            };
            let decision = self.decision(request, &definitions, pins, Purpose::Commit, reads.clone());
            match inner.store.commit(decision).await? {
                (Decided::Effects(effects), committed) => {
                    let answers = effects.into_iter().map(Effect::into_kept).collect();
                    return Ok(Outcome { answers, seq: committed.seq(), replayed: false });
                }
                (Decided::Replay(answers), _) => return self.replay(request, answers).await,
                (Decided::Moved, _) if moved < HOOK_TRIES => moved += 1,
                (Decided::Moved, _) => {
                    let detail = "The document keeps changing while hooks look at it; try again.";
                    return Err(Error::new(Code::ConditionFailed, detail));
                }
                (Decided::Again(further), _) => reads = further,
            }
        }
        Err(too_deep())
    }

    fn decision(
        &self,
        request: &Arc<Request>,
        definitions: &Arc<Definitions>,
        pins: Vec<Option<Pin>>,
        purpose: Purpose,
        reads: Reads,
    ) -> Decision {
        Decision {
            request: Arc::clone(request),
            definitions: Arc::clone(definitions),
            behaviours: self.0.behaviours.clone(),
            pins,
            purpose,
            reads,
        }
    }

    /// Shows before-hooks what would be written: the caller's own write has passed schema and rules by then.
    async fn ask_hooks(
        &self,
        request: &Arc<Request>,
        definitions: &Arc<Definitions>,
        reads: &mut Reads,
    ) -> Result<Asked> {
        let hooks = &self.0.hooks;
        let concerned = |operation: &Operation| {
            let ops = [ChangeOp::Create, ChangeOp::Update, ChangeOp::Delete];
            ops.into_iter().any(|op| hooks.concerns(&operation.collection, op))
        };
        if !request.operations.iter().any(concerned) {
            return Ok(Asked::Pins(Vec::new()));
        }
        let mut drafted = None;
        for _ in 0..TRIES {
            let draft = self.decision(request, definitions, Vec::new(), Purpose::Draft, reads.clone());
            match self.0.store.inspect(draft).await? {
                Decided::Effects(effects) => {
                    drafted = Some(effects);
                    break;
                }
                Decided::Replay(answers) => return Ok(Asked::Replay(answers)),
                Decided::Again(further) => *reads = further,
                Decided::Moved => return Err(Error::internal("a draft without pins moved")),
            }
        }
        let effects = drafted.ok_or_else(too_deep)?;
        let mut pins = Vec::with_capacity(effects.len());
        for (index, (effect, operation)) in effects.into_iter().zip(&request.operations).enumerate() {
            let pin = self.ask_hook(request.binding.caller(), &operation.collection, effect).await;
            pins.push(pin.map_err(|error| request.form.locate(error, index))?);
        }
        Ok(Asked::Pins(pins))
    }

    async fn ask_hook(&self, caller: &Caller, collection: &CollectionName, effect: Effect) -> Result<Option<Pin>> {
        let op = match effect.kind {
            EffectKind::Created => ChangeOp::Create,
            EffectKind::Updated => ChangeOp::Update,
            EffectKind::Deleted => ChangeOp::Delete,
            EffectKind::Checked => return Ok(None),
        };
        if !self.0.hooks.concerns(collection, op) {
            return Ok(None);
        }
        let before = effect.before.as_ref().map(|document| document.rev.clone());
        let write = BeforeWrite {
            op,
            collection: collection.clone(),
            id: effect.id,
            doc: effect.before,
            next: effect.after.map(|document| document.data.clone()),
        };
        let replaced = match self.0.hooks.before(caller, write).await? {
            Verdict::Unchanged => None,
            Verdict::Replaced(fields) => Some(fields),
        };
        Ok(Some(Pin { before, replaced }))
    }

    /// The seq of a kept answer is not kept (it was drawn after the decision): a later place contains the write too.
    async fn replay(&self, request: &Request, answers: Vec<Kept>) -> Result<Outcome> {
        let Some(operation) = request.operations.first() else {
            return Err(Error::internal("a request without operations"));
        };
        let place = Place::document(FieldPath::parse(basalt_core::document::ID)?);
        let value = Scalar::Text(operation.id.to_string());
        let list = List {
            collection: operation.collection.clone(),
            filter: Filter::Leaf(Leaf::Equal { place, value }),
            sort: Vec::new(),
            limit: 1,
            after: None,
            count: false,
        };
        let wrote = answers.iter().any(|answer| answer.kind != EffectKind::Checked.as_str());
        let seq = if wrote { Some(self.0.store.list(list).await?.seq) } else { None };
        Ok(Outcome { answers, seq, replayed: true })
    }

    fn draw(&self) -> Draw<'_> {
        Draw { now: self.0.clock.now(), random: &*self.0.random }
    }
}

enum Asked {
    Pins(Vec<Option<Pin>>),
    Replay(Vec<Kept>),
}
