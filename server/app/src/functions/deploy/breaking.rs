//! What a new version may break for who uses the one before. It errs on the side of telling.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::functions::config::{FunctionConfig, ValueSchema};

/// Sentences for people; `opened`: everybody may call it now who might not before.
pub(super) fn breaking(former: &FunctionConfig, wanted: &FunctionConfig, opened: bool) -> Vec<String> {
    let mut told = Vec::new();
    if former.kind != wanted.kind {
        told.push(format!("It was {}, and is {} now.", former.kind.as_str(), wanted.kind.as_str()));
    }
    told.extend(input(text(former.input.as_deref()), text(wanted.input.as_deref())));
    if text(former.output.as_deref()) != text(wanted.output.as_deref()) {
        told.push("Its output schema is another one.".to_owned());
    }
    let rule = |config: &FunctionConfig| config.invoke.as_ref().map(|rule| rule.source().trim().to_owned());
    let (before, after) = (rule(former), rule(wanted));
    if opened {
        told.push("Everybody may call it now.".to_owned());
    } else if before != after {
        let text = |rule: Option<String>| rule.unwrap_or_else(|| "(none)".to_owned());
        told.push(format!("Its invoke rule was {}, and is {} now.", text(before), text(after)));
    }
    told
}

fn text(schema: Option<&ValueSchema>) -> Option<&Value> {
    schema.map(|schema| &schema.text)
}

/// How the schema takes less than before, as far as that can be told.
fn input(former: Option<&Value>, wanted: Option<&Value>) -> Vec<String> {
    let Some(wanted) = wanted else { return Vec::new() };
    let Some(former) = former else { return vec!["Its input has to fit a schema now.".to_owned()] };
    let mut told = Vec::new();
    narrowed(former, wanted, "", &mut told);
    told
}

fn narrowed(former: &Value, wanted: &Value, place: &str, told: &mut Vec<String>) {
    if former == wanted {
        return;
    }
    let before = told.len();
    let here = if place.is_empty() { "/" } else { place };
    let (was, is) = (required(former), required(wanted));
    told.extend(is.difference(&was).map(|name| format!("The input's {place}/{name} is required now.")));
    let nothing = Value::Null;
    let (old, new) = (properties(former), properties(wanted));
    for (name, schema) in new.into_iter().flatten() {
        if let Some(before) = old.and_then(|old| old.get(name)) {
            narrowed(before, schema, &format!("{place}/{name}"), told);
        }
    }
    let closed = |schema: &Value| schema.get("additionalProperties") == Some(&Value::Bool(false));
    if closed(wanted) {
        let gone = |name: &&String| !properties(wanted).is_some_and(|new| new.contains_key(name.as_str()));
        let gone = old.into_iter().flat_map(|old| old.keys()).filter(gone);
        told.extend(gone.map(|name| format!("The input has no {place}/{name} any more.")));
        if !closed(former) {
            told.push(format!("The input's {here} takes no other fields any more."));
        }
    }
    if let (Some(old), Some(new)) = (former.get("items"), wanted.get("items")) {
        narrowed(old, new, &format!("{place}/*"), told);
    }
    // Whatever else is said of it is compared as it is.
    let rest = |schema: &Value| -> Vec<(String, Value)> {
        let known = ["properties", "required", "additionalProperties", "items", "title", "description", "default"];
        let map = schema.as_object().into_iter().flatten();
        let map = map.filter(|(key, _)| !known.contains(&key.as_str()) && !key.starts_with("x-"));
        map.map(|(key, value)| (key.clone(), value.clone())).collect()
    };
    for (key, value) in rest(wanted) {
        if former.get(&key).unwrap_or(&nothing) != &value && !widened(&key, former.get(&key), &value) {
            told.push(format!("The input's {here} has another {key}."));
        }
    }
    told.dedup();
    debug_assert!(told.len() >= before, "it only adds");
}

/// Whether a limit lets through more than before.
fn widened(key: &str, former: Option<&Value>, wanted: &Value) -> bool {
    let Some(former) = former else { return false };
    let numbers = former.as_f64().zip(wanted.as_f64());
    match key {
        "maximum" | "exclusiveMaximum" | "maxLength" | "maxItems" | "maxProperties" => {
            numbers.is_some_and(|(was, is)| is >= was)
        }
        "minimum" | "exclusiveMinimum" | "minLength" | "minItems" | "minProperties" => {
            numbers.is_some_and(|(was, is)| is <= was)
        }
        "enum" | "type" => {
            let list = |value: &Value| value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
            let is = list(wanted);
            list(former).iter().all(|value| is.contains(value))
        }
        _ => false,
    }
}

fn required(schema: &Value) -> BTreeSet<&str> {
    schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

fn properties(schema: &Value) -> Option<&serde_json::Map<String, Value>> {
    schema.get("properties").and_then(Value::as_object)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(former: &Value, wanted: &Value) -> Vec<String> {
        input(Some(former), Some(wanted))
    }

    #[test]
    fn what_takes_less_is_told() {
        let base = json!({"type": "object", "required": ["a"], "properties": {"a": {"type": "number", "maximum": 10}, "b": {"type": "string"}}});
        let changed = |change: &dyn Fn(&mut Value)| {
            let mut schema = base.clone();
            change(&mut schema);
            told(&base, &schema)
        };
        assert!(changed(&|_| ()).is_empty());
        assert!(changed(&|schema| schema["properties"]["c"] = json!({"type": "string"})).is_empty());
        assert!(changed(&|schema| schema["required"] = json!([])).is_empty());
        assert!(changed(&|schema| schema["properties"]["a"]["maximum"] = json!(11)).is_empty());
        assert!(changed(&|schema| schema["properties"]["b"]["type"] = json!(["string", "null"])).is_empty());
        assert!(changed(&|schema| schema["description"] = json!("words")).is_empty());
        assert_eq!(changed(&|schema| schema["required"] = json!(["a", "b"])), ["The input's /b is required now."]);
        assert_eq!(
            changed(&|schema| schema["properties"]["a"]["maximum"] = json!(9)),
            ["The input's /a has another maximum."]
        );
        assert_eq!(
            changed(&|schema| schema["properties"]["b"]["type"] = json!("number")),
            ["The input's /b has another type."]
        );
        assert_eq!(
            changed(&|schema| {
                schema["additionalProperties"] = json!(false);
                schema["properties"] = json!({"a": {"type": "number", "maximum": 10}});
            }),
            ["The input has no /b any more.", "The input's / takes no other fields any more."]
        );
        assert_eq!(input(None, Some(&base)), ["Its input has to fit a schema now."]);
        assert!(input(Some(&base), None).is_empty());
    }
}
