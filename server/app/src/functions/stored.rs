//! What the store holds of functions, as it is written.

use std::collections::BTreeMap;

use basalt_core::{Actor, Document, Error, Result, Timestamp};
use basalt_runtime::{CodeId, Kind};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::config::{Remote, Source};
use super::names::{AliasName, FunctionName, SecretName};

/// `_functions/{name}`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StoredFunction {
    /// Of the newest version.
    pub kind: Kind,
    /// The newest version's number; never goes back.
    pub counter: u32,
    /// Those that are kept, the oldest first.
    pub versions: Vec<Kept>,
    pub aliases: BTreeMap<AliasName, Vec<Share>>,
    /// What the last changes of aliases replaced, the newest last.
    pub history: Vec<Moved>,
}

/// One version of those that are kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Kept {
    pub version: u32,
    /// Equal for equal code and configuration.
    pub identity: String,
    pub code: Option<CodeId>,
}

/// How much of an alias' calls a version gets, of 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    pub version: u32,
    pub weight: u32,
}

/// A change of an alias.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Moved {
    pub alias: AliasName,
    /// Empty where the alias was made.
    pub from: Vec<Share>,
    /// Empty where it was taken away.
    pub to: Vec<Share>,
    pub at: Timestamp,
    pub by: Actor,
}

/// `_function_versions/{name}-{n}`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StoredVersion {
    pub function: FunctionName,
    pub version: u32,
    pub kind: Kind,
    pub subject: Option<String>,
    pub options: Value,
    pub source: StoredSource,
    pub code: Option<CodeId>,
    pub env: BTreeMap<String, String>,
    pub egress: Egress,
    pub identity: String,
    pub by: Actor,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub(super) enum StoredSource {
    Module { entry: String, export: String },
    Wasm { entry: String },
    Remote { url: String, secret: Option<SecretName> },
}

/// Where `ctx.fetch` may go.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Egress {
    /// Hosts such as `api.example.com` and `*.example.com`; `None`: every public one.
    pub allow: Option<Vec<String>>,
    /// Whether those may lie at private addresses.
    pub private: bool,
}

impl From<&Source> for StoredSource {
    fn from(source: &Source) -> Self {
        match source.clone() {
            Source::Module { entry, export } => Self::Module { entry, export },
            Source::Wasm { entry } => Self::Wasm { entry },
            Source::Remote(Remote { url, secret }) => Self::Remote { url, secret },
        }
    }
}

impl From<StoredSource> for Source {
    fn from(source: StoredSource) -> Self {
        match source {
            StoredSource::Module { entry, export } => Self::Module { entry, export },
            StoredSource::Wasm { entry } => Self::Wasm { entry },
            StoredSource::Remote { url, secret } => Self::Remote(Remote { url, secret }),
        }
    }
}

impl StoredFunction {
    pub(super) fn read(document: &Document) -> Result<Self> {
        read(document)
    }

    pub(super) fn to_data(&self) -> Result<Map<String, Value>> {
        to_data(self)
    }

    /// Whether an alias leads to the version.
    pub(super) fn points_to(&self, version: u32) -> bool {
        self.aliases.values().flatten().any(|share| share.version == version)
    }
}

impl StoredVersion {
    pub(super) fn read(document: &Document) -> Result<Self> {
        read(document)
    }

    pub(super) fn to_data(&self) -> Result<Map<String, Value>> {
        to_data(self)
    }
}

pub(super) fn read<T: DeserializeOwned>(document: &Document) -> Result<T> {
    let wrong = |error| Error::internal(format!("the document {} is odd: {error}", document.id));
    serde_json::from_value(Value::Object(document.data.clone())).map_err(wrong)
}

pub(super) fn to_data<T: Serialize>(value: &T) -> Result<Map<String, Value>> {
    match serde_json::to_value(value).map_err(Error::internal)? {
        Value::Object(data) => Ok(data),
        other => Err(Error::internal(format!("no object: {other}"))),
    }
}
