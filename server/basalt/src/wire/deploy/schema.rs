//! What a new schema refuses that the former one took.

use serde_json::Value;

/// Deeper is not looked at: a change there is told as one that may break.
const DEEPEST: usize = 16;

/// Where documents that were good may no longer be: a pointer into the schema, and why.
pub(super) fn narrowed(old: &Value, new: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    compare(old, new, "", 0, &mut found);
    found
}

fn compare(old: &Value, new: &Value, path: &str, depth: usize, found: &mut Vec<(String, String)>) {
    // Nothing is asked for any more.
    if old == new || *new == Value::Bool(true) || new.as_object().is_some_and(serde_json::Map::is_empty) {
        return;
    }
    let (Some(before), Some(after), true) = (old.as_object(), new.as_object(), depth <= DEEPEST) else {
        found.push((path.to_owned(), "What is asked for here is another thing.".to_owned()));
        return;
    };
    types(old, new, path, found);
    required(old, new, path, found);
    properties(old, new, path, depth, found);
    let keys = after.keys().chain(before.keys().filter(|key| !after.contains_key(*key)));
    for key in keys {
        let (was, is) = (before.get(key), after.get(key));
        if was == is || EXPLAINED.contains(&key.as_str()) || OF_PEOPLE.contains(&key.as_str()) {
            continue;
        }
        match (key.as_str(), was, is) {
            ("items" | "additionalProperties", was, Some(is)) => {
                compare(was.unwrap_or(&Value::Bool(true)), is, &format!("{path}/{key}"), depth + 1, found);
            }
            ("enum", was, Some(Value::Array(after))) => {
                let gone =
                    was.and_then(Value::as_array).is_none_or(|was| was.iter().any(|value| !after.contains(value)));
                add(gone, path, key, "Values that were allowed are no longer.", found);
            }
            ("maxLength" | "maximum" | "maxItems" | "maxProperties" | "exclusiveMaximum", was, Some(is)) => {
                let less = was.and_then(Value::as_f64).is_none_or(|was| is.as_f64().is_none_or(|is| is < was));
                add(less, path, key, "The most that is allowed is less.", found);
            }
            ("minLength" | "minimum" | "minItems" | "minProperties" | "exclusiveMinimum", was, Some(is)) => {
                let more = was.and_then(Value::as_f64).is_none_or(|was| is.as_f64().is_none_or(|is| is > was));
                add(more, path, key, "The least that is allowed is more.", found);
            }
            // A condition that is gone lets more through.
            (_, Some(_), None) => {}
            (key, _, _) => add(true, path, key, "This condition is new, or another one.", found),
        }
    }
}

/// Looked at by functions of their own.
const EXPLAINED: [&str; 3] = ["type", "required", "properties"];
/// Words that refuse nothing.
const OF_PEOPLE: [&str; 10] = [
    "title",
    "description",
    "default",
    "examples",
    "$comment",
    "$schema",
    "$id",
    "deprecated",
    "readOnly",
    "writeOnly",
];

fn add(is: bool, path: &str, key: &str, message: &str, found: &mut Vec<(String, String)>) {
    if is {
        found.push((format!("{path}/{key}"), message.to_owned()));
    }
}

fn types(old: &Value, new: &Value, path: &str, found: &mut Vec<(String, String)>) {
    let of = |schema: &Value| -> Option<Vec<String>> {
        match schema.get("type")? {
            Value::String(one) => Some(vec![one.clone()]),
            Value::Array(some) => Some(some.iter().filter_map(Value::as_str).map(str::to_owned).collect()),
            _ => None,
        }
    };
    let Some(after) = of(new) else { return };
    // A document is an object.
    if path.is_empty() && after.iter().any(|kind| kind == "object") {
        return;
    }
    let takes =
        |kind: &String| after.contains(kind) || (kind == "integer" && after.iter().any(|kind| kind == "number"));
    if of(old).is_none_or(|before| !before.iter().all(takes)) {
        found.push((format!("{path}/type"), "Types that were allowed are no longer.".to_owned()));
    }
}

fn required(old: &Value, new: &Value, path: &str, found: &mut Vec<(String, String)>) {
    let of = |schema: &Value| -> Vec<String> {
        let names = schema.get("required").and_then(Value::as_array).into_iter().flatten();
        names.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let before = of(old);
    for name in of(new).into_iter().filter(|name| !before.contains(name)) {
        found.push((format!("{path}/required"), format!("The field {name:?} has to be there from now on.")));
    }
}

fn properties(old: &Value, new: &Value, path: &str, depth: usize, found: &mut Vec<(String, String)>) {
    let of = |schema: &Value| schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
    let closed = new.get("additionalProperties") == Some(&Value::Bool(false));
    let (before, after) = (of(old), of(new));
    for (name, is) in &after {
        let path = format!("{path}/properties/{}", basalt_core::document::pointer_token(name));
        // A field of its own that is new is what schemas grow by.
        if let Some(was) = before.get(name) {
            compare(was, is, &path, depth + 1, found);
        }
    }
    for name in before.keys().filter(|name| closed && !after.contains_key(*name)) {
        found.push((format!("{path}/properties"), format!("The field {name:?} may no longer be there.")));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn places(old: &Value, new: &Value) -> Vec<String> {
        narrowed(old, new).into_iter().map(|(path, _)| path).collect()
    }

    #[test]
    fn what_takes_more_than_before_breaks_nothing() {
        let old = json!({"type": "object", "required": ["a"], "additionalProperties": false,
            "properties": {"a": {"type": "integer", "maximum": 5}, "b": {"enum": [1]}}});
        for new in [
            json!({"type": "object", "properties": {"a": {"type": "number", "maximum": 6}, "b": {"enum": [1, 2]}},
                "additionalProperties": false}),
            json!({"type": ["object", "null"], "required": ["a"], "description": "d", "additionalProperties": false,
                "properties": {"a": {"type": "integer"}, "b": {}, "c": {"type": "string"}}}),
            json!({}),
            json!(true),
        ] {
            assert_eq!(places(&old, &new), Vec::<String>::new());
        }
    }

    #[test]
    fn what_takes_less_is_told_with_its_place() {
        let old = json!({"properties": {"a": {"type": "number"}, "b": {"maxLength": 9}, "tags": {"items": {"type": "string"}}}});
        let cases = [
            (json!({"properties": {"a": {"type": "integer"}}}), vec!["/properties/a/type"]),
            (json!({"properties": {"a": {"type": "number"}}, "required": ["a"]}), vec!["/required"]),
            (json!({"properties": {"b": {"maxLength": 8}}}), vec!["/properties/b/maxLength"]),
            (json!({"properties": {"b": {"maxLength": 9, "pattern": "x"}}}), vec!["/properties/b/pattern"]),
            (json!({"properties": {"new": {"type": "string"}}}), vec![]),
            (
                json!({"properties": {"tags": {"items": {"type": "string", "enum": ["x"]}}}}),
                vec!["/properties/tags/items/enum"],
            ),
            (
                json!({"type": "object", "additionalProperties": false}),
                vec!["/properties", "/properties", "/properties", "/additionalProperties"],
            ),
        ];
        for (new, expected) in cases {
            assert_eq!(places(&old, &new), expected, "{new}");
        }
    }
}
