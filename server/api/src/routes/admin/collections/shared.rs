use basalt_core::{Caller, CollectionName};
use basalt_data::collections::{Collections, Described};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// A collection: what was declared, and what became of it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Collection)]
pub(super) struct Collection {
    name: String,
    /// The entry of `app.toml`, in JSON: `schema`, `rules`, `indexes`, `references`, `hidden`, …
    #[schema(value_type = Object)]
    definition: Value,
    /// Each with its state: `building`, `ready`, or `failed` with the ids that conflict.
    #[schema(value_type = Vec<Object>)]
    indexes: Vec<Value>,
    /// Whether the server itself keeps it (`users`).
    built_in: bool,
}

impl From<Described> for Collection {
    fn from(described: Described) -> Self {
        let Described { name, definition, indexes, built_in } = described;
        Self { name: name.into(), definition, indexes, built_in }
    }
}

/// The definition as the audit keeps it; `None` where there is no such collection.
pub(super) fn told(collections: &Collections, caller: &Caller, name: &CollectionName) -> Option<Map<String, Value>> {
    match collections.describe(caller, name).ok()?.definition {
        Value::Object(definition) => Some(definition),
        _ => None,
    }
}

/// What a change does, or would do.
#[derive(ToSchema)]
#[schema(as = Plan)]
#[expect(dead_code, reason = "describes; plans are rendered by their room")]
pub(in crate::routes::admin) struct PlanSchema {
    added: Vec<String>,
    /// `{"name","what":["schema","rules.update",…]}`
    changed: Vec<Map<String, Value>>,
    unchanged: Vec<String>,
    kept: Vec<String>,
    /// Left as an operator deployed them after the manifest (at a start only).
    deployed: Vec<String>,
    removed: Vec<String>,
    /// Who can do what under these definitions, as `/v1/admin/rules/access` tells it.
    access: Vec<Map<String, Value>>,
    /// Rules that look like mistakes.
    warnings: Vec<Map<String, Value>>,
    /// Why it can't be applied as it is.
    refusals: Vec<Map<String, Value>>,
}
