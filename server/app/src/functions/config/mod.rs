//! What a function is declared to be: typed, with its rule, its condition and its schemas compiled.

mod options;
mod trigger;

use std::sync::Arc;
use std::time::Duration;

use basalt_core::{BucketName, ChangeOp, CollectionName};
use basalt_data::changes::EventFilter;
use basalt_data::channels::Pattern;
use basalt_data::collections::Schema;
use basalt_data::rules::InvokeRule;
use basalt_runtime::{Isolation, Kind, Limits};
use serde_json::Value;

pub(super) use options::{Declared, read};

use super::names::SecretName;

/// One function's declaration, ready to be used.
#[derive(Clone, Debug)]
pub struct FunctionConfig {
    pub kind: Kind,
    pub source: Source,
    /// The longest that one call may take.
    pub timeout: Duration,
    /// Time on a processor.
    pub cpu: Duration,
    /// Bytes of its heap.
    pub memory: usize,
    /// Calls under way at once on a node.
    pub concurrency: usize,
    /// Calls that wait for one of those to end; more are refused.
    pub queue: usize,
    pub isolation: Isolation,
    /// Tries after the first one, of events, ticks and tasks.
    pub retries: u32,
    /// Without one, nobody may call it whom rules bind.
    pub invoke: Option<InvokeRule>,
    /// Of a callable.
    pub input: Option<Arc<ValueSchema>>,
    pub output: Option<Arc<ValueSchema>>,
    pub trigger: Trigger,
}

/// Where its code is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// An export of a module; `entry` is its file.
    Module { entry: String, export: String },
    /// A WebAssembly module.
    Wasm { entry: String },
    /// Elsewhere, behind HTTP.
    Remote(Remote),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    pub url: String,
    /// The secret that requests are signed with.
    pub secret: Option<SecretName>,
}

/// A schema as it was written, and compiled.
#[derive(Debug)]
pub struct ValueSchema {
    pub text: Value,
    pub schema: Schema,
}

/// What a function runs at.
#[derive(Clone, Debug)]
pub enum Trigger {
    /// When it is called.
    Call,
    Document {
        collection: CollectionName,
        on: Vec<ChangeOp>,
        when: Option<EventFilter>,
    },
    BeforeDocument {
        collection: CollectionName,
        on: Vec<ChangeOp>,
    },
    File {
        bucket: BucketName,
        on: Vec<ChangeOp>,
        when: Option<EventFilter>,
    },
    User {
        on: Vec<UserEvent>,
        when: Option<EventFilter>,
    },
    /// `create` and `signIn` only.
    BeforeUser {
        on: Vec<UserEvent>,
    },
    Message {
        pattern: Pattern,
    },
    Schedule(Schedule),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum UserEvent {
    Create,
    Update,
    Delete,
    SignIn,
}

impl UserEvent {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::SignIn => "signIn",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    pub cron: String,
    /// Of the time zone database: `Europe/Berlin`.
    pub timezone: String,
    pub catch_up: CatchUp,
    pub overlap: Overlap,
}

/// What becomes of ticks that no node was there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CatchUp {
    /// One run makes up for all of them.
    One,
    None,
}

/// What becomes of a tick while the run before is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overlap {
    Skip,
    Allow,
}

impl FunctionConfig {
    /// Whether clients call it.
    pub fn is_called(&self) -> bool {
        matches!(self.kind, Kind::Callable | Kind::Http)
    }

    /// What the runtime holds it to.
    pub fn limits(&self) -> Limits {
        Limits {
            wall: self.timeout,
            cpu: self.cpu,
            memory: self.memory,
            concurrency: self.concurrency,
            ..Limits::default()
        }
    }
}

#[cfg(test)]
mod tests;
