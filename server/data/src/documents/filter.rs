//! A caller's filter: compiled, lowered with its values, and on readable fields alone.

use basalt_core::filter::{Filter, IdPart, Leaf, LookupId, Place, Root};
use basalt_core::{Code, Error, FieldError, FieldPath, Result};
use basalt_expr::{Doc, Env, Expression, Fault, FieldTypes, Lowered, NoLookups, Outcome, Scope};
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use serde_json::{Map, Value};

use super::definitions::bad_filter;
use crate::collections::Compiled;
use crate::rules::{Binding, ListGrant};

/// Bytes of the sources that are kept compiled.
const KEPT_BYTES: u64 = 256 << 10;

/// Compiled filters: clients send the same ones again and again.
pub(super) struct Filters(Cache<String, Expression, BySource>);

#[derive(Clone)]
struct BySource;

impl Weighter<String, Expression> for BySource {
    fn weight(&self, key: &String, _: &Expression) -> u64 {
        key.len() as u64
    }
}

impl Default for Filters {
    fn default() -> Self {
        Self(Cache::with_weighter(1_000, KEPT_BYTES, BySource))
    }
}

/// A filter with the values of its `vars`.
pub(super) struct Wanted {
    expression: Expression,
    vars: Value,
}

impl Filters {
    pub(super) fn compile(&self, collection: &Compiled, source: &str, vars: &Map<String, Value>) -> Result<Wanted> {
        let key = format!("{} {} {source}", collection.epoch, collection.name);
        let kept = self.0.get(&key);
        let expression = if let Some(expression) = kept {
            expression
        } else {
            let expression = compile(source, &collection.times)?;
            self.0.insert(key, expression.clone());
            expression
        };
        Ok(Wanted { expression, vars: Value::Object(vars.clone()) })
    }
}

fn compile(source: &str, types: &dyn FieldTypes) -> Result<Expression> {
    let scope = Scope { doc: true, bare_fields: true, vars: true, request: true, lowered: true, ..Scope::default() };
    Expression::compile(source, &scope, types).map_err(|faults| bad_filter("/filter", &faults))
}

impl Wanted {
    /// The filter for the database, on fields that the caller reads.
    pub(super) fn lower(&self, binding: &Binding, grant: &ListGrant) -> Result<Filter> {
        let lowered =
            self.expression.lower(&self.env(binding, None)).map_err(|fault| bad_filter("/filter", &[fault]))?;
        let Lowered::Filter(filter) = lowered else {
            let message = "A filter can't look up other documents.".to_owned();
            return Err(bad_filter("/filter", &[Fault { line: 1, column: 1, message }]));
        };
        let named = self.expression.doc_fields().unwrap_or_default();
        check_readable(named.iter().chain(fields(&filter)), grant, "/filter")?;
        Ok(filter)
    }

    /// Whether it uses a name such as `request`.
    pub(super) fn names(&self, name: &str) -> bool {
        self.expression.names().contains(&name)
    }

    /// Whether it is true of a document in memory, as it has to be of each that the database selected.
    pub(super) fn holds(&self, binding: &Binding, flat: &Value) -> bool {
        self.expression.evaluate(&self.env(binding, Some(flat.into()))) == Outcome::True
    }

    fn env<'a>(&'a self, binding: &'a Binding, doc: Option<Doc<'a>>) -> Env<'a> {
        Env {
            auth: &Value::Null,
            request: Some(binding.request()),
            doc,
            next: None,
            vars: Some(&self.vars),
            params: None,
            message: None,
            input: None,
            lookups: &NoLookups,
            limiter: None,
        }
    }
}

/// What can't be read can't be asked about, whether it is there or not.
pub(super) fn check_readable<'a>(
    fields: impl IntoIterator<Item = &'a FieldPath>,
    grant: &ListGrant,
    path: &str,
) -> Result<()> {
    match fields.into_iter().find(|field| !grant.may_query(field)) {
        None => Ok(()),
        Some(field) => {
            let message = format!("The field {field} is unknown or not readable.");
            let fault = FieldError::new(path, "unknown_field", message.clone());
            Err(Error::new(Code::BadFilter, message).with_errors(vec![fault]))
        }
    }
}

/// The places in the document that a filter looks at.
pub(super) fn fields(filter: &Filter) -> Vec<&FieldPath> {
    let mut fields = Vec::new();
    collect(filter, &mut fields);
    fields
}

fn collect<'a>(filter: &'a Filter, fields: &mut Vec<&'a FieldPath>) {
    match filter {
        Filter::True | Filter::False | Filter::Error => {}
        Filter::And(parts) | Filter::Or(parts) => parts.iter().for_each(|part| collect(part, fields)),
        Filter::Not(inner) => collect(inner, fields),
        Filter::Leaf(leaf) => collect_leaf(leaf, fields),
    }
}

fn collect_leaf<'a>(leaf: &'a Leaf, fields: &mut Vec<&'a FieldPath>) {
    match leaf {
        Leaf::Equal { place, .. }
        | Leaf::Order { place, .. }
        | Leaf::In { place, .. }
        | Leaf::Contains { place, .. }
        | Leaf::Has { place }
        | Leaf::IsTrue { place }
        | Leaf::Text { place, .. }
        | Leaf::Distance { place, .. }
        | Leaf::Size { place, .. } => collect_place(place, fields),
        Leaf::Any { place, filter } | Leaf::All { place, filter } => {
            collect_place(place, fields);
            collect(filter, fields);
        }
        // Inside, the document is the other one.
        Leaf::Exists { id, .. } | Leaf::Lookup { id, .. } => collect_id(id, fields),
    }
}

fn collect_id<'a>(id: &'a LookupId, fields: &mut Vec<&'a FieldPath>) {
    for part in &id.0 {
        match part {
            IdPart::Text(_) => {}
            IdPart::Place(place) => collect_place(place, fields),
        }
    }
}

fn collect_place<'a>(place: &'a Place, fields: &mut Vec<&'a FieldPath>) {
    match place.root {
        Root::Document => fields.push(&place.path),
        Root::Element(_) => {}
    }
}
