//! Rules, compiled when their collection is defined.

use std::collections::BTreeMap;

use basalt_core::document::pointer_token;
use basalt_core::{CollectionName, FieldError, FieldPath};
use basalt_expr::{Expression, Fault, FieldTypes, Scope};

use super::texts::{RuleOp, RuleTexts};

/// The rules of one collection, ready to be asked.
#[derive(Clone, Debug)]
pub struct CompiledRules {
    pub(super) collection: CollectionName,
    pub get: Option<Expression>,
    pub list: Option<Expression>,
    pub create: Option<Expression>,
    pub update: Option<Expression>,
    pub delete: Option<Expression>,
    /// By top-level field.
    pub fields: BTreeMap<String, FieldRules>,
    /// The read rules of fields, each with the fields that it rules: equal ones are asked once.
    pub(super) readers: Vec<(Expression, Vec<String>)>,
    /// Fields that only services, operators and the server read.
    pub(super) hidden: Vec<String>,
}

#[derive(Clone, Debug, Default)]
pub struct FieldRules {
    pub read: Option<Expression>,
    pub write: Option<Expression>,
}

impl CompiledRules {
    /// Compiles every rule; all faults at once, with the place of the rule in the definition.
    pub fn compile(
        collection: &CollectionName,
        texts: &RuleTexts,
        hidden: Vec<String>,
        types: &dyn FieldTypes,
    ) -> Result<Self, Vec<FieldError>> {
        let mut faults = Vec::new();
        let mut operation = |op: RuleOp| {
            let text = texts.operations.get(&op)?;
            let path = format!("/rules/{}", text.key);
            let note = if text.key == op.as_str() { "" } else { op.as_str() };
            compile_one(&text.source, &operation_scope(op), types)
                .map_err(|found| report(&path, note, &found))
                .map_or_else(
                    |found| {
                        faults.extend(found);
                        None
                    },
                    Some,
                )
        };
        let [get, list, create, update, delete] = RuleOp::ALL.map(&mut operation);
        let mut fields = BTreeMap::new();
        for (field, rules) in &texts.fields {
            let mut compiled = |key: &str, text: Option<&String>, scope: &Scope| {
                let path = format!("/rules/fields/{}/{key}", pointer_token(field));
                match compile_one(text?, scope, types) {
                    Ok(expression) => Some(expression),
                    Err(found) => {
                        faults.extend(report(&path, "", &found));
                        None
                    }
                }
            };
            let read = compiled("read", rules.read.as_ref(), &field_read_scope());
            let write = compiled("write", rules.write.as_ref(), &field_write_scope());
            fields.insert(field.clone(), FieldRules { read, write });
        }
        if !faults.is_empty() {
            return Err(deduplicated(faults));
        }
        let (collection, readers) = (collection.clone(), readers(&fields));
        Ok(Self { collection, get, list, create, update, delete, fields, readers, hidden })
    }

    /// Puts these rules in, compiled elsewhere.
    pub(crate) fn rule(&mut self, rules: BTreeMap<RuleOp, Expression>) {
        for (op, rule) in rules {
            let place = match op {
                RuleOp::Get => &mut self.get,
                RuleOp::List => &mut self.list,
                RuleOp::Create => &mut self.create,
                RuleOp::Update => &mut self.update,
                RuleOp::Delete => &mut self.delete,
            };
            *place = Some(rule);
        }
    }

    pub fn operation(&self, op: RuleOp) -> Option<&Expression> {
        match op {
            RuleOp::Get => self.get.as_ref(),
            RuleOp::List => self.list.as_ref(),
            RuleOp::Create => self.create.as_ref(),
            RuleOp::Update => self.update.as_ref(),
            RuleOp::Delete => self.delete.as_ref(),
        }
    }

    pub fn collection(&self) -> &CollectionName {
        &self.collection
    }

    /// Whether a client may ever read this field, whoever it is.
    pub fn is_hidden(&self, path: &FieldPath) -> bool {
        self.hidden.iter().any(|field| field == path.top())
    }
}

fn readers(fields: &BTreeMap<String, FieldRules>) -> Vec<(Expression, Vec<String>)> {
    let mut readers: Vec<(Expression, Vec<String>)> = Vec::new();
    for (field, rules) in fields {
        let Some(read) = &rules.read else { continue };
        match readers.iter_mut().find(|(rule, _)| rule.source() == read.source()) {
            Some((_, ruled)) => ruled.push(field.clone()),
            None => readers.push((read.clone(), vec![field.clone()])),
        }
    }
    readers
}

/// An empty text is a fault: who means everybody writes `true`.
pub(super) fn compile_one(source: &str, scope: &Scope, types: &dyn FieldTypes) -> Result<Expression, Vec<Fault>> {
    if source.trim().is_empty() {
        let message = "an empty rule says nothing: write \"true\" for everybody, or leave the rule out for nobody";
        return Err(vec![Fault { line: 1, column: 1, message: message.to_owned() }]);
    }
    Expression::compile(source, scope, types)
}

/// What a rule may name, by its operation.
pub fn operation_scope(op: RuleOp) -> Scope {
    let base = Scope { auth: true, request: true, lookups: true, ..Scope::default() };
    match op {
        RuleOp::Get => Scope { doc: true, ..base },
        RuleOp::List => Scope { doc: true, lowered: true, ..base },
        RuleOp::Create => Scope { next: true, limit: true, ..base },
        RuleOp::Update => Scope { doc: true, next: true, unchanged: true, limit: true, ..base },
        RuleOp::Delete => Scope { doc: true, limit: true, ..base },
    }
}

fn field_read_scope() -> Scope {
    Scope { auth: true, request: true, doc: true, lookups: true, ..Scope::default() }
}

/// At a create there is no `doc`: what names it is an error then, hence a refusal.
fn field_write_scope() -> Scope {
    Scope { auth: true, request: true, doc: true, next: true, unchanged: true, lookups: true, ..Scope::default() }
}

pub(super) fn report(path: &str, note: &str, faults: &[Fault]) -> Vec<FieldError> {
    let error = |fault: &Fault| {
        let message =
            if note.is_empty() { fault.message.clone() } else { format!("{} (as the {note} rule)", fault.message) };
        FieldError {
            line: Some(fault.line),
            column: Some(fault.column),
            ..FieldError::new(path, "bad_expression", message)
        }
    };
    faults.iter().map(error).collect()
}

/// `read` is compiled twice, as `get` and as `list`: a fault of both is told once.
fn deduplicated(faults: Vec<FieldError>) -> Vec<FieldError> {
    let mut told: Vec<FieldError> = Vec::new();
    let bare = |message: &str| message.rsplit_once(" (as the ").map_or(message.to_owned(), |(head, _)| head.to_owned());
    for fault in faults {
        let same = told.iter_mut().find(|other| {
            (&other.path, other.line, other.column) == (&fault.path, fault.line, fault.column)
                && bare(&other.message) == bare(&fault.message)
        });
        match same {
            Some(other) => other.message = bare(&other.message),
            None => told.push(fault),
        }
    }
    told
}
