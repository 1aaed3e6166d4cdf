//! A caller's filter: compiled, lowered with its values, and on readable fields alone.

use basalt_core::filter::{Filter, IdPart, Leaf, LookupId, Place, Root};
use basalt_core::{Code, Error, FieldError, FieldPath, Result};
use basalt_expr::{Env, Expression, Fault, FieldTypes, Lowered, NoLookups, Scope};
use serde_json::{Map, Value};

use super::definitions::bad_filter;
use crate::rules::{Binding, ListGrant};

/// What of a query's input can be wrong only for this caller.
pub(super) fn lower(
    source: Option<&str>,
    vars: &Map<String, Value>,
    types: &dyn FieldTypes,
    binding: &Binding,
    grant: &ListGrant,
) -> Result<Filter> {
    let Some(source) = source else { return Ok(Filter::True) };
    let scope = Scope { doc: true, bare_fields: true, vars: true, request: true, lowered: true, ..Scope::default() };
    let expression = Expression::compile(source, &scope, types).map_err(|faults| bad_filter("/filter", &faults))?;
    let vars = Value::Object(vars.clone());
    let lowered = expression
        .lower(&Env {
            auth: &Value::Null,
            request: Some(binding.request()),
            doc: None,
            next: None,
            vars: Some(&vars),
            params: None,
            lookups: &NoLookups,
            limiter: None,
        })
        .map_err(|fault| bad_filter("/filter", &[fault]))?;
    let Lowered::Filter(filter) = lowered else {
        let message = "A filter can't look up other documents.".to_owned();
        return Err(bad_filter("/filter", &[Fault { line: 1, column: 1, message }]));
    };
    let mut fields = Vec::new();
    collect(&filter, &mut fields);
    let named = expression.doc_fields().unwrap_or_default();
    check_readable(named.iter().chain(fields), grant, "/filter")?;
    Ok(filter)
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
