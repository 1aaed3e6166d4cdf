//! The decision on a whole request: its operations in order, all or nothing, and the kept answer of its key.

use std::collections::HashMap;
use std::sync::Arc;

use basalt_core::{Code, Document, Error, Timestamp, Trace};
use basalt_expr::Expression;
use basalt_store::{Catalog, Decide, Origin, Read, Step, View, Writes};
use serde_json::Value;

use super::behaviour::Behaviours;
use super::idempotency::{Claim, Kept};
use super::reads::Reads;
use super::run::HookUse;
use super::state::{State, Stop};
use super::write::{Act, Context, Draft, Effect, Operation, Pin, Prepared, draft, execute};
use crate::collections::Compiled;
use crate::rules::{Binding, Facts};

/// Bytes of the documents that one transaction reads and writes, one that is used twice counted twice: others wait
/// for its decision.
const WORK_BYTES: usize = 16 << 20;

/// A request to write, parsed.
pub(super) struct Request {
    pub binding: Binding,
    pub now: Timestamp,
    pub operations: Vec<Operation>,
    pub claim: Option<Claim>,
    /// A transaction's failure says which operation failed.
    pub form: Form,
    pub hooks: HookUse,
    /// The span that the write's own lies in: what hooks do is beside it.
    pub outer: Option<Trace>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Single,
    Transaction,
}

/// The definitions of one epoch, for each operation of a request.
pub(super) struct Definitions {
    pub catalog: Arc<Catalog>,
    pub compiled: Vec<Arc<Compiled>>,
    pub conditions: Vec<Option<(Expression, Value)>>,
    /// Of creates, what they would write.
    pub drafts: Vec<Option<Result<Draft, Error>>>,
}

pub(super) struct Decision {
    pub request: Arc<Request>,
    pub definitions: Arc<Definitions>,
    pub behaviours: Behaviours,
    /// For each operation; empty where no before-hook was asked.
    pub pins: Vec<Option<Pin>>,
    pub purpose: Purpose,
    pub reads: Reads,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Commit,
    /// To show before-hooks what would be written: nothing is.
    Draft,
}

pub(super) enum Decided {
    Effects(Vec<Effect>),
    /// The answer was given before.
    Replay(Vec<Kept>),
    /// A document changed after a before-hook saw it.
    Moved,
    /// Look-ups led to ever further ones: to be decided anew with these, read at once.
    Again(Reads),
}

impl Form {
    /// Says which operation of a transaction failed.
    pub(super) fn locate(self, error: Error, index: usize) -> Error {
        match self {
            Self::Single => error,
            Self::Transaction => error.with("operation", index),
        }
    }
}

impl Decide for Decision {
    type Out = Decided;

    fn epoch(&self) -> Option<u64> {
        Some(self.definitions.catalog.epoch)
    }

    fn step(&mut self, view: &View) -> Step<Decided> {
        if let Some(missing) = self.reads.missing(view) {
            return Step::Need(missing);
        }
        let request = Arc::clone(&self.request);
        let definitions = Arc::clone(&self.definitions);
        let mut state = State::new(view, &definitions.catalog);
        if let Some(claim) = &request.claim
            && let Some(Some(cell)) = Facts::cell(&state, &claim.cell)
        {
            return match claim.replay(&cell.value) {
                Ok(kept) => Step::Done(self.nothing(), Decided::Replay(kept)),
                Err(error) => Step::Refuse(error),
            };
        }
        match self.run(&mut state) {
            Ok(effects) => self.finish(state, effects),
            Err(Stop::Need(reads)) => match self.reads.ask(reads) {
                Some(reads) => Step::Need(reads),
                None => Step::Done(self.nothing(), Decided::Again(self.reads.clone())),
            },
            Err(Stop::Refuse(error)) => Step::Refuse(error),
            Err(Stop::Moved) => Step::Done(self.nothing(), Decided::Moved),
        }
    }
}

impl Definitions {
    fn prepared<'a>(&'a self, operation: &'a Operation, index: usize) -> Prepared<'a> {
        Prepared {
            operation,
            compiled: &self.compiled[index],
            condition: self.conditions[index].as_ref().map(|(expression, vars)| (expression, vars)),
            pin: None,
            draft: self.drafts.get(index).and_then(Option::as_ref),
        }
    }

    /// Works out beforehand what needs nothing of what is stored: in the decision itself others wait for it.
    pub(super) fn drafted(mut self, request: &Request, behaviours: &Behaviours) -> Self {
        let context = Context { binding: &request.binding, now: request.now, behaviours };
        let operations = request.operations.iter().enumerate();
        self.drafts = operations.map(|(index, operation)| draft(&self.prepared(operation, index), &context)).collect();
        self
    }
}

impl Request {
    /// What is read in any case: the documents of all operations, and the key's cell.
    pub(super) fn reads(&self) -> Reads {
        let documents = self.operations.iter().map(|operation| {
            let (collection, id) = (operation.collection.clone(), operation.id.clone());
            match operation.act {
                Act::Create { is_drawn: true, .. } => Read::New { collection, id },
                _ => Read::Document { collection, id },
            }
        });
        let cell = self.claim.iter().map(|claim| Read::Cell(claim.cell.clone()));
        Reads::new(documents.chain(cell))
    }
}

impl Decision {
    /// All operations in order. Where one needs more to be read the later ones are still tried, so that one round
    /// reads for all of them; a refusal counts only once nothing before it is open.
    fn run(&self, state: &mut State<'_>) -> Result<Vec<Effect>, Stop> {
        let context = Context { binding: &self.request.binding, now: self.request.now, behaviours: &self.behaviours };
        let mut effects = Vec::with_capacity(self.request.operations.len());
        let mut needed = Vec::new();
        let mut work = Work::of(self.request.form);
        for (index, operation) in self.request.operations.iter().enumerate() {
            let pin = self.pins.get(index).and_then(Option::as_ref);
            let prepared = Prepared { pin, ..self.definitions.prepared(operation, index) };
            work.add(state.stored(&operation.collection, &operation.id).ok().flatten().as_ref());
            match execute(&prepared, &context, state) {
                Ok(effect) => {
                    work.add(effect.after.as_ref());
                    effects.push(effect);
                }
                Err(Stop::Need(reads)) => needed.extend(reads),
                Err(_) if !needed.is_empty() => {}
                Err(Stop::Refuse(error)) => return Err(Stop::Refuse(self.request.form.locate(error, index))),
                Err(Stop::Moved) => return Err(Stop::Moved),
            }
            work.check().map_err(|error| Stop::Refuse(self.request.form.locate(error, index)))?;
        }
        if needed.is_empty() { Ok(effects) } else { Err(Stop::Need(needed)) }
    }

    fn finish(&self, mut state: State<'_>, mut effects: Vec<Effect>) -> Step<Decided> {
        if self.purpose == Purpose::Draft {
            return Step::Done(self.nothing(), Decided::Effects(effects));
        }
        if let Some(claim) = &self.request.claim {
            let kept = effects.iter().cloned().map(|effect| effect.into_kept(None)).collect();
            state.add_cells(vec![claim.keep(kept, self.request.now)]);
        }
        let writes = state.into_writes(self.origin());
        for effect in &mut effects {
            effect.release(&writes.documents);
        }
        Step::Done(writes, Decided::Effects(effects))
    }

    fn nothing(&self) -> Writes {
        Writes { documents: Vec::new(), cells: Vec::new(), jobs: Vec::new(), origin: self.origin() }
    }

    fn origin(&self) -> Origin {
        let caller = self.request.binding.caller();
        Origin { actor: caller.actor(), request_id: caller.request.logged(), at: self.request.now }
    }
}

/// What a transaction costs. A single write isn't counted: a document has its own limit.
struct Work {
    form: Form,
    bytes: usize,
    sizes: HashMap<*const Document, usize>,
}

impl Work {
    fn of(form: Form) -> Self {
        Self { form, bytes: 0, sizes: HashMap::new() }
    }

    fn add(&mut self, document: Option<&Arc<Document>>) {
        if let (Form::Transaction, Some(document)) = (self.form, document) {
            let size = || serde_json::to_vec(&document.data).map_or(usize::MAX, |data| data.len());
            let size = *self.sizes.entry(Arc::as_ptr(document)).or_insert_with(size);
            self.bytes = self.bytes.saturating_add(size);
        }
    }

    fn check(&self) -> Result<(), Error> {
        if self.bytes <= WORK_BYTES {
            return Ok(());
        }
        let detail = format!("The documents of a transaction come to at most {WORK_BYTES} bytes, read and written.");
        Err(Error::new(Code::TooLarge, detail))
    }
}
