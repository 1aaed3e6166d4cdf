//! The simulator: what would the rules say, and why. The same authorisation as everywhere, on a caller and documents
//! that are only supposed.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use basalt_core::principal::Request;
use basalt_core::{Caller, Code, CollectionName, Document, DocumentId, Error, Principal, Result, Rev, Timestamp};
use basalt_expr::{Doc, Expression, Outcome, TraceStep};
use basalt_store::{Cell, CellKey, Read};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::authorize::{Operation, env};
use super::binding::Binding;
use super::compiled::CompiledRules;
use super::facts::{FactLookups, Facts};
use super::texts::RuleOp;
use super::verdict::{Denial, DenialKind, Verdict};
use crate::declared::{Problems, Table, text};

/// What is supposed.
#[derive(Clone, Debug)]
pub struct Simulation {
    pub collection: CollectionName,
    pub op: RuleOp,
    binding: Binding,
    doc: Option<Value>,
    next: Option<Value>,
}

/// What the rules say to it.
#[derive(Clone, Debug, Serialize)]
pub struct Simulated {
    pub allowed: bool,
    /// Which rule decided: `update`, `get`, `fields.salary.write`.
    pub rule: String,
    pub why: String,
    /// Each node of that rule with its value.
    pub trace: Vec<TraceStep>,
}

/// Simulated, or what has to be read first.
pub enum SimulationStep {
    Done(Simulated),
    Need(Vec<Read>),
}

impl Simulation {
    /// `collection`, `op`, `auth`, `doc`, `next` and `request` of a table that may hold more.
    pub(crate) fn read(table: &mut Table<'_>, now: Timestamp, problems: &mut Problems) -> Option<Self> {
        let collection = table.take("collection").and_then(|(value, path)| {
            let name = CollectionName::parse(text(value, &path, problems)?);
            name.map_err(|error| problems.add(&path, "bad_name", error.detail())).ok()
        });
        let op = table.take("op").and_then(|(value, path)| {
            let op = RuleOp::parse(text(value, &path, problems)?);
            if op.is_none() {
                problems.add(&path, "bad_operation", "op is get, list, create, update or delete.");
            }
            op
        });
        for (key, found) in [("collection", collection.is_some()), ("op", op.is_some())] {
            if !found && table.take(key).is_none() {
                problems.add(&table.path_of(key), "required", format!("{key:?} has to be given."));
            }
        }
        let auth = table.take("auth").map_or(Value::Null, |(value, path)| read_auth(value, &path, problems));
        let request = read_request(table, now, problems);
        let doc = read_document(table, "doc", problems);
        let next = read_document(table, "next", problems);
        let (collection, op) = (collection?, op?);
        let (needs_doc, needs_next) = (op != RuleOp::Create, matches!(op, RuleOp::Create | RuleOp::Update));
        for (key, needed, given) in [("doc", needs_doc, doc.is_some()), ("next", needs_next, next.is_some())] {
            let path = table.path_of(key);
            if needed && !given {
                problems.add(&path, "required", format!("{key:?} has to be given for {:?}.", op.as_str()));
            } else if given && !needed {
                problems.add(&path, "not_in_scope", format!("There is no {key:?} in {:?}.", op.as_str()));
            }
        }
        let binding = Binding::with_auth(Caller { principal: Principal::Visitor, request }, auth);
        Some(Self { collection, op, binding, doc, next })
    }

    /// Asks the rules, as the one authorisation does.
    pub fn run(&self, rules: &CompiledRules, facts: &dyn Facts) -> Result<SimulationStep> {
        let (doc, next) = (self.doc.as_ref().map(Doc::from), self.next.as_ref().map(Doc::from));
        let operation = match (self.op, doc, next) {
            (RuleOp::List, Some(_), _) => return Ok(self.run_list(rules, facts)),
            (RuleOp::Get, Some(doc), _) => Operation::Get { doc },
            (RuleOp::Delete, Some(doc), _) => Operation::Delete { doc },
            (RuleOp::Create, _, Some(next)) => Operation::Create { next },
            (RuleOp::Update, Some(doc), Some(next)) => Operation::Update { doc, next },
            _ => return Err(Error::new(Code::BadRequest, "The documents of this operation have to be given.")),
        };
        Ok(match rules.authorize(&self.binding, operation, facts) {
            Verdict::Need(reads) => SimulationStep::Need(reads),
            Verdict::Allow(_) => self.explained(rules, facts, None),
            Verdict::Deny(denial) => self.explained(rules, facts, Some(&denial)),
        })
    }

    fn run_list(&self, rules: &CompiledRules, facts: &dyn Facts) -> SimulationStep {
        let denied = |kind, reason: String| self.explained(rules, facts, Some(&Denial::new(kind, reason)));
        let Some(rule) = &rules.list else {
            return denied(DenialKind::RuleMissing, "there is no list rule".to_owned());
        };
        let lookups = FactLookups::new(facts);
        match rule.evaluate(&env(&self.binding, self.doc.as_ref().map(Doc::from), None, &lookups)) {
            Outcome::Need(reads) => SimulationStep::Need(super::readable::document_reads(reads).collect()),
            Outcome::True => self.explained(rules, facts, None),
            Outcome::False | Outcome::Limited => denied(DenialKind::RuleDenied, "the list rule is false".to_owned()),
            Outcome::Error(why) => denied(DenialKind::RuleDenied, format!("the list rule is an error: {why}")),
        }
    }

    /// The verdict with the trace of the rule that decided it.
    fn explained(&self, rules: &CompiledRules, facts: &dyn Facts, denial: Option<&Denial>) -> SimulationStep {
        let op = self.op.as_str();
        let next = self.next.as_ref().map(Doc::from);
        let (name, rule, next) = match denial.map(|denial| &denial.kind) {
            Some(DenialKind::Unreadable) => ("get".to_owned(), rules.get.as_ref(), None),
            Some(DenialKind::FieldDenied { field }) => {
                let rule = rules.fields.get(field).and_then(|rules| rules.write.as_ref());
                (format!("fields.{field}.write"), rule, next)
            }
            _ => (op.to_owned(), rules.operation(self.op), next),
        };
        let trace = rule.map_or_else(Vec::new, |rule| self.trace(rule, next, facts));
        let why = match denial {
            None => format!("the {op} rule is true"),
            Some(denial) => denial.reason.clone(),
        };
        SimulationStep::Done(Simulated { allowed: denial.is_none(), rule: name, why, trace })
    }

    fn trace(&self, rule: &Expression, next: Option<Doc<'_>>, facts: &dyn Facts) -> Vec<TraceStep> {
        let lookups = FactLookups::new(facts);
        let granted = super::lint::AlwaysGranted;
        let env = env(&self.binding, self.doc.as_ref().map(Doc::from), next, &lookups);
        rule.trace(&basalt_expr::Env { limiter: Some(&granted), ..env }).1
    }
}

/// `null` for a visitor, else an object; what isn't given is as for a fresh account.
fn read_auth(value: &Value, path: &str, problems: &mut Problems) -> Value {
    if value.is_null() {
        return Value::Null;
    }
    let Some(mut table) = Table::open(value, path, problems) else { return Value::Null };
    let mut auth = json!({
        "id": "", "email": null, "emailVerified": false, "anonymous": false, "roles": [], "claims": {}, "mfa": false,
        "method": "password", "orgs": {},
    });
    for key in ["id", "email", "emailVerified", "anonymous", "roles", "claims", "mfa", "method", "orgs"] {
        if let Some((given, _)) = table.take(key) {
            auth[key] = given.clone();
        }
    }
    if auth["id"].as_str().is_none_or(str::is_empty) {
        problems.add(&table.path_of("id"), "required", "Who is signed in has an id; a visitor's auth is null.");
    }
    table.finish(problems);
    auth
}

fn read_request(table: &mut Table<'_>, now: Timestamp, problems: &mut Problems) -> Request {
    let mut request = Request::new("simulated", now, None, "GET");
    let Some((value, path)) = table.take("request") else { return request };
    let Some(mut table) = Table::open(value, path, problems) else { return request };
    if let Some(time) = table.text("time", problems) {
        match Timestamp::parse(time) {
            Some(time) => request.time = time,
            None => problems.add(&table.path_of("time"), "bad_time", "A time is written as RFC 3339."),
        }
    }
    if let Some(ip) = table.text("ip", problems) {
        request.ip = ip.parse::<IpAddr>().ok();
        if request.ip.is_none() {
            problems.add(&table.path_of("ip"), "bad_address", "This is not an IP address.");
        }
    }
    if let Some(method) = table.text("method", problems) {
        request.method = method.to_ascii_uppercase();
    }
    table.finish(problems);
    request
}

fn read_document(table: &mut Table<'_>, key: &'static str, problems: &mut Problems) -> Option<Value> {
    let (value, path) = table.take(key).filter(|(value, _)| !value.is_null())?;
    if !value.is_object() {
        crate::declared::wrong_type(&path, "a document", value, problems);
        return None;
    }
    Some(basalt_core::json::canonical(value.clone()))
}

/// Documents that are only supposed, for look-ups. Buckets of `limit()` are full.
#[derive(Clone, Debug, Default)]
pub struct Supposed {
    documents: HashMap<(CollectionName, DocumentId), Option<Arc<Document>>>,
    /// Whether what isn't here is missing, or has to be read.
    closed: bool,
}

impl Supposed {
    /// What isn't put in is asked for.
    pub fn open() -> Self {
        Self::default()
    }

    /// What isn't put in is missing.
    pub fn closed() -> Self {
        Self { closed: true, ..Self::default() }
    }

    pub fn put(&mut self, collection: CollectionName, id: DocumentId, document: Option<Document>) {
        self.documents.insert((collection, id), document.map(Arc::new));
    }

    /// A document of which only the fields matter.
    pub(crate) fn put_fields(&mut self, collection: CollectionName, id: DocumentId, fields: &Map<String, Value>) {
        let time = |name: &str| fields.get(name).and_then(Value::as_str).and_then(Timestamp::parse);
        let epoch = Timestamp::from_millis(0);
        let Ok(rev) = Rev::parse("supposed") else { return };
        let own = |name: &str| basalt_core::document::OWN_FIELDS.contains(&name);
        let document = Document {
            id: id.clone(),
            rev,
            created_at: time("createdAt").unwrap_or(epoch),
            updated_at: time("updatedAt").unwrap_or(epoch),
            data: fields.iter().filter(|(name, _)| !own(name)).map(|(n, v)| (n.clone(), v.clone())).collect(),
        };
        self.put(collection, id, Some(document));
    }
}

impl Facts for Supposed {
    fn document(&self, collection: &CollectionName, id: &DocumentId) -> Option<Option<&Arc<Document>>> {
        let found = self.documents.get(&(collection.clone(), id.clone())).map(Option::as_ref);
        if self.closed { Some(found.flatten()) } else { found }
    }

    fn cell(&self, _: &CellKey) -> Option<Option<&Cell>> {
        Some(None)
    }
}
