//! JSON Schemas of documents: 2020-12, formats asserted, patterns in linear time, nothing fetched from anywhere.

use std::collections::BTreeSet;

use basalt_core::document::{OWN_FIELDS, pointer_token};
use basalt_core::{Code, Error, FieldError, FieldPath, Result};
use jsonschema::error::ValidationErrorKind;
use jsonschema::{Draft, PatternOptions, ValidationError, Validator};
use serde_json::{Map, Value};

/// Faults of one document that are told.
const FAULTS_TOLD: usize = 100;
const MESSAGE_CHARS: usize = 300;
const SCHEMA_BYTES: usize = 256 << 10;
const SCHEMA_DEPTH: usize = 48;
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// A compiled schema.
pub struct Schema {
    validator: Validator,
}

impl std::fmt::Debug for Schema {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Schema")
    }
}

impl Schema {
    /// Compiles the schema of a collection's documents; faults have paths within the schema.
    pub fn compile(schema: &Value) -> Result<Self, Vec<FieldError>> {
        let mut faults = check(schema);
        check_own_fields(schema, &mut faults);
        if faults.is_empty() { Self::build(schema) } else { Err(faults) }
    }

    /// Compiles a schema of any JSON; faults have paths within the schema.
    pub fn of_value(schema: &Value) -> Result<Self, Vec<FieldError>> {
        let faults = check(schema);
        if faults.is_empty() { Self::build(schema) } else { Err(faults) }
    }

    fn build(schema: &Value) -> Result<Self, Vec<FieldError>> {
        let built = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .should_validate_formats(true)
            .with_pattern_options(PatternOptions::regex())
            .build(schema);
        match built {
            Ok(validator) => Ok(Self { validator }),
            Err(error) => {
                let path = error.instance_path().to_string();
                let message = format!("This schema can't be used: {}", shortened(&error));
                Err(vec![FieldError::new(path, "bad_schema", message)])
            }
        }
    }

    /// Every offending path of any JSON: what goes into a function or comes out of it.
    pub fn faults(&self, value: &Value) -> Vec<FieldError> {
        if self.validator.is_valid(value) {
            return Vec::new();
        }
        let errors = self.validator.iter_errors(value).take(FAULTS_TOLD);
        errors.flat_map(|error| faults_of(&error)).take(FAULTS_TOLD).collect()
    }

    /// Every offending path, with the data given back.
    pub fn validate(&self, data: Map<String, Value>) -> Result<Map<String, Value>> {
        let value = Value::Object(data);
        let faults = self.faults(&value);
        if !faults.is_empty() {
            let detail = "The document does not fit the schema of its collection.";
            return Err(Error::new(Code::SchemaViolation, detail).with_errors(faults));
        }
        match value {
            Value::Object(data) => Ok(data),
            other => Err(Error::internal(format!("an object became {other}"))),
        }
    }
}

/// A missing or unwanted property is told at its own place, not at its holder's.
fn faults_of(error: &ValidationError<'_>) -> Vec<FieldError> {
    let (holder, code) = (error.instance_path().to_string(), error.kind().keyword());
    let property =
        |name: &str, message: String| FieldError::new(format!("{holder}/{}", pointer_token(name)), code, message);
    match error.kind() {
        ValidationErrorKind::Required { property: missing } => {
            vec![property(missing.as_str().unwrap_or_default(), "This is required.".to_owned())]
        }
        ValidationErrorKind::AdditionalProperties { unexpected }
        | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
            let told = unexpected.iter().map(|name| property(name, "The schema has no such field.".to_owned()));
            told.collect()
        }
        _ => vec![FieldError::new(holder, code, shortened(error))],
    }
}

/// The library's sentence; it may quote the value, which may be long.
fn shortened(error: &ValidationError<'_>) -> String {
    let mut message = error.to_string();
    if let Some((cut, _)) = message.char_indices().nth(MESSAGE_CHARS) {
        message.truncate(cut);
        message.push('…');
    }
    message.push('.');
    message
}

/// What is checked before the library sees it: shape, size, dialect, and that nothing points outside.
fn check(schema: &Value) -> Vec<FieldError> {
    let bad = |path: &str, message: String| vec![FieldError::new(path, "bad_schema", message)];
    let Value::Object(map) = schema else {
        return bad("", "A schema is an object.".to_owned());
    };
    if basalt_core::json::depth(schema) > SCHEMA_DEPTH {
        return bad("", format!("The schema is nested deeper than {SCHEMA_DEPTH}."));
    }
    if schema.to_string().len() > SCHEMA_BYTES {
        return bad("", format!("The schema has more than {SCHEMA_BYTES} bytes."));
    }
    match map.get("$schema") {
        None => {}
        Some(Value::String(dialect)) if dialect.trim_end_matches('#') == DIALECT => {}
        Some(_) => return bad("/$schema", format!("The dialect has to be {DIALECT:?}.")),
    }
    let mut faults = Vec::new();
    check_references(schema, "", &mut faults);
    if faults.is_empty() {
        let validator = jsonschema::draft202012::meta::validator();
        faults.extend(
            validator
                .iter_errors(schema)
                .take(FAULTS_TOLD)
                .map(|error| FieldError::new(error.instance_path().to_string(), "bad_schema", shortened(&error))),
        );
    }
    faults
}

/// A schema of documents is of the app's own fields.
fn check_own_fields(schema: &Value, faults: &mut Vec<FieldError>) {
    let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    for (index, name) in required.enumerate() {
        if name.as_str().is_some_and(|name| OWN_FIELDS.contains(&name)) {
            let message = format!("{name} is the server's: a schema is of your own fields.");
            faults.push(FieldError::new(format!("/required/{index}"), "bad_schema", message));
        }
    }
}

/// References stay within the schema.
fn check_references(value: &Value, path: &str, faults: &mut Vec<FieldError>) {
    match value {
        Value::Object(map) => {
            for (key, inner) in map {
                let path = format!("{path}/{}", pointer_token(key));
                let outside = matches!(key.as_str(), "$ref" | "$dynamicRef")
                    && inner.as_str().is_some_and(|target| !target.starts_with('#'));
                if outside {
                    let message = "A reference has to stay within the schema (\"#/$defs/…\").";
                    faults.push(FieldError::new(path.as_str(), "bad_schema", message));
                }
                check_references(inner, &path, faults);
            }
        }
        Value::Array(items) => {
            for (index, inner) in items.iter().enumerate() {
                check_references(inner, &format!("{path}/{index}"), faults);
            }
        }
        _ => {}
    }
}

/// The fields (not within lists) that a schema declares as `format: date-time`.
pub(super) fn time_fields(schema: &Value) -> BTreeSet<FieldPath> {
    let mut found = BTreeSet::new();
    collect_times(schema, schema, &mut Vec::new(), 0, &mut found);
    found
}

fn collect_times(
    root: &Value,
    schema: &Value,
    path: &mut Vec<String>,
    followed: usize,
    found: &mut BTreeSet<FieldPath>,
) {
    if followed > 16 || path.len() > 16 {
        return;
    }
    if schema.get("format").and_then(Value::as_str) == Some("date-time") && !path.is_empty() {
        found.insert(FieldPath::from_names(path.clone()));
    }
    let target = schema.get("$ref").and_then(Value::as_str).and_then(|target| target.strip_prefix('#'));
    if let Some(target) = target.and_then(|pointer| root.pointer(pointer)) {
        collect_times(root, target, path, followed + 1, found);
    }
    for part in schema.get("allOf").and_then(Value::as_array).into_iter().flatten() {
        collect_times(root, part, path, followed, found);
    }
    for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        path.push(name.clone());
        collect_times(root, property, path, followed, found);
        path.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn data(value: Value) -> Map<String, Value> {
        let Value::Object(map) = value else { panic!("an object") };
        map
    }

    #[test]
    fn every_offending_path_is_told() {
        let schema = Schema::compile(&json!({
            "type": "object",
            "required": ["title"],
            "properties": {
                "title": {"type": "string"}, "year": {"type": "integer", "minimum": 1880},
                "at": {"type": "string", "format": "date-time"}, "mail": {"type": "string", "format": "email"},
                "a/b": {"type": "object", "required": ["c"]},
            },
            "additionalProperties": false,
        }))
        .unwrap();
        assert!(schema.validate(data(json!({"title": "x", "year": 1999, "at": "2026-11-22T08:00:00Z"}))).is_ok());
        let error = schema
            .validate(data(json!({"year": 1, "at": "yesterday", "mail": "@", "a/b": {}, "more": 1})))
            .unwrap_err();
        assert_eq!(error.code(), Code::SchemaViolation);
        let mut told: Vec<_> = error.errors().iter().map(|e| (e.path.as_str(), e.code.as_str())).collect();
        told.sort_unstable();
        assert_eq!(
            told,
            [
                ("/at", "format"),
                ("/a~1b/c", "required"),
                ("/mail", "format"),
                ("/more", "additionalProperties"),
                ("/title", "required"),
                ("/year", "minimum"),
            ]
        );
    }

    #[test]
    fn bad_schemas_are_refused_with_their_place() {
        for (schema, path) in [
            (json!([]), ""),
            (json!({"type": "strin"}), "/type"),
            (json!({"$schema": "http://json-schema.org/draft-07/schema#"}), "/$schema"),
            (json!({"properties": {"a": {"$ref": "https://example.com/x.json"}}}), "/properties/a/$ref"),
            (json!({"properties": {"a": {"$ref": "file:///etc/passwd"}}}), "/properties/a/$ref"),
            (json!({"required": ["title", "id"]}), "/required/1"),
        ] {
            let faults = Schema::compile(&schema).unwrap_err();
            assert_eq!(faults[0].path, path, "{schema}: {faults:?}");
        }
        for schema in [
            json!({"properties": {"a": {"pattern": "(a)\\1"}}}),
            json!({"properties": {"a": {"pattern": "("}}}),
            json!({"properties": {"a": {"$ref": "#/$defs/missing"}}}),
        ] {
            assert!(Schema::compile(&schema).is_err(), "{schema}");
        }
    }

    #[test]
    fn a_pattern_takes_linear_time() {
        let schema = Schema::compile(&json!({"properties": {"a": {"pattern": "^(a+)+$"}}})).unwrap();
        assert!(schema.validate(data(json!({"a": format!("{}!", "a".repeat(50_000))}))).is_err());
    }

    #[test]
    fn time_fields_are_found_through_local_references() {
        let schema = json!({
            "properties": {
                "at": {"type": ["string", "null"], "format": "date-time"},
                "inner": {"properties": {"due": {"$ref": "#/$defs/time"}}},
                "list": {"items": {"format": "date-time"}},
                "node": {"$ref": "#/$defs/node"},
            },
            "$defs": {
                "time": {"format": "date-time"},
                "node": {"properties": {"next": {"$ref": "#/$defs/node"}}},
            },
        });
        let found: Vec<String> = time_fields(&schema).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["at", "inner.due"]);
    }
}
