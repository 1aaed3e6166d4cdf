//! What a client asks to watch.

use basalt_core::limits::PAGE_MAX;
use basalt_core::{Code, CollectionName, DocumentId, Error, Result};
use serde_json::{Map, Value};

use super::super::input::{Show, map, names, optional_count, optional_names, optional_text, unknown_field};

/// A query, or one document, of a collection.
#[derive(Clone, Debug, PartialEq)]
pub struct WatchQuery {
    pub collection: CollectionName,
    pub target: WatchTarget,
    pub show: Show,
}

#[derive(Clone, Debug, PartialEq)]
pub enum WatchTarget {
    /// One document, under the rule `get`.
    Document(DocumentId),
    /// Those that match, under the rule `list`.
    Query {
        filter: Option<String>,
        vars: Map<String, Value>,
        sort: Vec<String>,
        /// Without one: the whole result.
        limit: Option<u32>,
    },
}

impl WatchQuery {
    /// From the members of a subscription; a member that isn't known is refused.
    pub fn from_members(members: Map<String, Value>) -> Result<Self> {
        let (mut collection, mut document, mut filter, mut vars) = (None, None, None, Map::new());
        let (mut sort, mut limit, mut show) = (Vec::new(), None, Show::default());
        for (name, value) in members {
            match name.as_str() {
                "collection" => collection = optional_text(&name, value)?,
                "document" => document = optional_text(&name, value)?,
                "filter" => filter = optional_text(&name, value)?,
                "vars" => vars = map(&name, value)?,
                "sort" => sort = names(&name, value)?,
                "limit" => limit = optional_count(&name, &value)?,
                "select" => show.select = optional_names(&name, value)?,
                "expand" => show.expand = names(&name, value)?,
                _ => return Err(unknown_field(&name)),
            }
        }
        let Some(collection) = collection else { return Err(bad("A subscription names its collection.")) };
        let collection =
            CollectionName::parse_public(&collection).map_err(|_| Error::collection_not_found(&collection))?;
        if limit.is_some_and(|limit| !(1..=PAGE_MAX).contains(&limit)) {
            return Err(bad(format!("limit is 1 to {PAGE_MAX}, or left out for the whole result.")));
        }
        let is_query = filter.is_some() || !vars.is_empty() || !sort.is_empty() || limit.is_some();
        let target = match document {
            Some(_) if is_query => return Err(bad("A subscription is to one document or to a query, not to both.")),
            Some(id) => WatchTarget::Document(DocumentId::parse(&id)?),
            None => WatchTarget::Query { filter, vars, sort, limit },
        };
        Ok(Self { collection, target, show })
    }
}

fn bad(detail: impl Into<String>) -> Error {
    Error::new(Code::BadParameter, detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse(members: Value) -> Result<WatchQuery> {
        let Value::Object(members) = members else { panic!("an object") };
        WatchQuery::from_members(members)
    }

    #[test]
    fn a_subscription_is_to_a_query_or_to_a_document() {
        let query = parse(json!({"collection": "notes", "filter": "a == 1", "sort": "-a", "limit": 3})).unwrap();
        assert!(matches!(query.target, WatchTarget::Query { limit: Some(3), .. }));
        let document = parse(json!({"collection": "notes", "document": "n1", "select": ["a"]})).unwrap();
        assert!(matches!(document.target, WatchTarget::Document(_)));
    }

    #[test]
    fn what_is_odd_is_refused() {
        for (members, code) in [
            (json!({}), Code::BadParameter),
            (json!({"collection": "_users"}), Code::CollectionNotFound),
            (json!({"collection": "notes", "limit": 0}), Code::BadParameter),
            (json!({"collection": "notes", "limit": 501}), Code::BadParameter),
            (json!({"collection": "notes", "document": "a", "filter": "true"}), Code::BadParameter),
            (json!({"collection": "notes", "document": "a b"}), Code::BadRequest),
            (json!({"collection": "notes", "search": "x"}), Code::UnknownField),
            (json!({"collection": "notes", "cursor": "x"}), Code::UnknownField),
            (json!({"collection": 7}), Code::BadParameter),
        ] {
            assert_eq!(parse(members.clone()).unwrap_err().code(), code, "{members}");
        }
    }
}
