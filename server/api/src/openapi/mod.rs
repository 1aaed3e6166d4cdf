//! The OpenAPI 3.1 document: what `utoipa` reads off the handlers, completed by what their arguments say. Made when it
//! is first asked for.

mod page;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use basalt_core::Code;
use serde_json::{Map, Value, json};

use crate::extract::{Contract, Credential};
use crate::routes::endpoint::Endpoint;
use crate::routes::endpoints;

/// The extension by which a handler names the refusals of its use case; it does not stay in the document.
const CODES: &str = "x-codes";

/// The document as text.
pub fn text() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| {
        let mut text = serde_json::to_string_pretty(&document()).unwrap_or_default();
        text.push('\n');
        text
    })
}

/// A page of it for people.
pub(crate) fn page() -> &'static str {
    static PAGE: OnceLock<String> = OnceLock::new();
    PAGE.get_or_init(|| page::render(&document()))
}

fn document() -> Value {
    let mut paths = Map::new();
    let mut schemas = Vec::new();
    for endpoint in endpoints() {
        (endpoint.schemas)(&mut schemas);
        let item = paths.entry((endpoint.path)()).or_insert_with(|| json!({}));
        for method in (endpoint.methods)() {
            let name = serde_json::to_value(&method).ok().and_then(|name| name.as_str().map(str::to_owned));
            item[name.unwrap_or_default()] = operation(endpoint);
        }
    }
    let mut schemas: Map<String, Value> =
        schemas.into_iter().map(|(name, schema)| (name, serde_json::to_value(schema).unwrap_or_default())).collect();
    schemas.insert("Problem".to_owned(), problem_schema());
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Basalt",
            "version": "1",
            "description": DESCRIPTION,
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "tags": tags(),
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": { "Problem": problem_response("Any other problem; `code` says which.") },
            "securitySchemes": security_schemes(),
        },
    })
}

const DESCRIPTION: &str = "Errors are RFC 9457 problem documents whose `code` is stable. Unknown query parameters and \
    body fields are refused. Every answer carries `X-Request-Id`. `v1` only grows.";

fn tags() -> Value {
    json!([
        { "name": "auth", "description": "Signing up and in, sessions, one's own profile." },
        { "name": "documents", "description": "Documents under rules." },
        { "name": "files", "description": "Files in buckets under rules." },
        { "name": "realtime", "description": "Live queries, over WebSocket or as an event stream." },
        { "name": "functions", "description": "Calls of an app's functions, at once or later." },
        { "name": "changes", "description": "The log of changes, for services that follow it." },
        { "name": "admin", "description": "For operators, and service keys with the scope `admin`. \
            `Idempotency-Key` does nothing here: `PUT`, `PATCH` and `DELETE` can be repeated as they are." },
        { "name": "discovery", "description": "Public keys, OpenID Connect, this document." },
        { "name": "health", "description": "For whoever runs the server." },
    ])
}

fn operation(endpoint: &Endpoint) -> Value {
    let mut operation = serde_json::to_value((endpoint.operation)()).unwrap_or_default();
    let contract = (endpoint.contract)();
    operation["tags"] = (endpoint.tags)().into();
    operation["operationId"] = operation_id(endpoint.name).into();
    if !contract.parameters.is_empty() {
        let mut parameters: Vec<Value> =
            contract.parameters.iter().filter_map(|parameter| serde_json::to_value(parameter).ok()).collect();
        if let Some(own) = operation["parameters"].as_array() {
            parameters.extend(own.iter().cloned());
        }
        operation["parameters"] = parameters.into();
    }
    operation["security"] = contract.credentials.iter().copied().map(security).collect();
    let named = operation.as_object_mut().and_then(|map| map.remove(CODES)).unwrap_or_default();
    let named: Vec<Code> = named.as_array().into_iter().flatten().filter_map(code).collect();
    for (status, codes) in by_status(&contract, &named) {
        operation["responses"][status.to_string()] = problem_response(&codes.join(", "));
    }
    operation["responses"]["default"] = json!({ "$ref": "#/components/responses/Problem" });
    operation
}

fn code(text: &Value) -> Option<Code> {
    Code::ALL.iter().copied().find(|code| Some(code.as_str()) == text.as_str())
}

/// The codes of an operation, each in backticks, under their statuses.
fn by_status(contract: &Contract, named: &[Code]) -> BTreeMap<u16, Vec<String>> {
    let codes: BTreeSet<(u16, &str)> =
        contract.codes.iter().chain(named).map(|code| (code.status(), code.as_str())).collect();
    let mut statuses: BTreeMap<u16, Vec<String>> = BTreeMap::new();
    for (status, code) in codes {
        statuses.entry(status).or_default().push(format!("`{code}`"));
    }
    statuses
}

/// `basalt_api::routes::auth::sessions::list` → `authSessionsList`.
fn operation_id(name: &str) -> String {
    let mut id = String::new();
    let room = name.split_once("::routes::").map_or(name, |(_, room)| room);
    for part in room.split("::").flat_map(|part| part.split('_')).map(str::trim).filter(|part| !part.is_empty()) {
        let mut letters = part.chars();
        match letters.next() {
            Some(first) if !id.is_empty() => id.extend(first.to_uppercase()),
            Some(first) => id.push(first),
            None => {}
        }
        id.push_str(letters.as_str());
    }
    id
}

fn security(credential: Credential) -> Value {
    match credential.scheme() {
        Some(scheme) => json!({ scheme: [] }),
        None => json!({}),
    }
}

fn security_schemes() -> Value {
    json!({
        "user": {
            "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
            "description": "A user's access token.",
        },
        "service": {
            "type": "http", "scheme": "bearer", "bearerFormat": "bst_sk_…",
            "description": "A service key; never from a browser.",
        },
        "operator": {
            "type": "apiKey", "in": "cookie", "name": crate::extract::COOKIE,
            "description": "An operator's session; unsafe requests need this server's own `Origin`.",
        },
    })
}

fn problem_response(description: &str) -> Value {
    json!({
        "description": description,
        "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } },
    })
}

fn problem_schema() -> Value {
    let codes: BTreeSet<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    json!({
        "type": "object",
        "description": "RFC 9457.",
        "required": ["type", "title", "status", "code", "detail", "requestId"],
        "properties": {
            "type": { "type": "string" },
            "title": { "type": "string" },
            "status": { "type": "integer" },
            "code": { "type": "string", "enum": codes, "description": "Stable; what programs go by." },
            "detail": { "type": "string", "description": "For people." },
            "requestId": { "type": "string" },
            "errors": { "type": "array", "items": {
                "type": "object",
                "required": ["path", "code", "message"],
                "properties": {
                    "path": { "type": "string", "description": "A JSON Pointer." },
                    "code": { "type": "string" },
                    "message": { "type": "string" },
                    "line": { "type": "integer", "description": "Of an expression, from 1." },
                    "column": { "type": "integer" },
                },
            } },
        },
        "additionalProperties": true,
    })
}

#[cfg(test)]
mod tests;
