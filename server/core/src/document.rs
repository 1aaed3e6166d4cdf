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
    let mut look = Look::default();
    for (name, value) in data {
        let place = Place { parent: None, token: Token::Name(name) };
        if !is_field_name(name) || name.starts_with('_') || RESERVED.contains(&name.as_str()) {
            look.errors.push(bad_name(&place.pointer()));
        }
        look.at_most += longest_text(name);
        look.walk(value, &place, 1);
    }
    if !look.errors.is_empty() {
        return Err(Error::new(Code::BadRequest, "A field's name is not allowed.").with_errors(look.errors));
    }
    if look.depth > JSON_DEPTH {
        return Err(Error::new(Code::BadJson, format!("The document is nested deeper than {JSON_DEPTH}.")));
    }
    // Most are small whatever their escapes come to.
    if look.at_most > DOCUMENT_BYTES {
        let bytes = serde_json::to_vec(data).map_err(Error::internal)?.len();
        if bytes > DOCUMENT_BYTES {
            let detail = format!("The document has {bytes} bytes; {DOCUMENT_BYTES} are allowed.");
            return Err(Error::new(Code::TooLarge, detail));
        }
    }
    Ok(())
}

/// One walk through a document's fields.
#[derive(Default)]
struct Look {
    errors: Vec<FieldError>,
    depth: usize,
    /// Bytes that the JSON text can't be longer than.
    at_most: usize,
}

/// Where the walk is; its text is made only for an error.
struct Place<'a> {
    parent: Option<&'a Place<'a>>,
    token: Token<'a>,
}

enum Token<'a> {
    Name(&'a str),
    Index(usize),
}

impl Place<'_> {
    fn pointer(&self) -> String {
        let parent = self.parent.map(Place::pointer).unwrap_or_default();
        match self.token {
            Token::Name(name) => format!("{parent}/{}", pointer_token(name)),
            Token::Index(index) => format!("{parent}/{index}"),
        }
    }
}

impl Look {
    fn walk(&mut self, value: &Value, place: &Place<'_>, depth: usize) {
        if self.errors.len() >= 100 {
            return;
        }
        match value {
            Value::Object(map) => {
                self.deeper(depth + 1);
                for (name, inner) in map {
                    let place = Place { parent: Some(place), token: Token::Name(name) };
                    if !is_field_name(name) {
                        self.errors.push(bad_name(&place.pointer()));
                    }
                    self.at_most += longest_text(name);
                    self.walk(inner, &place, depth + 1);
                }
            }
            Value::Array(items) => {
                self.deeper(depth + 1);
                for (index, inner) in items.iter().enumerate() {
                    let place = Place { parent: Some(place), token: Token::Index(index) };
                    self.walk(inner, &place, depth + 1);
                }
            }
            Value::String(text) => self.at_most += longest_text(text),
            Value::Null | Value::Bool(_) | Value::Number(_) => self.at_most += 40,
        }
    }

    fn deeper(&mut self, depth: usize) {
        self.depth = self.depth.max(depth);
        self.at_most += 4;
    }
}

/// Each byte escaped, and what stands around it.
fn longest_text(text: &str) -> usize {
    6 * text.len() + 4
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
    fn size_is_bounded() {
        assert_eq!(check(json!({"a": "x".repeat(DOCUMENT_BYTES)})).unwrap_err().code(), Code::TooLarge);
    }
}
