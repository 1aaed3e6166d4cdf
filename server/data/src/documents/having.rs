//! `having`: a condition on an aggregate's groups, over group keys and measures by their names.

use basalt_core::filter::Filter;
use basalt_core::{FieldPath, Result};
use basalt_expr::{Env, Expression, Fault, FieldTypes, Lowered, NoLookups, Scope};
use serde_json::Value;

use super::aggregate_query::AggregateQuery;
use super::definitions::bad_filter;
use super::filter::fields;
use crate::rules::Binding;

const PATH: &str = "/having";

/// Of a group nothing is declared.
struct Groups;

impl FieldTypes for Groups {
    fn is_time(&self, _: &FieldPath) -> bool {
        false
    }
}

/// The condition for the database; true of every group where none is asked.
pub(super) fn lower(binding: &Binding, query: &AggregateQuery) -> Result<Filter> {
    let Some(source) = &query.having else { return Ok(Filter::True) };
    let scope = Scope { doc: true, bare_fields: true, vars: true, request: true, lowered: true, ..Scope::default() };
    let expression = Expression::compile(source, &scope, &Groups).map_err(|faults| bad_filter(PATH, &faults))?;
    let vars = Value::Object(query.vars.clone());
    let env = Env {
        auth: &Value::Null,
        request: Some(binding.request()),
        doc: None,
        next: None,
        vars: Some(&vars),
        params: None,
        message: None,
        input: None,
        lookups: &NoLookups,
        limiter: None,
    };
    let fault = |message: String| bad_filter(PATH, &[Fault { line: 1, column: 1, message }]);
    let filter = match expression.lower(&env).map_err(|fault| bad_filter(PATH, &[fault]))? {
        Lowered::Filter(filter) => filter,
        Lowered::Need(_) => return Err(fault("having can't look up documents.".to_owned())),
    };
    let named = expression.doc_fields().unwrap_or_default();
    match named.iter().chain(fields(&filter)).find(|field| !is_known(query, field)) {
        Some(field) => Err(fault(format!("{field} is neither a group key nor a measure."))),
        None => Ok(filter),
    }
}

/// Whether a path begins with the name of a group key (which may have dots) or is a measure's.
fn is_known(query: &AggregateQuery, field: &FieldPath) -> bool {
    let text = field.to_string();
    query
        .names()
        .into_iter()
        .any(|name| text.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
}
