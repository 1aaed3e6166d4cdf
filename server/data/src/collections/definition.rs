//! A collection as it is declared: the `[collections.NAME]` of an app, the body of the admin API, and what the catalog
//! keeps.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use basalt_core::{BucketName, CollectionName, FieldPath};
use basalt_store::{IndexKind, IndexSpec, SortField};
use serde_json::{Map, Value, json};

use super::buckets::{self, Bucket};
use super::references::{Inverse, Reference};
use super::vectors::Vectors;
use crate::rules::{RuleOp, RuleTexts};

/// One collection's definition. [`Definition::to_json`] is its canonical form: equal definitions have equal ones.
#[derive(Clone, Debug, PartialEq)]
pub struct Definition {
    pub name: CollectionName,
    /// JSON Schema 2020-12 of the user's fields.
    pub schema: Option<Value>,
    pub rules: RuleTexts,
    pub indexes: Vec<IndexSpec>,
    pub references: BTreeMap<FieldPath, Reference>,
    /// Back references, by the name under which they are shown.
    pub inverse: BTreeMap<String, Inverse>,
    /// Fields that hold vectors.
    pub vectors: Vectors,
    /// The time at which a document is over and swept away.
    pub ttl: Option<FieldPath>,
    /// Fields of full text, the first counting most.
    pub search: Vec<FieldPath>,
    /// Whether versions of its documents are kept.
    pub history: Option<History>,
    /// Fields that only services, operators and the server read.
    pub hidden: BTreeSet<String>,
    /// Write rules that may be open to everybody.
    pub acknowledge: BTreeSet<RuleOp>,
    /// Of the collection `files`.
    pub buckets: BTreeMap<BucketName, Arc<Bucket>>,
}

/// How long the versions of documents are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct History {
    /// `None`: for as long as the collection is there.
    pub keep: Option<Duration>,
}

impl Definition {
    /// Nothing but a name: nobody's.
    pub fn empty(name: CollectionName) -> Self {
        Self {
            name,
            schema: None,
            rules: RuleTexts::default(),
            indexes: Vec::new(),
            references: BTreeMap::new(),
            inverse: BTreeMap::new(),
            vectors: Vectors::new(),
            ttl: None,
            search: Vec::new(),
            history: None,
            hidden: BTreeSet::new(),
            acknowledge: BTreeSet::new(),
            buckets: BTreeMap::new(),
        }
    }

    /// Without the name, which is its key everywhere. What isn't set isn't there.
    pub fn to_json(&self) -> Value {
        let mut map = Map::new();
        if let Some(schema) = &self.schema {
            map.insert("schema".to_owned(), schema.clone());
        }
        if !self.rules.is_empty() {
            map.insert("rules".to_owned(), self.rules.to_json());
        }
        if !self.indexes.is_empty() {
            map.insert("indexes".to_owned(), self.indexes.iter().map(index_to_json).collect());
        }
        if !self.references.is_empty() {
            let references = self.references.iter().map(|(path, to)| (path.to_string(), to.to_json()));
            map.insert("references".to_owned(), Value::Object(references.collect()));
        }
        if !self.inverse.is_empty() {
            let inverse = self.inverse.iter().map(|(name, from)| (name.clone(), from.to_json()));
            map.insert("inverse".to_owned(), Value::Object(inverse.collect()));
        }
        if !self.vectors.is_empty() {
            let vectors = self.vectors.iter().map(|(path, count)| (path.to_string(), (*count).into()));
            map.insert("vectors".to_owned(), Value::Object(vectors.collect()));
        }
        if let Some(ttl) = &self.ttl {
            map.insert("ttl".to_owned(), ttl.to_string().into());
        }
        if !self.search.is_empty() {
            map.insert("search".to_owned(), self.search.iter().map(ToString::to_string).collect());
        }
        if let Some(History { keep }) = self.history {
            let kept = |keep: Duration| json!({ "keep": format!("{}ms", keep.as_millis()) });
            map.insert("history".to_owned(), keep.map_or(json!(true), kept));
        }
        if !self.hidden.is_empty() {
            map.insert("hidden".to_owned(), self.hidden.iter().map(String::as_str).collect());
        }
        if !self.acknowledge.is_empty() {
            map.insert("acknowledge".to_owned(), self.acknowledge.iter().map(|op| op.as_str()).collect());
        }
        if !self.buckets.is_empty() {
            map.insert("buckets".to_owned(), buckets::all_to_json(&self.buckets));
        }
        Value::Object(map)
    }
}

/// `{"fields":["owner","-updatedAt"]}`, with `"unique":true`; or `{"contains":"tags"}`, `{"geo":"location"}`; or
/// `{"search":["title","text"]}`, which comes of the option of that name.
pub(crate) fn index_to_json(index: &IndexSpec) -> Value {
    let fields: Vec<String> = index.fields.iter().map(field_to_text).collect();
    match index.kind {
        IndexKind::Ordered => json!({ "fields": fields }),
        IndexKind::Unique => json!({ "fields": fields, "unique": true }),
        IndexKind::Contains => json!({ "contains": fields.first() }),
        IndexKind::Geo => json!({ "geo": fields.first() }),
        IndexKind::Vector => json!({ "vector": fields.first() }),
        IndexKind::Search => json!({ "search": fields }),
    }
}

fn field_to_text(field: &SortField) -> String {
    if field.descending { format!("-{}", field.path) } else { field.path.to_string() }
}
