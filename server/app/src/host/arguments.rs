//! Arguments of calls, as functions write them.

use basalt_core::{Code, CollectionName, DocumentId, Error, Result};
use basalt_data::documents::{Condition, EntityTags, split_names};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// Reads the arguments of a call; what it doesn't know it refuses.
pub(super) fn read<T: DeserializeOwned>(op: &str, arguments: Value) -> Result<T> {
    serde_json::from_value(arguments).map_err(|error| {
        let code = if error.to_string().starts_with("unknown field") { Code::UnknownField } else { Code::BadParameter };
        Error::new(code, format!("{op}: {error}."))
    })
}

/// Where a document is.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct Collection(String);

impl Collection {
    /// A collection that clients may name, too.
    pub(super) fn parse(&self) -> Result<CollectionName> {
        CollectionName::parse_public(&self.0)
    }
}

#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct Id(String);

impl Id {
    pub(super) fn parse(&self) -> Result<DocumentId> {
        DocumentId::parse(&self.0)
    }

    pub(super) fn into_text(self) -> String {
        self.0
    }
}

/// A list of names, or one text with commas.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Names {
    Text(String),
    List(Vec<String>),
}

impl Names {
    pub(super) fn into_list(self) -> Vec<String> {
        match self {
            Self::Text(text) => split_names(&text),
            Self::List(names) => names,
        }
    }
}

/// The revision that has to be there, as documents show it, or `*`.
pub(super) fn tags(rev: Option<String>) -> Option<EntityTags> {
    rev.map(|rev| EntityTags::parse(&rev).unwrap_or(EntityTags::Revs(vec![rev])))
}

pub(super) fn condition(source: Option<String>, vars: Option<Map<String, Value>>) -> Result<Option<Condition>> {
    match (source, vars) {
        (Some(source), vars) => Ok(Some(Condition { source, vars: vars.unwrap_or_default() })),
        (None, Some(_)) => Err(Error::new(Code::BadParameter, "vars are bound in where, which is missing.")),
        (None, None) => Ok(None),
    }
}
