//! The one authorisation: every path that reads or writes a document of a caller asks here.

use basalt_core::document::OWN_FIELDS;
use basalt_core::filter::Filter;
use basalt_core::principal::Access;
use basalt_core::{Document, FieldPath};
use basalt_expr::{Doc, Env, Expression, Flat, Lowered, Outcome};
use basalt_store::Read;
use serde_json::Value;

use super::binding::Binding;
use super::compiled::CompiledRules;
use super::facts::{FactLookups, Facts, NoFacts};
use super::limiter::BucketLimiter;
use super::readable::{Mask, ReadVerdict, Readable, Revealed, Sees, document_reads};
use super::verdict::{Denial, DenialKind, Permit, Verdict};

/// What is about to be done: with `doc` as stored, and `next` as it would be.
#[derive(Clone, Copy, Debug)]
pub enum Operation<'a> {
    Get { doc: Doc<'a> },
    Create { next: Doc<'a> },
    Update { doc: Doc<'a>, next: Doc<'a> },
    Delete { doc: Doc<'a> },
}

/// The answer to a list, query, count or aggregate.
pub enum ListVerdict {
    Allow(ListGrant),
    Deny(Denial),
    Need(Vec<Read>),
}

/// What a caller may list: rows where `filter` is true, with masked fields.
#[derive(Clone, Debug)]
pub struct ListGrant {
    filter: Filter,
    mask: Mask,
}

impl CompiledRules {
    /// May this caller do this? Update and delete need the right to get, too. Operations of one batch are asked in
    /// turn, each on facts that show what the earlier ones wrote.
    pub fn authorize(&self, binding: &Binding, operation: Operation<'_>, facts: &dyn Facts) -> Verdict {
        match binding.caller().bypasses_rules(&self.collection, operation.access()) {
            Ok(true) => return Verdict::Allow(Permit::new(Vec::new())),
            Err(error) => return refused(error),
            Ok(false) => {}
        }
        let asking = Asking::new(binding, facts);
        match self.ask(&asking, operation) {
            Ok(()) => Verdict::Allow(asking.permit()),
            Err(No::Denied(denial)) => Verdict::Deny(denial),
            Err(No::Need(reads)) => Verdict::Need(reads),
        }
    }

    /// May this caller read this document, and what of it?
    pub fn read(&self, binding: &Binding, document: Document, facts: &dyn Facts) -> ReadVerdict {
        let mask = match binding.caller().bypasses_rules(&self.collection, Access::Read) {
            Ok(true) => Mask::Everything,
            Err(error) => return ReadVerdict::Hidden(Denial::new(DenialKind::Refused(error), "scope")),
            Ok(false) => {
                let flat = Flat::default();
                match self.authorize(binding, Operation::Get { doc: flat.of(&document) }, facts) {
                    Verdict::Allow(_) => {}
                    Verdict::Deny(denial) => return ReadVerdict::Hidden(denial),
                    Verdict::Need(reads) => return ReadVerdict::Need(reads),
                }
                match Mask::prepare(self, binding, facts) {
                    Ok(mask) => mask,
                    Err(reads) => return ReadVerdict::Need(reads),
                }
            }
        };
        match mask.apply(document, facts) {
            Revealed::Document(document) => ReadVerdict::Readable(document),
            Revealed::Need(_, reads) => ReadVerdict::Need(reads),
        }
    }

    /// How much of this document may this caller read?
    pub fn sees(&self, binding: &Binding, doc: Doc<'_>, facts: &dyn Facts) -> Sees {
        match binding.caller().bypasses_rules(&self.collection, Access::Read) {
            Ok(true) => return Sees::All,
            Err(_) => return Sees::Nothing,
            Ok(false) => {}
        }
        match self.authorize(binding, Operation::Get { doc }, facts) {
            Verdict::Allow(_) => {}
            Verdict::Deny(_) => return Sees::Nothing,
            Verdict::Need(reads) => return Sees::Need(reads),
        }
        match Mask::prepare(self, binding, facts) {
            Ok(mask) if mask.is_everything() => Sees::All,
            Ok(_) => Sees::Part,
            Err(reads) => Sees::Need(reads),
        }
    }

    /// The fields that this caller may read of what he has the right to get in another way: an earlier version of a
    /// document that he gets now.
    pub fn mask(&self, binding: &Binding, document: Document, facts: &dyn Facts) -> ReadVerdict {
        let mask = match binding.caller().bypasses_rules(&self.collection, Access::Read) {
            Ok(true) => Mask::Everything,
            Err(error) => return ReadVerdict::Hidden(Denial::new(DenialKind::Refused(error), "scope")),
            Ok(false) => match Mask::prepare(self, binding, facts) {
                Ok(mask) => mask,
                Err(reads) => return ReadVerdict::Need(reads),
            },
        };
        match mask.apply(document, facts) {
            Revealed::Document(document) => ReadVerdict::Readable(document),
            Revealed::Need(_, reads) => ReadVerdict::Need(reads),
        }
    }

    /// What may this caller list? A rule that is false or an error for him lists nothing, which is no refusal.
    pub fn list(&self, binding: &Binding, facts: &dyn Facts) -> ListVerdict {
        match binding.caller().bypasses_rules(&self.collection, Access::Read) {
            Ok(true) => return ListVerdict::Allow(ListGrant { filter: Filter::True, mask: Mask::Everything }),
            Err(error) => return ListVerdict::Deny(Denial::new(DenialKind::Refused(error), "scope")),
            Ok(false) => {}
        }
        let Some(rule) = &self.list else {
            return ListVerdict::Deny(Denial::new(DenialKind::RuleMissing, "there is no list rule"));
        };
        let lookups = FactLookups::new(facts);
        let filter = match rule.lower(&env(binding, None, None, &lookups)) {
            Ok(Lowered::Filter(filter)) => filter,
            Ok(Lowered::Need(reads)) => return ListVerdict::Need(document_reads(reads).collect()),
            Err(fault) => {
                let reason = format!("the list rule has no filter for these values: {}", fault.message);
                tracing::warn!(collection = %self.collection, reason, "a list rule lists nothing");
                Filter::Error
            }
        };
        match Mask::prepare(self, binding, facts) {
            Ok(mask) => ListVerdict::Allow(ListGrant { filter, mask }),
            Err(reads) => ListVerdict::Need(reads),
        }
    }

    /// Whether the list rule, asked in memory, leaves this listed document to the caller. A rule that looks up other
    /// documents isn't asked: they may have changed since the list was read.
    pub(crate) fn may_list(&self, binding: &Binding, doc: &Value) -> bool {
        if matches!(binding.caller().bypasses_rules(&self.collection, Access::Read), Ok(true)) {
            return true;
        }
        let lookups = FactLookups::new(&NoFacts);
        let ask = |rule: &Expression| rule.evaluate(&env(binding, Some(doc.into()), None, &lookups));
        self.list.as_ref().is_some_and(|rule| matches!(ask(rule), Outcome::True | Outcome::Need(_)))
    }

    fn ask(&self, asking: &Asking<'_>, operation: Operation<'_>) -> Result<(), No> {
        match operation {
            Operation::Get { doc } => self.ask_get(asking, doc),
            Operation::Create { next } => {
                asking.condition(self.create.as_ref(), "create", None, Some(next))?;
                self.ask_fields(asking, None, next)
            }
            Operation::Update { doc, next } => {
                self.ask_get(asking, doc)?;
                asking.condition(self.update.as_ref(), "update", Some(doc), Some(next))?;
                self.ask_fields(asking, Some(doc), next)
            }
            Operation::Delete { doc } => {
                self.ask_get(asking, doc)?;
                asking.condition(self.delete.as_ref(), "delete", Some(doc), None)
            }
        }
    }

    /// Whatever keeps a document from being read makes it look absent.
    fn ask_get(&self, asking: &Asking<'_>, doc: Doc<'_>) -> Result<(), No> {
        asking.condition(self.get.as_ref(), "get", Some(doc), None).map_err(|no| match no {
            No::Denied(denial) => No::Denied(Denial { kind: DenialKind::Unreadable, ..denial }),
            No::Need(reads) => No::Need(reads),
        })
    }

    /// The write rules of the fields that the operation changes.
    fn ask_fields(&self, asking: &Asking<'_>, doc: Option<Doc<'_>>, next: Doc<'_>) -> Result<(), No> {
        for (field, rules) in &self.fields {
            let Some(rule) = &rules.write else { continue };
            if doc.and_then(|doc| doc.get(field)) == next.get(field) {
                continue;
            }
            asking.condition(Some(rule), "write", doc, Some(next)).map_err(|no| match no {
                No::Denied(Denial { kind: DenialKind::RuleDenied, reason }) => {
                    No::Denied(Denial::new(DenialKind::FieldDenied { field: field.clone() }, reason))
                }
                other => other,
            })?;
        }
        Ok(())
    }
}

impl ListGrant {
    /// The rows that the caller may list.
    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    /// Whether the caller may filter, sort, group or measure by this field: he has to be able to read it on every
    /// document, so a rule that needs the document to decide doesn't do.
    pub fn may_query(&self, path: &FieldPath) -> bool {
        self.mask.is_always_readable(path)
    }

    /// Whether all fields of every row are shown.
    pub fn shows_all(&self) -> bool {
        self.mask.is_everything()
    }

    /// The text of a row that was selected under [`ListGrant::filter`]; `None` where fields of it may be hidden.
    pub fn reveal_text(&self, text: String) -> Option<Readable<String>> {
        self.mask.apply_to_text(text)
    }

    /// Grants with the same text list and show the same, whoever holds them.
    pub fn identity(&self) -> String {
        format!("{:?} {}", self.filter, self.mask.identity())
    }

    /// The field rules that are asked on each row.
    pub fn asked_on_rows(&self) -> impl Iterator<Item = &Expression> {
        self.mask.asked()
    }

    /// A row that was selected under [`ListGrant::filter`], with the fields that the caller may read.
    pub fn reveal(&self, document: Document, facts: &dyn Facts) -> Revealed {
        self.mask.apply(document, facts)
    }
}

impl Operation<'_> {
    fn access(self) -> Access {
        match self {
            Self::Get { .. } => Access::Read,
            Self::Create { .. } | Self::Update { .. } | Self::Delete { .. } => Access::Write,
        }
    }
}

/// The top-level fields that differ, but for the server's own.
pub fn changed_fields<'a>(doc: Option<&'a Value>, next: Option<&'a Value>) -> Vec<&'a str> {
    let fields = |value: Option<&'a Value>| value.and_then(Value::as_object).into_iter().flatten();
    let (before, after) = (fields(doc), fields(next));
    let mut names: Vec<&str> = after
        .filter(|(name, value)| doc.and_then(|doc| doc.get(name.as_str())) != Some(value))
        .chain(before.filter(|(name, _)| next.and_then(|next| next.get(name.as_str())).is_none()))
        .map(|(name, _)| name.as_str())
        .filter(|name| !OWN_FIELDS.contains(name))
        .collect();
    names.sort_unstable();
    names
}

pub(super) enum No {
    Denied(Denial),
    Need(Vec<Read>),
}

pub(super) struct Asking<'a> {
    binding: &'a Binding,
    facts: &'a dyn Facts,
    limiter: BucketLimiter<'a>,
}

impl<'a> Asking<'a> {
    pub(super) fn new(binding: &'a Binding, facts: &'a dyn Facts) -> Self {
        Self { binding, facts, limiter: BucketLimiter::new(facts, binding.caller()) }
    }

    pub(super) fn permit(self) -> Permit {
        Permit::new(self.limiter.into_cells())
    }

    fn condition(
        &self,
        rule: Option<&Expression>,
        name: &str,
        doc: Option<Doc<'_>>,
        next: Option<Doc<'_>>,
    ) -> Result<(), No> {
        let lookups = FactLookups::new(self.facts);
        self.decide(rule, name, &env(self.binding, doc, next, &lookups))
    }

    /// Asks a rule on these values.
    pub(super) fn decide(&self, rule: Option<&Expression>, name: &str, values: &Env<'_>) -> Result<(), No> {
        let Some(rule) = rule else {
            return Err(No::Denied(Denial::new(DenialKind::RuleMissing, format!("there is no {name} rule"))));
        };
        let outcome = rule.evaluate(&Env { limiter: Some(&self.limiter), ..*values });
        let denied = |kind, reason| Err(No::Denied(Denial::new(kind, reason)));
        match outcome {
            Outcome::True => match self.limiter.unread() {
                unread if unread.is_empty() => Ok(()),
                unread => Err(No::Need(unread)),
            },
            Outcome::Need(reads) => Err(No::Need(document_reads(reads).chain(self.limiter.unread()).collect())),
            Outcome::False => denied(DenialKind::RuleDenied, format!("the {name} rule is false")),
            Outcome::Error(why) => denied(DenialKind::RuleDenied, format!("the {name} rule is an error: {why}")),
            Outcome::Limited => denied(
                DenialKind::Limited { retry_after: self.limiter.wait() },
                format!("a limit of the {name} rule is reached"),
            ),
        }
    }
}

pub(super) fn env<'a>(
    binding: &'a Binding,
    doc: Option<Doc<'a>>,
    next: Option<Doc<'a>>,
    lookups: &'a FactLookups<'a>,
) -> Env<'a> {
    Env {
        auth: binding.auth(),
        request: Some(binding.request()),
        doc,
        next,
        vars: None,
        params: None,
        message: None,
        input: None,
        lookups,
        limiter: None,
    }
}

pub(super) fn refused(error: basalt_core::Error) -> Verdict {
    Verdict::Deny(Denial::new(DenialKind::Refused(error), "the principal lacks a scope or a role"))
}
