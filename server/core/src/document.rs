//! A document: one flat JSON object whose `id`, `rev`, `createdAt` and `updatedAt` are the server's.

use serde_json::{Map, Value};

use crate::error::{Code, Error, FieldError, Result};
use crate::ids::{DocumentId, Rev, is_field_name};
use crate::limits::{DOCUMENT_BYTES, JSON_DEPTH};
use crate::time::Timestamp;

pub const ID: &str = "id";
pub const REV: &str = "rev";
pub const CREATED_AT: &str = "createdAt";
pub const UPDATED_AT: &str = "updatedAt";
/// The server's own fields, which every document has and no body sets.
pub const OWN_FIELDS: [&str; 4] = [ID, REV, CREATED_AT, UPDATED_AT];
/// Names that answers use beside a document's fields.
const RESERVED: [&str; 3] = ["expand", "highlight", "distance"];

#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    pub id: DocumentId,
    pub rev: Rev,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// The user's fields; never holds one of [`OWN_FIELDS`].
    pub data: Map<String, Value>,
}

impl Document {
    /// The flat object, as every door shows it and as expressions see it.
    pub fn to_flat(&self) -> Map<String, Value> {
        let mut flat = self.data.clone();
        self.add_own_fields(&mut flat);
        flat
    }

    pub fn into_flat(mut self) -> Map<String, Value> {
        let mut flat = std::mem::take(&mut self.data);
        self.add_own_fields(&mut flat);
        flat
    }

    /// Shows the flat object as expressions see it, without a copy of the fields.
    pub fn seen_flat<T>(&mut self, see: impl FnOnce(&Value) -> T) -> T {
        let mut flat = std::mem::take(&mut self.data);
        self.add_own_fields(&mut flat);
        let flat = Value::Object(flat);
        let seen = see(&flat);
        if let Value::Object(mut data) = flat {
            for name in OWN_FIELDS {
                data.remove(name);
            }
            self.data = data;
        }
        seen
    }

    fn add_own_fields(&self, flat: &mut Map<String, Value>) {
        flat.insert(ID.into(), self.id.as_str().into());
        flat.insert(REV.into(), self.rev.as_str().into());
        flat.insert(CREATED_AT.into(), self.created_at.to_string().into());
        flat.insert(UPDATED_AT.into(), self.updated_at.to_string().into());
    }

    /// From the flat object, as the log holds it.
    pub fn from_flat(mut flat: Map<String, Value>) -> Result<Self> {
        let odd = |name: &str| Error::internal(format!("a flat document has no {name}"));
        let mut text = |name: &str| match flat.remove(name) {
            Some(Value::String(text)) => Ok(text),
            _ => Err(odd(name)),
        };
        let (id, rev, created_at, updated_at) = (text(ID)?, text(REV)?, text(CREATED_AT)?, text(UPDATED_AT)?);
        let time = |name: &str, text: &str| Timestamp::parse(text).ok_or_else(|| odd(name));
        Ok(Self {
            id: DocumentId::parse(&id)?,
            rev: Rev::parse(&rev)?,
            created_at: time(CREATED_AT, &created_at)?,
            updated_at: time(UPDATED_AT, &updated_at)?,
            data: flat,
        })
    }

    pub fn etag(&self) -> String {
        format!("\"{}\"", self.rev)
    }
}

/// Checks the user's fields of a document: names at the top level, names within, nesting, size.
pub fn check_fields(data: &Map<String, Value>) -> Result<()> {
    let mut errors = Vec::new();
    for (name, value) in data {
        if !is_field_name(name) || name.starts_with('_') || RESERVED.contains(&name.as_str()) {
            errors.push(bad_name(&format!("/{}", pointer_token(name))));
        }
        check_names(value, &format!("/{}", pointer_token(name)), &mut errors);
    }
    if !errors.is_empty() {
        return Err(Error::new(Code::BadRequest, "A field's name is not allowed.").with_errors(errors));
    }
    if 1 + data.values().map(crate::json::depth).max().unwrap_or(0) > JSON_DEPTH {
        return Err(Error::new(Code::BadJson, format!("The document is nested deeper than {JSON_DEPTH}.")));
    }
    let bytes = serde_json::to_vec(data).map_err(Error::internal)?.len();
    if bytes > DOCUMENT_BYTES {
        let detail = format!("The document has {bytes} bytes; {DOCUMENT_BYTES} are allowed.");
        return Err(Error::new(Code::TooLarge, detail));
    }
    Ok(())
}

fn check_names(value: &Value, path: &str, errors: &mut Vec<FieldError>) {
    if errors.len() >= 100 {
        return;
    }
    match value {
        Value::Object(map) => {
            for (name, inner) in map {
                let path = format!("{path}/{}", pointer_token(name));
                if !is_field_name(name) {
                    errors.push(bad_name(&path));
                }
                check_names(inner, &path, errors);
            }
        }
        Value::Array(items) => {
            for (index, inner) in items.iter().enumerate() {
                if matches!(inner, Value::Object(_) | Value::Array(_)) {
                    check_names(inner, &format!("{path}/{index}"), errors);
                }
            }
        }
        _ => {}
    }
}

fn bad_name(path: &str) -> FieldError {
    let message = "A field's name has 1 to 128 bytes, does not begin with $ (at the top level also not with _), \
                   and is not expand, highlight or distance.";
    FieldError::new(path, "bad_field_name", message)
}

/// A name as a token of a JSON Pointer (RFC 6901).
pub fn pointer_token(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(value: Value) -> Result<()> {
        let Value::Object(map) = value else { panic!("an object") };
        check_fields(&map)
    }

    #[test]
    fn names_are_checked_at_every_level() {
        assert!(check(json!({"a": {"_b": 1, "c-d": [ {"é": 1} ]}})).is_ok());
        for bad in [json!({"_a": 1}), json!({"$a": 1}), json!({"a": [{"$b": 1}]}), json!({"expand": 1}), json!({"": 1})]
        {
            assert_eq!(check(bad.clone()).unwrap_err().code(), Code::BadRequest, "{bad}");
        }
    }

    #[test]
    fn a_document_seen_flat_is_the_same_afterwards() {
        let Value::Object(data) = json!({"a": 1, "b": {"id": 2}}) else { panic!("an object") };
        let now = Timestamp::from_millis(1);
        let (id, rev) = (DocumentId::parse("x").unwrap(), Rev::parse("r").unwrap());
        let mut document = Document { id, rev, created_at: now, updated_at: now, data };
        let before = document.clone();
        assert_eq!(document.seen_flat(Clone::clone), Value::Object(before.to_flat()));
        assert_eq!(document, before);
    }

    #[test]
    fn size_is_bounded() {
        assert_eq!(check(json!({"a": "x".repeat(DOCUMENT_BYTES)})).unwrap_err().code(), Code::TooLarge);
    }
}
