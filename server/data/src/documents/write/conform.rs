//! The user's fields as they are stored: names, size, times in UTC, the schema.

use std::collections::BTreeSet;

use basalt_core::document::{check_fields, pointer_token};
use basalt_core::{Code, Error, FieldError, FieldPath, Result, Timestamp};
use serde_json::{Map, Value};

use crate::collections::Compiled;

/// Checks, and brings times into their stored form.
pub(crate) fn conform(compiled: &Compiled, mut data: Map<String, Value>) -> Result<Map<String, Value>> {
    check_fields(&data)?;
    let mut faults = Vec::new();
    for path in compiled.times.iter() {
        if !normalise_time(&mut data, path) {
            let message = "A time is RFC 3339 with a zone, such as 2026-11-22T08:00:00Z.";
            faults.push(FieldError::new(path.pointer(), "format", message));
        }
    }
    if !faults.is_empty() {
        let detail = "The document does not fit the schema of its collection.";
        return Err(Error::new(Code::SchemaViolation, detail).with_errors(faults));
    }
    compiled.validate(data)
}

/// `false` where a text is no time. What is no text is the schema's business.
fn normalise_time(data: &mut Map<String, Value>, path: &FieldPath) -> bool {
    let Some((first, rest)) = path.names().split_first() else { return true };
    let mut place = data.get_mut(first);
    for name in rest {
        place = place.and_then(Value::as_object_mut).and_then(|map| map.get_mut(name));
    }
    let Some(Value::String(text)) = place else { return true };
    match Timestamp::parse(text) {
        Some(time) => {
            *text = time.to_string();
            true
        }
        None => false,
    }
}

/// A refusal that says nothing of what its caller can't read: neither where nor what it is.
pub(super) fn without(error: Error, unreadable: &BTreeSet<String>) -> Error {
    if unreadable.is_empty() || error.errors().is_empty() {
        return error;
    }
    let concerns = |fault: &FieldError| {
        let top = fault.path.strip_prefix('/').map(|path| path.split('/').next().unwrap_or_default());
        // A fault of the whole document may quote all of it.
        top.is_none_or(|top| unreadable.iter().any(|field| pointer_token(field) == top))
    };
    let (told, secret): (Vec<_>, Vec<_>) = error.errors().iter().cloned().partition(|fault| !concerns(fault));
    let generic = secret
        .is_empty()
        .then(Vec::new)
        .unwrap_or_else(|| vec![FieldError::new("", "schema", "The document as a whole does not fit the schema.")]);
    Error::new(error.code(), error.detail()).with_errors(told).with_errors(generic)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn times_are_stored_in_utc_milliseconds() {
        let Value::Object(mut data) = json!({"at": "2026-11-22T08:00:00+08:00", "m": {"at": "soon", "n": 1}}) else {
            panic!("an object")
        };
        assert!(normalise_time(&mut data, &FieldPath::parse("at").unwrap()));
        assert_eq!(data["at"], "2026-11-22T00:00:00.000Z");
        assert!(!normalise_time(&mut data, &FieldPath::parse("m.at").unwrap()));
        for absent in ["x", "m.x", "m.n", "at.x"] {
            assert!(normalise_time(&mut data, &FieldPath::parse(absent).unwrap()), "{absent}");
        }
    }

    #[test]
    fn faults_in_unreadable_fields_are_not_told() {
        let error = Error::new(Code::SchemaViolation, "…").with_errors(vec![
            FieldError::new("/title", "type", "7 is no text"),
            FieldError::new("/secret/pin", "maximum", "4711 is too much"),
            FieldError::new("", "oneOf", "{\"secret\":4711} fits nothing"),
        ]);
        let told = without(error.clone(), &BTreeSet::from(["secret".to_owned()]));
        let text = format!("{:?}", told.errors());
        assert!(!text.contains("4711") && !text.contains("secret"), "{text}");
        assert_eq!(told.errors().len(), 2);
        assert_eq!(without(error, &BTreeSet::new()).errors().len(), 3);
    }
}
