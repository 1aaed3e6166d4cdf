//! Code as it is deployed, prepared and kept.

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a deploy brings: one entry module and the files that it may import, by paths such as `functions/add.ts`.
#[derive(Clone, Debug)]
pub struct Sources {
    pub entry: String,
    pub files: BTreeMap<String, Bytes>,
}

/// SHA-256 over the sources, in hexadecimal digits: the same sources are the same code.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CodeId(pub String);

impl fmt::Display for CodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Prepared code as the store keeps it: portable between nodes and engine versions, so no bytecode.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "language", rename_all = "camelCase")]
pub enum Code {
    /// JavaScript modules by their paths; those that the entry doesn't reach are left out.
    #[serde(rename_all = "camelCase")]
    Script {
        id: CodeId,
        entry: String,
        /// What runs.
        modules: BTreeMap<String, String>,
        /// What was deployed, for people and for stacks.
        sources: BTreeMap<String, String>,
        /// From what runs to what was deployed: source maps in JSON, by module.
        maps: BTreeMap<String, String>,
    },
    /// One WebAssembly module.
    Wasm {
        id: CodeId,
        /// In base 64.
        module: String,
    },
}

impl Code {
    pub fn id(&self) -> &CodeId {
        match self {
            Self::Script { id, .. } | Self::Wasm { id, .. } => id,
        }
    }
}

/// What a module's export is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    Callable,
    Http,
    OnDocument,
    BeforeDocument,
    OnFile,
    OnUser,
    BeforeUser,
    OnSchedule,
    OnMessage,
}

impl Kind {
    pub const ALL: [Self; 9] = [
        Self::Callable,
        Self::Http,
        Self::OnDocument,
        Self::BeforeDocument,
        Self::OnFile,
        Self::OnUser,
        Self::BeforeUser,
        Self::OnSchedule,
        Self::OnMessage,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Callable => "callable",
            Self::Http => "http",
            Self::OnDocument => "onDocument",
            Self::BeforeDocument => "beforeDocument",
            Self::OnFile => "onFile",
            Self::OnUser => "onUser",
            Self::BeforeUser => "beforeUser",
            Self::OnSchedule => "onSchedule",
            Self::OnMessage => "onMessage",
        }
    }
}

/// One function of a module.
#[derive(Clone, Debug, PartialEq)]
pub struct Declaration {
    /// The export's name, which is the function's.
    pub export: String,
    pub kind: Kind,
    /// What it is about: a collection, a bucket, a schedule's cron, a channel pattern; as the code said it.
    pub subject: Option<String>,
    /// The options object, unchecked: `app::functions` reads it.
    pub options: Value,
}

#[derive(Clone, Debug)]
pub struct Prepared {
    pub code: Code,
    pub declarations: Vec<Declaration>,
}
