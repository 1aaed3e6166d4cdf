//! Wire types of functions, their versions and aliases.

use std::collections::BTreeMap;

use basalt_app::functions::{Egress, Function, Moved, Share, Source, Trigger, UserEvent, Version, VersionInfo};
use basalt_core::{Actor, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

/// How much of an alias' calls a version gets.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = FunctionShare)]
pub(in super::super) struct Weight {
    version: u32,
    /// Of 100; those of one alias make 100 together.
    #[schema(minimum = 1, maximum = 100)]
    weight: u32,
}

/// What an alias leads to.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = FunctionAlias)]
pub(in super::super) struct Alias {
    #[schema(min_items = 1, max_items = 10)]
    pub(super) versions: Vec<Weight>,
}

impl From<Share> for Weight {
    fn from(share: Share) -> Self {
        Self { version: share.version, weight: share.weight }
    }
}

impl From<Weight> for Share {
    fn from(weight: Weight) -> Self {
        Self { version: weight.version, weight: weight.weight }
    }
}

impl From<Vec<Share>> for Alias {
    fn from(shares: Vec<Share>) -> Self {
        Self { versions: shares.into_iter().map(Weight::from).collect() }
    }
}

/// A function, as its live version has it (or its newest, where there is no live one).
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Function)]
pub(super) struct Shown {
    name: String,
    /// `callable`, `http`, `onDocument` and so on.
    kind: &'static str,
    /// The version that all of this is said of.
    version: Option<u32>,
    /// Its file, or its URL.
    source: Option<String>,
    /// What aliases lead to.
    #[schema(value_type = Object)]
    aliases: BTreeMap<String, Vec<Weight>>,
    /// The versions that are kept, the oldest first.
    versions: Vec<u32>,
    /// The schema of its input, where it has one.
    #[schema(value_type = Option<Object>)]
    input: Option<Value>,
    #[schema(value_type = Option<Object>)]
    output: Option<Value>,
    /// Who may call it, in CEL; null: services and operators.
    invoke: Option<String>,
    /// What it runs at: a collection, a bucket, a channel, a schedule; null where it is called.
    #[schema(value_type = Option<Object>)]
    trigger: Option<Value>,
    limits: Limits,
    /// The last changes of aliases, the newest first.
    history: Vec<Change>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

/// What its calls are held to.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = FunctionLimits)]
pub(super) struct Limits {
    timeout_ms: u64,
    cpu_ms: u64,
    /// Bytes.
    memory: u64,
    /// Calls at once on a node, and those that wait for them.
    concurrency: u32,
    queue: u32,
    /// Tries after the first, of events, ticks and tasks.
    retries: u32,
}

/// An alias was let lead elsewhere.
#[derive(Serialize, ToSchema)]
#[schema(as = FunctionAliasChange)]
pub(super) struct Change {
    alias: String,
    /// Empty where it was made.
    from: Vec<Weight>,
    /// Empty where it was taken away.
    to: Vec<Weight>,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    #[schema(value_type = Object)]
    by: Actor,
}

impl From<&Moved> for Change {
    fn from(moved: &Moved) -> Self {
        let weights = |shares: &[Share]| shares.iter().copied().map(Weight::from).collect();
        let (from, to) = (weights(&moved.from), weights(&moved.to));
        Self { alias: moved.alias.to_string(), from, to, at: moved.at, by: moved.by.clone() }
    }
}

impl Shown {
    pub(super) fn of(function: &Function) -> Self {
        let newest = || function.aliases.values().flatten().map(|share| &share.version).max_by_key(|one| one.number);
        let version = function.newest_live().or_else(newest);
        let config = version.map(|version| &version.config);
        let shares = |alias: &str| function.shares(alias).unwrap_or_default().into_iter().map(Weight::from).collect();
        let schema = |schema: Option<&std::sync::Arc<basalt_app::functions::ValueSchema>>| {
            schema.map(|schema| schema.text.clone())
        };
        Self {
            name: function.name.to_string(),
            kind: config.map_or(function.kind, |config| config.kind).as_str(),
            version: version.map(|version| version.number),
            source: config.map(|config| source(&config.source).to_owned()),
            aliases: function.aliases.keys().map(|alias| (alias.to_string(), shares(alias.as_str()))).collect(),
            versions: function.versions().collect(),
            input: schema(config.and_then(|config| config.input.as_ref())),
            output: schema(config.and_then(|config| config.output.as_ref())),
            invoke: config.and_then(|config| Some(config.invoke.as_ref()?.source().to_owned())),
            trigger: config.and_then(|config| trigger(&config.trigger)),
            limits: Limits::of(version.map(AsRef::as_ref)),
            history: function.history.iter().rev().map(Change::from).collect(),
            created_at: function.created_at,
            updated_at: function.updated_at,
        }
    }
}

impl Limits {
    fn of(version: Option<&Version>) -> Self {
        let millis = |time: std::time::Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let config = version.map(|version| &version.config);
        Self {
            timeout_ms: config.map_or(0, |config| millis(config.timeout)),
            cpu_ms: config.map_or(0, |config| millis(config.cpu)),
            memory: config.map_or(0, |config| config.memory as u64),
            concurrency: config.map_or(0, |config| count(config.concurrency)),
            queue: config.map_or(0, |config| count(config.queue)),
            retries: config.map_or(0, |config| config.retries),
        }
    }
}

fn source(source: &Source) -> &str {
    match source {
        Source::Module { entry, .. } | Source::Wasm { entry } => entry,
        Source::Remote(remote) => &remote.url,
    }
}

fn trigger(trigger: &Trigger) -> Option<Value> {
    let users = |on: &[UserEvent]| on.iter().map(|event| event.as_str()).collect::<Vec<_>>();
    Some(match trigger {
        Trigger::Call => return None,
        Trigger::Document { collection, on, .. } | Trigger::BeforeDocument { collection, on } => {
            json!({ "collection": collection, "on": on })
        }
        Trigger::File { bucket, on, .. } => json!({ "bucket": bucket, "on": on }),
        Trigger::User { on, .. } | Trigger::BeforeUser { on } => json!({ "on": users(on) }),
        Trigger::Message { pattern } => json!({ "channel": pattern.as_str() }),
        Trigger::Schedule(schedule) => json!({ "cron": schedule.cron, "timezone": schedule.timezone }),
    })
}

/// A version, which never changes.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = FunctionVersion)]
pub(super) struct ShownVersion {
    version: u32,
    kind: &'static str,
    /// What it is about: a collection, a bucket, a cron expression, a channel pattern.
    subject: Option<String>,
    /// Its options as they hold: those of its code and of the app's settings, put together.
    #[schema(value_type = Object)]
    options: Value,
    /// Its file, or its URL.
    source: String,
    export: Option<String>,
    /// The same for the same code.
    code: Option<String>,
    #[schema(value_type = Object)]
    env: BTreeMap<String, String>,
    egress: ShownEgress,
    /// Those that lead to it.
    aliases: Vec<String>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = Object)]
    by: Actor,
    /// What was deployed, by path; of one version alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    sources: Option<BTreeMap<String, String>>,
}

/// Where `ctx.fetch` may go.
#[derive(Serialize, ToSchema)]
#[schema(as = FunctionEgress)]
pub(super) struct ShownEgress {
    /// Hosts; null: every public one.
    allow: Option<Vec<String>>,
    /// Whether those may lie at private addresses.
    private: bool,
}

impl ShownVersion {
    pub(super) fn of(info: VersionInfo, sources: Option<BTreeMap<String, String>>) -> Self {
        let Egress { allow, private } = info.egress;
        Self {
            version: info.version,
            kind: info.kind.as_str(),
            subject: info.subject,
            options: info.options,
            source: info.source,
            export: info.export,
            code: info.code.map(|code| code.0),
            env: info.env,
            egress: ShownEgress { allow, private },
            aliases: info.aliases.iter().map(ToString::to_string).collect(),
            created_at: info.created_at,
            by: info.by,
            sources,
        }
    }
}
