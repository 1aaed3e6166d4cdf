//! What the rules say to who wants to be in a channel, or to say something in it.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;

use basalt_core::{Caller, ChannelName, Code, Document, Error, Result, Seq};
use basalt_data::rules::{Binding, ChannelOperation, Facts, NoFacts, Verdict};
use basalt_store::{Cell, CellKey};

use super::super::frames::Said;
use super::declared::Declared;
use super::rooms::Place;
use crate::common::{Db, Tx};

/// What somebody wants.
#[derive(Clone, Debug)]
pub(crate) enum Wish {
    Join,
    Publish(Said),
}

/// An allowed wish.
#[derive(Debug, Default)]
pub(crate) struct Granted {
    /// The documents that were looked up.
    pub(crate) by: Vec<Place>,
    /// Changes of them are to be looked for from here.
    pub(crate) since: Seq,
    /// What was declared then.
    pub(crate) declared: Seq,
}

impl Wish {
    fn operation(&self) -> ChannelOperation<'_> {
        match self {
            Self::Join => ChannelOperation::Join,
            Self::Publish(Said { event, data }) => ChannelOperation::Publish { event, data },
        }
    }
}

/// Whether that can be said without reading anything, and then what.
pub(crate) fn at_once(
    declared: &Declared,
    caller: &Caller,
    channel: &ChannelName,
    wish: &Wish,
) -> Option<Result<Granted>> {
    let (rules, params) = declared.channels.of(channel);
    let binding = Binding::new(caller.clone());
    match rules.authorize(&binding, (channel, &params), wish.operation(), &NoFacts) {
        Verdict::Allow(_) => Some(Ok(Granted { declared: declared.since, ..Granted::default() })),
        Verdict::Deny(denial) => Some(Err(denial.into_error(caller))),
        Verdict::Need(_) => None,
    }
}

/// Asks the rules, with what they look up. What `limit()` takes is taken.
pub(crate) async fn ask(
    db: &Db,
    declared: &Arc<Declared>,
    caller: &Caller,
    channel: &ChannelName,
    wish: Wish,
) -> Result<Granted> {
    if let Some(said) = at_once(declared, caller, channel, &wish) {
        return said;
    }
    // Taken first: what is committed after it may not be in what is read below.
    let since = *db.store().log_end().borrow();
    let asked = Arc::new(Asked {
        declared: Arc::clone(declared),
        binding: Binding::new(caller.clone()),
        channel: channel.clone(),
        wish,
    });
    let decision = |writes: bool| {
        let asked = Arc::clone(&asked);
        move |tx: &mut Tx<'_>| asked.decide(tx, writes)
    };
    let outcome = match db.inspect(decision(false)).await {
        // There are tokens to take.
        Ok((_, true)) => db.commit(caller, decision(true)).await.map(|outcome| outcome.value),
        outcome => outcome,
    };
    match outcome {
        Ok((by, _)) => Ok(Granted { by, since, declared: declared.since }),
        Err(error) if error.code() == Code::CollectionNotFound => {
            Err(Error::new(Code::RuleDenied, "A rule denies this.").caused_by("the rule looks into no collection"))
        }
        Err(error) => Err(error),
    }
}

struct Asked {
    declared: Arc<Declared>,
    binding: Binding,
    channel: ChannelName,
    wish: Wish,
}

impl Asked {
    /// The documents that were looked up, and whether there is something to be written.
    fn decide(&self, tx: &mut Tx<'_>, writes: bool) -> crate::common::Flow<(Vec<Place>, bool)> {
        let (rules, params) = self.declared.channels.of(&self.channel);
        let noted = Noted { facts: tx, seen: RefCell::default() };
        let verdict = rules.authorize(&self.binding, (&self.channel, &params), self.wish.operation(), &noted);
        let seen = noted.seen.into_inner();
        match verdict {
            Verdict::Allow(permit) => {
                let cells = permit.cells();
                let any = !cells.is_empty();
                if writes {
                    for cell in cells {
                        tx.write_cell(cell);
                    }
                }
                Ok((seen.into_iter().collect(), any))
            }
            Verdict::Deny(denial) => Err(denial.into_error(self.binding.caller()).into()),
            Verdict::Need(reads) => tx.need_more(reads),
        }
    }
}

/// Remembers what was looked at.
struct Noted<'a> {
    facts: &'a dyn Facts,
    seen: RefCell<BTreeSet<Place>>,
}

impl Facts for Noted<'_> {
    fn document(
        &self,
        collection: &basalt_core::CollectionName,
        id: &basalt_core::DocumentId,
    ) -> Option<Option<&Arc<Document>>> {
        self.seen.borrow_mut().insert((collection.clone(), id.clone()));
        self.facts.document(collection, id)
    }

    fn cell(&self, key: &CellKey) -> Option<Option<&Cell>> {
        self.facts.cell(key)
    }
}
