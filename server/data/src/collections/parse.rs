//! From JSON to a [`Definition`].

use std::collections::{BTreeMap, BTreeSet};

use basalt_core::document::OWN_FIELDS;
use basalt_core::{CollectionName, FieldPath, Result};
use basalt_store::{IndexKind, IndexSpec, SortField};
use serde_json::Value;

use super::buckets::{FILES, read_buckets};
use super::definition::{Definition, History};
use super::references::{read_inverse, read_references};
use super::vectors::read_vectors;
use crate::declared::{Problems, Table, duration, wrong_type};
use crate::rules::{FieldRuleTexts, RuleOp, RuleText, RuleTexts};

/// Indexes of one collection, and fields of one index.
const INDEXES_MAX: usize = 32;
const INDEX_FIELDS_MAX: usize = 8;
/// Options whose features come later; an option that would do nothing is refused.
const LATER: [&str; 1] = ["softDelete"];

impl Definition {
    /// Reads the entry of one collection; all problems at once.
    pub fn parse(name: &CollectionName, value: &Value) -> Result<Self> {
        let mut problems = Problems::default();
        let definition = Self::read(name, value, "", &mut problems);
        match definition {
            Some(definition) if problems.is_empty() => Ok(definition),
            _ => Err(problems.into_error(&format!("The definition of {name:?}"))),
        }
    }

    /// Reads what is there; problems are told with paths below `path`.
    pub(crate) fn read(name: &CollectionName, value: &Value, path: &str, problems: &mut Problems) -> Option<Self> {
        let mut table = Table::open(value, path, problems)?;
        let mut definition = Self::empty(name.clone());
        definition.schema = table.take("schema").map(|(schema, _)| schema.clone());
        if let Some((rules, path)) = table.take("rules") {
            definition.rules = read_rules(rules, &path, problems);
        }
        if let Some((indexes, path)) = table.take("indexes") {
            definition.indexes = read_indexes(indexes, &path, problems);
        }
        if let Some((references, path)) = table.take("references") {
            definition.references = read_references(references, &path, problems);
        }
        if let Some((inverse, path)) = table.take("inverse") {
            definition.inverse = read_inverse(inverse, &path, problems);
        }
        if let Some((vectors, path)) = table.take("vectors") {
            definition.vectors = read_vectors(vectors, &path, problems);
        }
        let ttl_path = table.path_of("ttl");
        definition.ttl = table.text("ttl", problems).and_then(|field| read_ttl(field, &ttl_path, problems));
        if let Some(fields) = table.texts("search", problems) {
            definition.search = read_search(&fields, &table.path_of("search"), problems);
        }
        if let Some((history, path)) = table.take("history") {
            definition.history = read_history(history, &path, problems);
        }
        if let Some(fields) = table.texts("hidden", problems) {
            let fields = fields.into_iter().filter(|(field, path)| check_field(field, path, problems));
            definition.hidden = fields.map(|(field, _)| field.to_owned()).collect();
        }
        if let Some(operations) = table.texts("acknowledge", problems) {
            definition.acknowledge = read_acknowledged(operations, problems);
        }
        if name.as_str() == FILES
            && let Some((buckets, path)) = table.take("buckets")
        {
            definition.buckets = read_buckets(buckets, &path, problems);
        }
        for key in LATER {
            if let Some((_, path)) = table.take(key) {
                problems.not_available(&path, &format!("The option {key:?}"));
            }
        }
        table.finish(problems);
        Some(definition)
    }
}

pub(crate) fn read_rules(value: &Value, path: &str, problems: &mut Problems) -> RuleTexts {
    let mut rules = RuleTexts::default();
    let Some(mut table) = Table::open(value, path, problems) else { return rules };
    let pairs: [(&'static str, &[RuleOp]); 7] = [
        ("get", &[RuleOp::Get]),
        ("list", &[RuleOp::List]),
        ("read", &[RuleOp::Get, RuleOp::List]),
        ("create", &[RuleOp::Create]),
        ("update", &[RuleOp::Update]),
        ("delete", &[RuleOp::Delete]),
        ("write", &[RuleOp::Create, RuleOp::Update, RuleOp::Delete]),
    ];
    for (key, operations) in pairs {
        let Some(source) = table.text(key, problems) else { continue };
        for op in operations {
            let text = RuleText { source: source.to_owned(), key };
            if let Some(other) = rules.operations.insert(*op, text) {
                let message = format!("{key:?} and {:?} both rule {:?}: write one of them.", other.key, op.as_str());
                problems.add(&table.path_of(key), "ambiguous", message);
            }
        }
    }
    if let Some((fields, path)) = table.take("fields") {
        rules.fields = read_field_rules(fields, &path, problems);
    }
    table.finish(problems);
    rules
}

fn read_field_rules(value: &Value, path: &str, problems: &mut Problems) -> BTreeMap<String, FieldRuleTexts> {
    let Value::Object(fields) = value else {
        wrong_type(path, "a table of fields", value, problems);
        return BTreeMap::new();
    };
    let mut rules = BTreeMap::new();
    for (field, value) in fields {
        let path = format!("{path}/{}", basalt_core::document::pointer_token(field));
        if !check_field(field, &path, problems) {
            continue;
        }
        let Some(mut table) = Table::open(value, path, problems) else { continue };
        let read = table.text("read", problems).map(str::to_owned);
        let write = table.text("write", problems).map(str::to_owned);
        table.finish(problems);
        rules.insert(field.clone(), FieldRuleTexts { read, write });
    }
    rules
}

/// Field rules and hidden fields are of the top level, and never of the server's own fields.
fn check_field(field: &str, path: &str, problems: &mut Problems) -> bool {
    let fault = if OWN_FIELDS.contains(&field) {
        "is the server's and readable with the document"
    } else if field.starts_with('_') || !basalt_core::ids::is_field_name(field) {
        "is not the name of a field"
    } else {
        return true;
    };
    problems.add(path, "bad_field_name", format!("{field:?} {fault}."));
    false
}

fn read_indexes(value: &Value, path: &str, problems: &mut Problems) -> Vec<IndexSpec> {
    let Value::Array(items) = value else {
        wrong_type(path, "a list of indexes", value, problems);
        return Vec::new();
    };
    if items.len() > INDEXES_MAX {
        problems.add(path, "bad_index", format!("A collection has at most {INDEXES_MAX} indexes."));
        return Vec::new();
    }
    let mut indexes = Vec::new();
    for (position, item) in items.iter().enumerate() {
        let path = format!("{path}/{position}");
        let Some(index) = read_index(item, &path, problems) else { continue };
        if indexes.contains(&index) {
            problems.add(&path, "bad_index", "This index is there already.");
        } else {
            indexes.push(index);
        }
    }
    indexes
}

fn read_index(value: &Value, path: &str, problems: &mut Problems) -> Option<IndexSpec> {
    let mut table = Table::open(value, path, problems)?;
    let geo = table.text("geo", problems).map(str::to_owned);
    let geo_path = table.path_of("geo");
    let contains = table.text("contains", problems).map(str::to_owned);
    let contains_path = table.path_of("contains");
    let unique = table.bool("unique", problems).unwrap_or(false);
    let fields = table.texts("fields", problems);
    table.finish(problems);
    match (contains, geo, fields) {
        (Some(field), None, None) if !unique => {
            let field = read_sort_field(&field, &contains_path, problems)?;
            if field.descending {
                problems.add(&contains_path, "bad_index", "Elements of a list have no direction: leave the - out.");
            }
            Some(IndexSpec { kind: IndexKind::Contains, fields: vec![field] })
        }
        (None, Some(field), None) if !unique => {
            let field = read_sort_field(&field, &geo_path, problems)?;
            if field.descending {
                problems.add(&geo_path, "bad_index", "A point has no direction: leave the - out.");
            }
            Some(IndexSpec { kind: IndexKind::Geo, fields: vec![field] })
        }
        (None, None, Some(fields)) => {
            let kind = if unique { IndexKind::Unique } else { IndexKind::Ordered };
            let fields = read_index_fields(&fields, path, problems)?;
            Some(IndexSpec { kind, fields })
        }
        _ => {
            let message = "An index is { fields = [\"a\", \"-b\"] }, with unique = true, or { contains = \"tags\" }, or \
                           { geo = \"location\" }.";
            problems.add(path, "bad_index", message);
            None
        }
    }
}

fn read_index_fields(fields: &[(&str, String)], path: &str, problems: &mut Problems) -> Option<Vec<SortField>> {
    if fields.is_empty() || fields.len() > INDEX_FIELDS_MAX {
        problems.add(path, "bad_index", format!("An index has 1 to {INDEX_FIELDS_MAX} fields."));
        return None;
    }
    let mut read: Vec<SortField> = Vec::new();
    for (field, path) in fields {
        let field = read_sort_field(field, path, problems)?;
        if read.iter().any(|other| other.path == field.path) {
            problems.add(path, "bad_index", format!("{} is in this index twice.", field.path));
            return None;
        }
        read.push(field);
    }
    Some(read)
}

/// Paths of fields of the user's, the first counting most.
fn read_search(fields: &[(&str, String)], path: &str, problems: &mut Problems) -> Vec<FieldPath> {
    if fields.len() > INDEX_FIELDS_MAX {
        problems.add(path, "bad_search", format!("A search is in at most {INDEX_FIELDS_MAX} fields."));
        return Vec::new();
    }
    let mut read: Vec<FieldPath> = Vec::new();
    for (field, path) in fields {
        match read_path(field).filter(|field| !OWN_FIELDS.contains(&field.top())) {
            Some(found) if read.contains(&found) => {
                problems.add(path, "bad_search", format!("{field} is there twice."));
            }
            Some(found) => read.push(found),
            None => problems.add(path, "bad_field_name", format!("{field:?} is not the path of a field of yours.")),
        }
    }
    read
}

fn read_sort_field(field: &str, path: &str, problems: &mut Problems) -> Option<SortField> {
    let (descending, name) = field.strip_prefix('-').map_or((false, field), |name| (true, name));
    let Some(field) = read_path(name) else {
        problems.add(path, "bad_field_name", format!("{field:?} is not the path of a field."));
        return None;
    };
    Some(SortField { path: field, descending })
}

/// `true`, or `{ keep = "90d" }`; `false` says what leaving it out says.
fn read_history(value: &Value, path: &str, problems: &mut Problems) -> Option<History> {
    if let Value::Bool(keeps) = value {
        return keeps.then_some(History { keep: None });
    }
    let mut table = Table::open(value, path, problems)?;
    let text = table.text("keep", problems);
    let keep = text.and_then(duration).filter(|keep| !keep.is_zero());
    if text.is_some() && keep.is_none() {
        problems.add(&table.path_of("keep"), "bad_duration", "A duration is like 12h or 90d.");
    }
    table.finish(problems);
    Some(History { keep })
}

fn read_ttl(field: &str, path: &str, problems: &mut Problems) -> Option<FieldPath> {
    let read = read_path(field).filter(|field| !OWN_FIELDS.contains(&field.top()));
    if read.is_none() {
        problems.add(path, "bad_field_name", format!("{field:?} is not the path of a field of yours."));
    }
    read
}

pub(super) fn read_path(text: &str) -> Option<FieldPath> {
    let path = FieldPath::parse(text).ok()?;
    (!path.top().starts_with('_')).then_some(path)
}

pub(super) fn read_acknowledged(operations: Vec<(&str, String)>, problems: &mut Problems) -> BTreeSet<RuleOp> {
    let mut acknowledged = BTreeSet::new();
    for (text, path) in operations {
        match RuleOp::parse(text) {
            Some(op) if op.is_write() => {
                acknowledged.insert(op);
            }
            None if text == "write" => acknowledged.extend(RuleOp::ALL.into_iter().filter(|op| op.is_write())),
            _ => problems.add(&path, "bad_acknowledge", "What is acknowledged is create, update, delete or write."),
        }
    }
    acknowledged
}
