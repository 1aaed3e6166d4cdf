//! A definition made ready for use.

use std::collections::{BTreeMap, BTreeSet};

use basalt_core::{BucketName, Code, CollectionName, Error, FieldError, FieldPath, Result};
use basalt_expr::{Doc, FieldTypes};
use basalt_store::{Index, IndexKind, IndexState};
use serde_json::{Map, Value};

use super::buckets;
use super::builtin::{Builtin, OwnedRead};
use super::definition::Definition;
use super::references::{OnDelete, Referrer};
use super::schema::{Schema, time_fields};
use super::vectors;
use crate::declared::Problems;
use crate::rules::{CompiledRules, RuleTexts, changed_fields};

/// One collection as of one epoch: what every read and write of its documents goes by.
#[derive(Debug)]
pub struct Compiled {
    pub name: CollectionName,
    pub epoch: u64,
    pub definition: Definition,
    pub schema: Option<Schema>,
    pub rules: CompiledRules,
    /// With their states, as the catalog has them.
    pub indexes: Vec<Index>,
    /// Fields that are stored as UTC times (beside `createdAt` and `updatedAt`).
    pub times: TimeFields,
    /// The references of all collections that lead here.
    pub referrers: Vec<Referrer>,
    /// The server's fields of a built-in collection, which no generic door changes.
    pub protected: BTreeSet<String>,
    /// Whether a room owns this collection.
    pub built_in: bool,
    /// Of the collection `files`: the rules of each bucket, which are its own put together.
    pub buckets: BTreeMap<BucketName, CompiledRules>,
}

/// Which fields hold times.
#[derive(Clone, Debug, Default)]
pub struct TimeFields(BTreeSet<FieldPath>);

impl TimeFields {
    /// But for `createdAt` and `updatedAt`.
    pub fn iter(&self) -> impl Iterator<Item = &FieldPath> {
        self.0.iter()
    }
}

impl FieldTypes for TimeFields {
    fn is_time(&self, path: &FieldPath) -> bool {
        self.0.contains(path) || basalt_expr::Undeclared.is_time(path)
    }
}

/// What compiling a definition gives, without what the catalog adds.
pub(super) struct Parts {
    pub(super) schema: Option<Schema>,
    pub(super) rules: CompiledRules,
    pub(super) times: TimeFields,
    pub(super) buckets: BTreeMap<BucketName, CompiledRules>,
}

/// Compiles and checks a definition; problems are told with paths below `path`.
pub(super) fn compile(
    definition: &Definition,
    builtin: Option<&Builtin>,
    path: &str,
    problems: &mut Problems,
) -> Option<Parts> {
    let place = |inner: &str, faults: Vec<FieldError>| {
        let prefix = format!("{path}{inner}");
        faults.into_iter().map(move |fault| FieldError { path: format!("{prefix}{}", fault.path), ..fault })
    };
    let owned = builtin.map_or(&[][..], |builtin| &builtin.owned_fields);
    let schema = definition.schema.as_ref().map(|schema| {
        check_owned(schema, owned, path, problems);
        Schema::compile(schema)
    });
    let schema = match schema {
        Some(Err(faults)) => {
            problems.extend(place("/schema", faults));
            None
        }
        Some(Ok(schema)) => Some(schema),
        None => None,
    };
    let mut times = TimeFields(definition.schema.as_ref().map(time_fields).unwrap_or_default());
    if let Some(ttl) = &definition.ttl {
        if builtin.is_some() {
            let message = "Documents of this collection come and go by their own doors.";
            problems.add(&format!("{path}/ttl"), "bad_ttl", message);
        }
        times.0.insert(ttl.clone());
    }
    let texts = with_owned_rules(&definition.rules, builtin);
    let hidden = definition.hidden.iter().cloned().collect();
    let rules = CompiledRules::compile(&definition.name, &texts, hidden, &times);
    let buckets = buckets::compile(&definition.name, &definition.buckets, &times);
    match (rules, buckets) {
        (Ok(mut rules), Ok(buckets)) => {
            rules.rule(buckets.joined);
            Some(Parts { schema, rules, times, buckets: buckets.by_bucket })
        }
        (rules, buckets) => {
            problems.extend(place("", [rules.err(), buckets.err()].into_iter().flatten().flatten().collect()));
            None
        }
    }
}

fn check_owned(schema: &Value, owned: &[String], path: &str, problems: &mut Problems) {
    let declared = schema.get("properties").and_then(Value::as_object);
    for field in owned.iter().filter(|field| declared.is_some_and(|declared| declared.contains_key(*field))) {
        let path = format!("{path}/schema/properties/{}", basalt_core::document::pointer_token(field));
        problems.add(&path, "bad_schema", format!("{field:?} is the server's: the schema is of your own fields."));
    }
}

/// Owned fields are read by the room's rule, unless the app opens them.
fn with_owned_rules(texts: &RuleTexts, builtin: Option<&Builtin>) -> RuleTexts {
    let mut texts = texts.clone();
    let Some(builtin) = builtin else { return texts };
    let rule = match &builtin.owned_read {
        OwnedRead::Reader => return texts,
        OwnedRead::Nobody => "false",
        OwnedRead::Rule(rule) => rule,
    };
    for field in &builtin.owned_fields {
        let rules = texts.fields.entry(field.clone()).or_default();
        rules.read.get_or_insert_with(|| rule.to_owned());
    }
    texts
}

impl Compiled {
    /// Checks the user's fields by the schema (which the server's fields are no part of) and gives them back.
    pub fn validate(&self, data: Map<String, Value>) -> Result<Map<String, Value>> {
        let faults = vectors::faults(&self.definition.vectors, &data);
        if !faults.is_empty() {
            let detail = "The document's vectors do not fit what its collection declares.";
            return Err(Error::new(Code::SchemaViolation, detail).with_errors(faults));
        }
        let Some(schema) = &self.schema else { return Ok(data) };
        if self.protected.is_empty() {
            return schema.validate(data);
        }
        let (owned, own) = data.into_iter().partition(|(name, _)| self.protected.contains(name));
        let mut whole: Map<String, Value> = schema.validate(own)?;
        let owned: Map<String, Value> = owned;
        whole.extend(owned);
        Ok(whole)
    }

    /// Refuses a change of the server's fields, whoever asks and whatever a rule says.
    pub fn check_protected(&self, doc: Option<Doc<'_>>, next: Option<Doc<'_>>) -> Result<()> {
        if self.protected.is_empty() {
            return Ok(());
        }
        let touched = changed_fields(doc.map(Doc::whole), next.map(Doc::whole))
            .into_iter()
            .filter(|field| self.protected.contains(*field));
        let faults: Vec<FieldError> = touched
            .map(|field| {
                let path = format!("/{}", basalt_core::document::pointer_token(field));
                FieldError::new(path, Code::FieldProtected.as_str(), "This field is the server's.")
            })
            .collect();
        if faults.is_empty() {
            return Ok(());
        }
        Err(Error::new(Code::FieldProtected, "Fields of the server can't be changed here.").with_errors(faults))
    }

    /// The references that forbid to delete what they lead to.
    pub fn restricting(&self) -> impl Iterator<Item = &Referrer> {
        self.referrers.iter().filter(|referrer| referrer.on_delete == OnDelete::Restrict)
    }

    /// The references of which something becomes when what they lead to is deleted.
    pub fn released(&self) -> impl Iterator<Item = &Referrer> {
        self.referrers.iter().filter(|referrer| matches!(referrer.on_delete, OnDelete::Clear | OnDelete::Cascade))
    }

    /// The unique indexes that enforce.
    pub fn unique_indexes(&self) -> impl Iterator<Item = &Index> {
        self.indexes.iter().filter(|index| index.spec.kind == IndexKind::Unique && index.state == IndexState::Ready)
    }
}

impl Definition {
    /// Whether the schema and the rules are good; problems are told with paths below `path`.
    pub(crate) fn check(&self, path: &str, problems: &mut Problems) {
        compile(self, None, path, problems);
    }
}
