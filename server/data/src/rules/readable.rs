//! What leaves this floor: documents with the fields that their caller may read.

use std::ops::Deref;

use basalt_core::document::OWN_FIELDS;
use basalt_core::{Document, FieldPath};
use basalt_expr::{Doc, Env, Expression, Flat, Outcome};
use basalt_store::Read;

use super::binding::Binding;
use super::compiled::CompiledRules;
use super::facts::{FactLookups, Facts};
use super::verdict::Denial;

/// A value that its caller may read. Only this room makes one, so what an answer is built from has had its verdict.
#[derive(Clone, Debug, PartialEq)]
pub struct Readable<T>(T);

impl<T> Readable<T> {
    pub fn into_inner(self) -> T {
        self.0
    }

    /// A part or another form of what may be read.
    pub fn map<U>(self, form: impl FnOnce(T) -> U) -> Readable<U> {
        Readable(form(self.0))
    }
}

impl<T> Deref for Readable<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

/// May this document be read, and which of its fields?
pub enum ReadVerdict {
    Readable(Readable<Document>),
    Hidden(Denial),
    Need(Vec<Read>),
}

/// How much of a document its caller may read, told without a copy of it.
pub enum Sees {
    All,
    /// Some fields are hidden from him, or may be.
    Part,
    Nothing,
    Need(Vec<Read>),
}

/// A row of a granted list, with its fields masked.
pub enum Revealed {
    Document(Readable<Document>),
    /// Field rules look up documents that aren't read yet; the document comes back.
    Need(Document, Vec<Read>),
}

/// Which fields a caller reads, as far as it is known without the document.
#[derive(Clone, Debug)]
pub(super) enum Mask {
    Everything,
    Ruled(Ruled),
}

#[derive(Clone, Debug)]
pub(super) struct Ruled {
    binding: Binding,
    hidden: Vec<String>,
    /// Rules that need the document, each with the fields that it rules.
    by_document: Vec<(Expression, Vec<String>)>,
}

impl Mask {
    /// Decides what needs no document; the look-ups that this takes have to be there.
    pub(super) fn prepare(rules: &CompiledRules, binding: &Binding, facts: &dyn Facts) -> Result<Self, Vec<Read>> {
        let mut mask = Ruled { binding: binding.clone(), hidden: rules.hidden.clone(), by_document: Vec::new() };
        let mut needed = Vec::new();
        for (rule, fields) in &rules.readers {
            match evaluate(rule, binding, None, facts) {
                Outcome::True => {}
                Outcome::Need(reads) => needed.extend(document_reads(reads)),
                // An error without the document may be an answer with it; true and false stay what they are.
                Outcome::Error(_) if rule.names().contains(&"doc") => {
                    mask.by_document.push((rule.clone(), fields.clone()));
                }
                Outcome::False | Outcome::Error(_) | Outcome::Limited => mask.hidden.extend_from_slice(fields),
            }
        }
        if !needed.is_empty() {
            return Err(needed);
        }
        if mask.hidden.is_empty() && mask.by_document.is_empty() {
            return Ok(Self::Everything);
        }
        Ok(Self::Ruled(mask))
    }

    /// Whether the field is readable on every document, whatever it holds.
    pub(super) fn is_always_readable(&self, path: &FieldPath) -> bool {
        let field = path.top();
        match self {
            Self::Everything => true,
            Self::Ruled(_) if OWN_FIELDS.contains(&field) => true,
            Self::Ruled(ruled) => {
                let by_document = ruled.by_document.iter().flat_map(|(_, fields)| fields);
                !ruled.hidden.iter().chain(by_document).any(|name| name == field)
            }
        }
    }

    pub(super) fn is_everything(&self) -> bool {
        matches!(self, Self::Everything)
    }

    pub(super) fn apply_to_text(&self, text: String) -> Option<Readable<String>> {
        self.is_everything().then_some(Readable(text))
    }

    /// Callers whose masks have the same text are shown the same of every document.
    pub(super) fn identity(&self) -> String {
        let Self::Ruled(Ruled { binding, hidden, by_document }) = self else { return String::new() };
        let mut hidden = hidden.clone();
        hidden.sort();
        hidden.dedup();
        let mut text = format!("{hidden:?}");
        for (rule, fields) in by_document {
            let request = rule.names().contains(&"request").then(|| binding.request());
            text = format!("{text} {:?} {fields:?} {request:?}", rule.source());
        }
        if !by_document.is_empty() {
            text = format!("{text} {}", binding.auth());
        }
        text
    }

    /// The rules that are asked on each document.
    pub(super) fn asked(&self) -> impl Iterator<Item = &Expression> {
        let by_document = match self {
            Self::Everything => &[][..],
            Self::Ruled(ruled) => &ruled.by_document,
        };
        by_document.iter().map(|(rule, _)| rule)
    }

    pub(super) fn apply(&self, mut document: Document, facts: &dyn Facts) -> Revealed {
        let Self::Ruled(ruled) = self else { return Revealed::Document(Readable(document)) };
        let is_there =
            |(_, fields): &&(Expression, Vec<String>)| fields.iter().any(|field| document.data.contains_key(field));
        let asked: Vec<_> = ruled.by_document.iter().filter(is_there).collect();
        let mut unreadable: Vec<&String> = ruled.hidden.iter().collect();
        let mut needed = Vec::new();
        if !asked.is_empty() {
            let flat = Flat::default();
            for (rule, fields) in asked {
                match evaluate(rule, &ruled.binding, Some(flat.of(&document)), facts) {
                    Outcome::True => {}
                    Outcome::Need(reads) => needed.extend(document_reads(reads)),
                    Outcome::False | Outcome::Error(_) | Outcome::Limited => unreadable.extend(fields),
                }
            }
        }
        if !needed.is_empty() {
            return Revealed::Need(document, needed);
        }
        for field in unreadable {
            document.data.remove(field);
        }
        Revealed::Document(Readable(document))
    }
}

fn evaluate(rule: &Expression, binding: &Binding, doc: Option<Doc<'_>>, facts: &dyn Facts) -> Outcome {
    let lookups = FactLookups::new(facts);
    rule.evaluate(&Env {
        auth: binding.auth(),
        request: Some(binding.request()),
        doc,
        next: None,
        vars: None,
        params: None,
        message: None,
        input: None,
        lookups: &lookups,
        limiter: None,
    })
}

pub(super) fn document_reads(
    reads: Vec<(basalt_core::CollectionName, basalt_core::DocumentId)>,
) -> impl Iterator<Item = Read> {
    reads.into_iter().map(|(collection, id)| Read::Document { collection, id })
}
