//! JSON into our own types, with faults that name the field: unknown ones, missing ones, wrong types.

use basalt_core::document::pointer_token;
use basalt_core::{Code, Error, FieldError, Result};
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::Segment;

pub(super) fn typed<T: DeserializeOwned>(value: Value) -> Result<T> {
    if !value.is_object() {
        return Err(Error::new(Code::BadJson, "The body has to be a JSON object."));
    }
    serde_path_to_error::deserialize(value).map_err(|error| fault(&pointer(error.path()), &error.inner().to_string()))
}

/// serde tells kinds of faults apart by their texts alone; the tests below hold on to these.
fn fault(place: &str, message: &str) -> Error {
    let (code, member, member_code) = match (after(message, "unknown field `"), after(message, "missing field `")) {
        (Some(name), _) => (Code::UnknownField, Some(name), "unknown_field"),
        (_, Some(name)) => (Code::BadJson, Some(name), "required"),
        _ => (Code::BadJson, None, "wrong_type"),
    };
    let (path, detail) = match member {
        // Where the fault is told at the member itself already, its name isn't added twice.
        Some(name) => {
            let token = pointer_token(name);
            let own = place.rsplit('/').next() == Some(token.as_str());
            let path = if own { place.to_owned() } else { format!("{place}/{token}") };
            let what = if member_code == "required" { "is missing" } else { "is not known here" };
            let detail = format!("The field {path} {what}.");
            (path, detail)
        }
        None => (place.to_owned(), format!("The body does not fit at {}.", if place.is_empty() { "/" } else { place })),
    };
    Error::new(code, detail).with_errors(vec![FieldError::new(path, member_code, friendly(message))])
}

fn after<'a>(message: &'a str, prefix: &str) -> Option<&'a str> {
    message.strip_prefix(prefix)?.split('`').next()
}

/// Without the names of our types.
fn friendly(message: &str) -> String {
    match message.split_once("expected struct ") {
        Some((before, _)) => format!("{before}expected an object"),
        None => message.to_owned(),
    }
}

fn pointer(path: &serde_path_to_error::Path) -> String {
    path.iter()
        .map(|segment| match segment {
            Segment::Map { key } => format!("/{}", pointer_token(key)),
            Segment::Seq { index } => format!("/{index}"),
            Segment::Enum { .. } | Segment::Unknown => String::new(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "camelCase")]
    struct Outer {
        #[serde(rename = "name")]
        _name: String,
        #[serde(default, rename = "parts")]
        _parts: Vec<Inner>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        #[serde(rename = "count")]
        _count: u32,
    }

    fn refused(value: Value) -> (Code, String, String) {
        let error = typed::<Outer>(value).unwrap_err();
        let first = error.errors().first().map(|e| (e.path.clone(), e.code.clone())).unwrap_or_default();
        (error.code(), first.0, first.1)
    }

    #[test]
    fn faults_name_the_field() {
        let cases = [
            (json!({"name": "a", "x/y": 1}), Code::UnknownField, "/x~1y", "unknown_field"),
            (json!({"name": "a", "parts": [{"count": 1, "z": 1}]}), Code::UnknownField, "/parts/0/z", "unknown_field"),
            (json!({}), Code::BadJson, "/name", "required"),
            (json!({"name": "a", "parts": [{}]}), Code::BadJson, "/parts/0/count", "required"),
            (json!({"name": 1}), Code::BadJson, "/name", "wrong_type"),
            (json!({"name": "a", "parts": [{"count": "1"}]}), Code::BadJson, "/parts/0/count", "wrong_type"),
            (json!({"name": "a", "parts": [3]}), Code::BadJson, "/parts/0", "wrong_type"),
            (json!([1]), Code::BadJson, "", ""),
        ];
        for (value, code, path, member) in cases {
            assert_eq!(refused(value.clone()), (code, path.to_owned(), member.to_owned()), "{value}");
        }
    }

    #[test]
    fn our_types_names_stay_ours() {
        let error = typed::<Outer>(json!({"name": "a", "parts": [3]})).unwrap_err();
        assert!(!error.errors()[0].message.contains("Inner"), "{error:?}");
    }
}
