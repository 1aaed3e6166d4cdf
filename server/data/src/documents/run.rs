//! A request to write on its way through before-hooks, the store's committer and, where it came before, its kept answer.

use std::sync::Arc;

use basalt_core::filter::{Filter, Leaf, Place, Scalar};
use basalt_core::{Caller, ChangeOp, Code, CollectionName, Error, FieldPath, Result, Seq};
use basalt_store::List;

use super::decision::{Decided, Decision, Definitions, Form, Purpose, Request};
use super::definitions::{of_request, with_fresh};
use super::hooks::{BeforeWrite, Verdict};
use super::idempotency::{Claim, Kept};
use super::input::Idempotency;
use super::reads::{Reads, TRIES, too_deep};
use super::service::Documents;
use super::traced::Traced;
use super::write::{Effect, EffectKind, Operation, Pin};
use crate::rules::Binding;

/// How often a write is tried whose document changes while before-hooks look at it.
const HOOK_TRIES: usize = 3;

/// What a request came to, and whether it came to it before.
pub(super) struct Outcome {
    pub answers: Vec<Kept>,
    pub seq: Option<Seq>,
    pub replayed: bool,
}

impl Documents {
    pub(super) async fn run(
        &self,
        caller: &Caller,
        operations: Vec<Operation>,
        idempotency: Option<&Idempotency>,
        form: Form,
        hooks: HookUse,
    ) -> Result<Outcome> {
        let claim = idempotency.map(|request| Claim::new(caller, request)).transpose()?;
        let now = self.0.clock.now();
        let traced = Traced::begin(self, caller, &operations, now);
        let binding = Binding::new(traced.as_ref().map_or_else(|| caller.clone(), |traced| traced.caller(caller)));
        let outer = caller.request.trace;
        let request = Arc::new(Request { binding, now, operations, claim, form, hooks, outer });
        let outcome = with_fresh(&self.0.store, || self.decide(&request)).await;
        if let Some(traced) = traced {
            traced.end(self, outcome.as_ref().err());
        }
        outcome
    }

    async fn decide(&self, request: &Arc<Request>) -> Result<Outcome> {
        let inner = &self.0;
        let definitions = of_request(&inner.store, &inner.collections, request)?;
        let definitions = Arc::new(definitions.drafted(request, &inner.behaviours));
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
                    let written = committed.documents.first().and_then(Option::as_ref);
                    let answers = effects.into_iter().map(|effect| effect.into_kept(written)).collect();
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
        if request.hooks == HookUse::Skipped || !request.operations.iter().any(concerned) {
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
        let mut caller = request.binding.caller().clone();
        caller.request.trace = request.outer;
        let mut pins = Vec::with_capacity(effects.len());
        for (index, (effect, operation)) in effects.into_iter().zip(&request.operations).enumerate() {
            let pin = self.ask_hook(&caller, &operation.collection, effect).await;
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
            search: None,
            sort: Vec::new(),
            limit: 1,
            after: None,
            count: false,
        };
        let wrote = answers.iter().any(|answer| answer.kind != EffectKind::Checked.as_str());
        let seq = if wrote { Some(self.0.store.list_with_end(list).await?.1) } else { None };
        Ok(Outcome { answers, seq, replayed: true })
    }
}

/// Whether before-hooks see a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HookUse {
    Asked,
    /// What the server does by itself: nobody asked for it who could be told no.
    Skipped,
}

enum Asked {
    Pins(Vec<Option<Pin>>),
    Replay(Vec<Kept>),
}
