//! What the doors hand in: parsed, canonical JSON and the conditions and wishes of a call.

use basalt_core::{Code, Error, Result};
use serde_json::{Map, Value};

use super::nearest::NearestTo;

/// The conditions and wishes of one write.
#[derive(Clone, Debug, Default)]
pub struct WriteOptions {
    /// `If-Match`: 412 unless the stored document has one of these revisions.
    pub if_match: Option<EntityTags>,
    /// `If-None-Match`: 412 if the stored document has one of these revisions (`*`: if there is one at all).
    pub if_none_match: Option<EntityTags>,
    /// `where`: 409 `condition_failed` unless true on the stored document.
    pub condition: Option<Condition>,
    /// PATCH only: create what is missing.
    pub upsert: bool,
    pub idempotency: Option<Idempotency>,
    /// The fields of the answer; `None`: all. `id` and `rev` always stay.
    pub select: Option<Vec<String>>,
}

/// `*` or a list of entity tags, as `If-Match` and `If-None-Match` carry them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntityTags {
    Any,
    Revs(Vec<String>),
}

/// CEL over the stored `doc`, with bound values.
#[derive(Clone, Debug)]
pub struct Condition {
    pub source: String,
    pub vars: Map<String, Value>,
}

/// An `Idempotency-Key` and what the request was that carried it.
#[derive(Clone, Debug)]
pub struct Idempotency {
    pub key: String,
    pub method: String,
    /// Path and query.
    pub path: String,
    /// SHA-256 of the body as it came.
    pub body_hash: [u8; 32],
}

/// The body of a PATCH, by its content type.
#[derive(Clone, Debug)]
pub enum PatchBody {
    /// RFC 7396 with operators (`application/merge-patch+json`, `application/json`).
    Merge(Map<String, Value>),
    /// RFC 6902 (`application/json-patch+json`): has to be a list of operations.
    Json(Value),
}

/// The parameters of a list; the same in the URL and in the body of a query.
#[derive(Clone, Debug, Default)]
pub struct ListQuery {
    pub filter: Option<String>,
    /// Words and phrases of full text.
    pub search: Option<String>,
    pub vars: Map<String, Value>,
    /// Each a field's path, `-` before it for descending; of a search without one: by relevance.
    pub sort: Vec<String>,
    /// 1 to 500, 30 where nothing is said; 0 with [`CountMode::Exact`] only.
    pub limit: Option<u32>,
    pub cursor: Option<String>,
    pub select: Option<Vec<String>>,
    /// Paths of references.
    pub expand: Vec<String>,
    pub count: CountMode,
    /// In the body alone.
    pub nearest: Option<NearestTo>,
    /// Not the documents are asked for, but how they would be found.
    pub explain: bool,
}

/// What an answer shows of each document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Show {
    /// The fields; `None`: all. `id` and `rev` always stay. A path through a reference narrows what it leads to.
    pub select: Option<Vec<String>>,
    /// Paths of references whose documents are shown along.
    pub expand: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CountMode {
    #[default]
    None,
    /// All that match are counted, in the same read transaction.
    Exact,
}

impl EntityTags {
    /// Reads a header's value. Weak tags count like strong ones: a proxy that compresses weakens our tags, and the
    /// revision within still names the version.
    pub fn parse(header: &str) -> Result<Self> {
        if header.trim() == "*" {
            return Ok(Self::Any);
        }
        let mut revs = Vec::new();
        let mut rest = header.trim();
        while !rest.is_empty() {
            let tag = rest.strip_prefix("W/").unwrap_or(rest);
            let (rev, after) = tag
                .strip_prefix('"')
                .and_then(|tag| tag.split_once('"'))
                .ok_or_else(|| Error::new(Code::BadRequest, "An entity tag is a revision in double quotes."))?;
            revs.push(rev.to_owned());
            let after = after.trim_start();
            rest = match after.strip_prefix(',') {
                Some(next) => next.trim_start(),
                None if after.is_empty() => after,
                None => return Err(Error::new(Code::BadRequest, "Entity tags are separated by commas.")),
            };
        }
        if revs.is_empty() || revs.len() > 100 {
            return Err(Error::new(Code::BadRequest, "Name 1 to 100 entity tags."));
        }
        Ok(Self::Revs(revs))
    }

    /// Whether a document with the revision matches.
    pub fn matches(&self, rev: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Revs(revs) => revs.iter().any(|one| one == rev),
        }
    }
}

impl ListQuery {
    /// Reads the body of a query.
    pub fn from_body(body: Map<String, Value>) -> Result<Self> {
        let mut query = Self::default();
        for (name, value) in body {
            match name.as_str() {
                "filter" => query.filter = optional_text(&name, value)?,
                "search" => query.search = optional_text(&name, value)?,
                "vars" => query.vars = map(&name, value)?,
                "sort" => query.sort = names(&name, value)?,
                "limit" => query.limit = optional_count(&name, &value)?,
                "cursor" => query.cursor = optional_text(&name, value)?,
                "select" => query.select = optional_names(&name, value)?,
                "expand" => query.expand = names(&name, value)?,
                "nearest" => query.nearest = NearestTo::from_value(value)?,
                "explain" => query.explain = optional_flag(&name, &value)?.unwrap_or_default(),
                "count" => query.count = CountMode::from_value(&value)?,
                _ => return Err(unknown_field(&name)),
            }
        }
        Ok(query)
    }
}

impl Show {
    /// All fields, and nothing beside.
    pub fn is_whole(&self) -> bool {
        self.select.is_none() && self.expand.is_empty()
    }
}

impl CountMode {
    pub fn parse(text: &str) -> Result<Self> {
        match text {
            "exact" => Ok(Self::Exact),
            _ => Err(Error::new(Code::BadParameter, "count can be \"exact\".")),
        }
    }

    fn from_value(value: &Value) -> Result<Self> {
        match value {
            Value::Null => Ok(Self::None),
            Value::String(text) => Self::parse(text),
            _ => Err(Error::new(Code::BadParameter, "count can be \"exact\".")),
        }
    }
}

/// The names in a comma-separated list, as `sort` and `select` have them in a URL. Commas in parentheses part nothing.
pub fn split_names(text: &str) -> Vec<String> {
    let mut depth = 0_u32;
    let parts = text.split(|sign| {
        match sign {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        sign == ',' && depth == 0
    });
    parts.map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

pub(super) fn unknown_field(name: &str) -> Error {
    Error::new(Code::UnknownField, format!("There is no field {name:?} here."))
}

fn wrong_type(name: &str, expected: &str) -> Error {
    Error::new(Code::BadParameter, format!("{name} has to be {expected}."))
}

pub(super) fn optional_text(name: &str, value: Value) -> Result<Option<String>> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text)),
        _ => Err(wrong_type(name, "a text")),
    }
}

pub(super) fn optional_flag(name: &str, value: &Value) -> Result<Option<bool>> {
    match value {
        Value::Null => Ok(None),
        Value::Bool(flag) => Ok(Some(*flag)),
        _ => Err(wrong_type(name, "true or false")),
    }
}

pub(super) fn map(name: &str, value: Value) -> Result<Map<String, Value>> {
    match value {
        Value::Null => Ok(Map::new()),
        Value::Object(map) => Ok(map),
        _ => Err(wrong_type(name, "an object")),
    }
}

pub(super) fn optional_count(name: &str, value: &Value) -> Result<Option<u32>> {
    if value.is_null() {
        return Ok(None);
    }
    let count = value.as_u64().and_then(|count| u32::try_from(count).ok());
    count.map(Some).ok_or_else(|| wrong_type(name, "a whole number of at least 0"))
}

pub(super) fn names(name: &str, value: Value) -> Result<Vec<String>> {
    Ok(optional_names(name, value)?.unwrap_or_default())
}

/// A list of texts, or one text with commas.
pub(super) fn optional_names(name: &str, value: Value) -> Result<Option<Vec<String>>> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(split_names(&text))),
        Value::Array(items) => items
            .into_iter()
            .map(|item| optional_text(name, item)?.ok_or_else(|| wrong_type(name, "a list of texts")))
            .collect::<Result<Vec<_>>>()
            .map(Some),
        _ => Err(wrong_type(name, "a text or a list of texts")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn revs(list: &[&str]) -> EntityTags {
        EntityTags::Revs(list.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn entity_tags_are_read_as_headers_carry_them() {
        assert_eq!(EntityTags::parse(" * ").unwrap(), EntityTags::Any);
        assert_eq!(EntityTags::parse("\"a\"").unwrap(), revs(&["a"]));
        assert_eq!(EntityTags::parse("\"a\" , W/\"b\",\"c\"").unwrap(), revs(&["a", "b", "c"]));
        for bad in ["", "a", "\"a", "\"a\" \"b\"", "W/a", "\"a\",x"] {
            assert_eq!(EntityTags::parse(bad).unwrap_err().code(), Code::BadRequest, "{bad}");
        }
    }

    fn query(body: Value) -> Result<ListQuery> {
        let Value::Object(map) = body else { panic!("an object") };
        ListQuery::from_body(map)
    }

    #[test]
    fn sort_and_select_are_texts_or_lists() {
        let text = query(json!({"sort": "-a,b", "select": "x, y"})).unwrap();
        let list = query(json!({"sort": ["-a", "b"], "select": ["x", "y"]})).unwrap();
        assert_eq!(text.sort, list.sort);
        assert_eq!(text.select, list.select);
        assert_eq!(text.sort, ["-a", "b"]);
        assert_eq!(query(json!({"sort": "distance(a, 1,2), b"})).unwrap().sort, ["distance(a, 1,2)", "b"]);
    }

    #[test]
    fn a_query_is_read_strictly() {
        for (body, code) in [
            (json!({"filtre": "a"}), Code::UnknownField),
            (json!({"filter": 1}), Code::BadParameter),
            (json!({"limit": -1}), Code::BadParameter),
            (json!({"limit": "3"}), Code::BadParameter),
            (json!({"limit": 1.5}), Code::BadParameter),
            (json!({"sort": [1]}), Code::BadParameter),
            (json!({"vars": []}), Code::BadParameter),
            (json!({"count": "about"}), Code::BadParameter),
            (json!({"expand": 1}), Code::BadParameter),
            (json!({"search": 1}), Code::BadParameter),
            (json!({"nearest": {}}), Code::BadParameter),
        ] {
            assert_eq!(query(body.clone()).unwrap_err().code(), code, "{body}");
        }
    }
}
