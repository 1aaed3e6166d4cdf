//! TypeScript from JSON Schema (draft 2020-12, the part that describes shapes).

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::names::{Names, pascal, property};

/// The server's own fields, which `Document<T>` adds.
const SERVERS: [&str; 4] = ["id", "rev", "createdAt", "updatedAt"];
/// A schema that is deeper is taken for any JSON.
const DEEPEST: usize = 32;
const JSON: &str = "Json";

/// What one schema is written with.
pub(super) struct Context<'a> {
    root: &'a Value,
    names: &'a mut Names,
    prefix: String,
    references: BTreeMap<String, String>,
    /// Types that it refers to.
    pub(super) written: Vec<String>,
}

impl<'a> Context<'a> {
    pub(super) fn new(root: &'a Value, names: &'a mut Names, prefix: String) -> Self {
        Self { root, names, prefix, references: BTreeMap::new(), written: Vec::new() }
    }
}

/// Whether a text names the type `Json`.
pub(super) fn uses_json(text: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.match_indices(JSON).any(|(at, _)| {
        let (before, after) = (text[..at].chars().next_back(), text[at + JSON.len()..].chars().next());
        !before.is_some_and(word) && !after.is_some_and(word)
    })
}

pub(super) fn document_type(kind: &str, schema: &Value, names: &mut Names) -> String {
    let Value::Object(members) = schema else { return format!("export type {kind} = Record<string, Json>;\n") };
    let mut own = members.clone();
    let known = members.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
    let known: Map<String, Value> = known.into_iter().filter(|(name, _)| !SERVERS.contains(&name.as_str())).collect();
    own.insert("properties".to_owned(), Value::Object(known));
    let own = Value::Object(own);
    let mut context = Context::new(schema, names, kind.to_owned());
    let shape = type_of(&own, &mut context, 0, "");
    let comment = jsdoc(&schema["description"], "");
    let is_interface = shape.starts_with('{') && shape.ends_with('}') && group(&shape) == shape;
    let text = if is_interface {
        format!("{comment}export interface {kind} {shape}\n")
    } else {
        format!("{comment}export type {kind} = {shape};\n")
    };
    std::iter::once(text).chain(context.written).collect::<Vec<_>>().join("\n")
}

pub(super) fn type_of(schema: &Value, context: &mut Context<'_>, depth: usize, indent: &str) -> String {
    if *schema == Value::Bool(false) {
        return "never".to_owned();
    }
    let Some(members) = schema.as_object().filter(|_| depth <= DEEPEST) else { return JSON.to_owned() };
    if let Some(pointer) = members.get("$ref").and_then(Value::as_str) {
        return referenced(pointer, context);
    }
    if let Some(value) = members.get("const") {
        return value.to_string();
    }
    if let Some(values) = members.get("enum").and_then(Value::as_array) {
        return union(values.iter().map(ToString::to_string).collect());
    }
    let choices = [members.get("oneOf"), members.get("anyOf")].into_iter().flatten().find(|choices| !choices.is_null());
    if let Some(choices) = choices.and_then(Value::as_array) {
        return union(choices.iter().map(|one| type_of(one, context, depth + 1, indent)).collect());
    }
    if let Some(all) = members.get("allOf").and_then(Value::as_array) {
        return every(members, all, context, depth, indent);
    }
    let types: Vec<&str> = match members.get("type") {
        Some(Value::Array(types)) => types.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(one)) => vec![one],
        _ => vec![guessed(members)],
    };
    union(types.into_iter().map(|kind| plain(kind, members, context, depth, indent)).collect())
}

fn every(members: &Map<String, Value>, all: &[Value], context: &mut Context<'_>, depth: usize, indent: &str) -> String {
    let mut parts = Vec::new();
    if members.get("properties").is_some_and(Value::is_object) {
        let rest: Map<String, Value> = members
            .iter()
            .filter(|(name, _)| *name != "allOf")
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        parts.push(Value::Object(rest));
    }
    parts.extend(all.iter().cloned());
    let parts: Vec<String> = parts.iter().map(|part| group(&type_of(part, context, depth + 1, indent))).collect();
    parts.join(" & ")
}

/// Without a `type` a schema with properties or items is taken to mean it.
fn guessed(members: &Map<String, Value>) -> &'static str {
    if members.get("properties").is_some_and(Value::is_object) {
        return "object";
    }
    if members.contains_key("items") || members.contains_key("prefixItems") { "array" } else { "any" }
}

fn plain(kind: &str, members: &Map<String, Value>, context: &mut Context<'_>, depth: usize, indent: &str) -> String {
    match kind {
        "string" | "boolean" | "null" => kind.to_owned(),
        "number" | "integer" => "number".to_owned(),
        "array" => list(members, context, depth, indent),
        "object" => object(members, context, depth, indent),
        _ => JSON.to_owned(),
    }
}

fn list(members: &Map<String, Value>, context: &mut Context<'_>, depth: usize, indent: &str) -> String {
    let element = match members.get("items") {
        None | Some(Value::Bool(true)) => JSON.to_owned(),
        Some(items) => type_of(items, context, depth + 1, indent),
    };
    let Some(first) = members.get("prefixItems").and_then(Value::as_array) else {
        return format!("{}[]", group(&element));
    };
    let mut parts: Vec<String> =
        first.iter().map(|one| format!("{}?", group(&type_of(one, context, depth + 1, indent)))).collect();
    if members.get("items") != Some(&Value::Bool(false)) {
        parts.push(format!("...{}[]", group(&element)));
    }
    format!("[{}]", parts.join(", "))
}

fn object(members: &Map<String, Value>, context: &mut Context<'_>, depth: usize, indent: &str) -> String {
    let properties = members.get("properties").and_then(Value::as_object).filter(|properties| !properties.is_empty());
    let Some(properties) = properties else {
        return match members.get("additionalProperties").filter(|more| more.is_object()) {
            Some(more) => format!("Record<string, {}>", type_of(more, context, depth + 1, indent)),
            None => "Record<string, Json>".to_owned(),
        };
    };
    let required: Vec<&str> =
        members.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let deeper = format!("{indent}  ");
    let lines = properties.iter().map(|(name, one)| {
        let mark = if required.contains(&name.as_str()) { "" } else { "?" };
        let kind = type_of(one, context, depth + 1, &deeper);
        format!("{}{deeper}{}{mark}: {kind};", jsdoc(&one["description"], &deeper), property(name))
    });
    let lines: Vec<String> = lines.collect();
    format!("{{\n{}\n{indent}}}", lines.join("\n"))
}

/// `#/$defs/Address` becomes a type of its own, so that schemas may refer to themselves.
fn referenced(pointer: &str, context: &mut Context<'_>) -> String {
    if let Some(known) = context.references.get(pointer) {
        return known.clone();
    }
    if pointer == "#" {
        return context.prefix.clone();
    }
    let Some(target) =
        pointer.strip_prefix('#').filter(|rest| rest.starts_with('/')).and_then(|rest| context.root.pointer(rest))
    else {
        return JSON.to_owned();
    };
    let last = pointer.rsplit('/').next().unwrap_or_default();
    let name = context.names.take(&format!("{}{}", context.prefix, pascal(last)));
    context.references.insert(pointer.to_owned(), name.clone());
    let shape = type_of(target, context, 0, "");
    let comment = jsdoc(&target["description"], "");
    context.written.push(format!("{comment}export type {name} = {shape};\n"));
    name
}

fn union(types: Vec<String>) -> String {
    let mut distinct: Vec<String> = Vec::new();
    for kind in types {
        if !distinct.contains(&kind) {
            distinct.push(kind);
        }
    }
    match distinct.as_slice() {
        [] => "never".to_owned(),
        [one] => one.clone(),
        several => several.iter().map(|kind| group(kind)).collect::<Vec<_>>().join(" | "),
    }
}

/// In parentheses where `|` or `&` outside of braces would be read wrongly.
pub(super) fn group(kind: &str) -> String {
    let (mut depth, mut quoted, mut escaped) = (0_i32, false, false);
    for sign in kind.chars() {
        if quoted {
            (quoted, escaped) = (escaped || sign != '"', !escaped && sign == '\\');
            continue;
        }
        match sign {
            '"' => quoted = true,
            '{' | '[' | '(' | '<' => depth += 1,
            '}' | ']' | ')' | '>' => depth -= 1,
            '|' | '&' if depth == 0 => return format!("({kind})"),
            _ => {}
        }
    }
    kind.to_owned()
}

fn jsdoc(text: &Value, indent: &str) -> String {
    let Some(text) = text.as_str().map(str::trim).filter(|text| !text.is_empty()) else { return String::new() };
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    format!("{indent}/** {} */\n", lines.join(" ").replace("*/", "*\\/"))
}
