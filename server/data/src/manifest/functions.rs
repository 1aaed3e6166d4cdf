//! `[functions]`: what holds for all functions, and those that `app.toml` itself declares.

use std::collections::BTreeMap;
use std::time::Duration;

use basalt_core::Result;
use basalt_core::document::pointer_token;
use serde_json::{Map, Value};

use super::folder::Files;
use super::names::{is_function_name, is_variable_name};
use super::sections::{count, time};
use crate::declared::{Problems, Table, size, text, wrong_type};

/// Kinds of functions, as `basalt:functions` names them.
const KINDS: [&str; 9] =
    ["callable", "http", "onDocument", "beforeDocument", "onFile", "onUser", "beforeUser", "onSchedule", "onMessage"];
/// Values and hosts of one app.
const MOST: usize = 100;
const VALUE_BYTES: usize = 16 << 10;
const MEMORY: std::ops::RangeInclusive<u64> = (1 << 20)..=(1 << 30);

/// `[functions]`. Rules and conditions are texts here; whoever runs them compiles them, with places such as
/// `/functions/rules/invoke` or `/functions/NAME/when`, which [`super::locate`] turns into lines and columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FunctionsSection {
    /// `[functions.rules] invoke`: the rule of functions without their own.
    pub invoke: Option<String>,
    /// `[functions.env]`: what `ctx.env` shows.
    pub env: BTreeMap<String, String>,
    pub egress: EgressSection,
    /// `[functions.limits]`: what holds where a function says nothing.
    pub limits: FunctionLimits,
    /// `[functions.NAME]`.
    pub declared: BTreeMap<String, FunctionSection>,
}

/// `[functions.egress]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EgressSection {
    /// Hosts that `fetch` may reach, such as `api.example.com` or `*.example.com`; `None`: all public ones.
    pub allow: Option<Vec<String>>,
    /// Whether those hosts may lie at private addresses.
    pub private: bool,
}

/// `[functions.limits]`, and the same keys of one function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FunctionLimits {
    pub timeout: Option<Duration>,
    pub cpu: Option<Duration>,
    /// Bytes.
    pub memory: Option<u64>,
    pub concurrency: Option<u32>,
    pub queue: Option<u32>,
    pub retries: Option<u32>,
}

/// `[functions.NAME]`: a function elsewhere (`url`), or the options of `functions/NAME.wasm`.
#[derive(Clone, Debug, PartialEq)]
pub struct FunctionSection {
    pub remote: Option<Remote>,
    /// One of those that `basalt:functions` has; `callable` where nothing is said.
    pub kind: String,
    /// What it is about: a collection, a bucket, a cron expression, a channel pattern.
    pub subject: Option<String>,
    /// The options that a function of code gives beside its code, in the same form (`timeout`, `on`, `when`, `input`, …).
    pub options: Map<String, Value>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    pub url: String,
    /// What its requests are signed with: a secret's name (`CRM` or `${CRM}`), never its value.
    pub secret: Option<String>,
}

impl FunctionsSection {
    /// The section in JSON, as the admin API takes it; faults have paths below `/settings`.
    pub fn parse(value: &Value) -> Result<Self> {
        let mut problems = Problems::default();
        let section = read_functions(value, "/settings", &NoFiles, &mut problems);
        if problems.is_empty() { Ok(section) } else { Err(problems.into_error("The settings of functions")) }
    }
}

/// Where a section comes without a folder.
struct NoFiles;

impl Files for NoFiles {
    fn bytes(&self, _: &str) -> Result<Vec<u8>, String> {
        Err("there are no files beside this: write the schema itself".to_owned())
    }

    fn list(&self, _: &str, _: usize) -> Result<Vec<String>, String> {
        Ok(Vec::new())
    }
}

pub(super) fn read_functions(
    value: &Value,
    path: &str,
    files: &dyn Files,
    problems: &mut Problems,
) -> FunctionsSection {
    let mut section = FunctionsSection::default();
    let Value::Object(entries) = value else {
        wrong_type(path, "a table", value, problems);
        return section;
    };
    for (name, entry) in entries {
        let path = format!("{path}/{}", pointer_token(name));
        match name.as_str() {
            "rules" => section.invoke = read_rules(entry, &path, problems),
            "env" => section.env = read_env(entry, &path, problems),
            "egress" => section.egress = read_egress(entry, &path, problems),
            "limits" => section.limits = read_limits(entry, &path, problems),
            name if !is_function_name(name) => {
                let message =
                    "A function's name is a letter, then up to 47 of A-Z, a-z, 0-9 and _, and not \"deploy\".";
                problems.add(&path, "bad_name", message);
            }
            name => {
                if let Some(function) = read_function(entry, &path, files, problems) {
                    section.declared.insert(name.to_owned(), function);
                }
            }
        }
    }
    section
}

fn read_rules(value: &Value, path: &str, problems: &mut Problems) -> Option<String> {
    let mut table = Table::open(value, path, problems)?;
    let invoke = table.text("invoke", problems).map(str::to_owned);
    table.finish(problems);
    invoke
}

fn read_env(value: &Value, path: &str, problems: &mut Problems) -> BTreeMap<String, String> {
    let Value::Object(entries) = value else {
        wrong_type(path, "a table of texts", value, problems);
        return BTreeMap::new();
    };
    if entries.len() > MOST {
        problems.add(path, "too_many", format!("There are at most {MOST} values."));
    }
    let mut env = BTreeMap::new();
    for (name, value) in entries {
        let path = format!("{path}/{}", pointer_token(name));
        if !is_variable_name(name) {
            problems.add(&path, "bad_name", "A value's name is 1 to 64 of A-Z, a-z, 0-9 and _, and no digit first.");
        }
        let Some(value) = text(value, &path, problems) else { continue };
        if value.len() > VALUE_BYTES {
            problems.add(&path, "too_large", format!("A value has at most {VALUE_BYTES} bytes."));
        }
        env.insert(name.clone(), value.to_owned());
    }
    env
}

fn read_egress(value: &Value, path: &str, problems: &mut Problems) -> EgressSection {
    let mut egress = EgressSection::default();
    let Some(mut table) = Table::open(value, path, problems) else { return egress };
    if let Some(hosts) = table.texts("allow", problems) {
        if hosts.len() > MOST {
            problems.add(&table.path_of("allow"), "too_many", format!("There are at most {MOST} hosts."));
        }
        for (host, path) in &hosts {
            if !is_host(host) {
                let message = "A host is such as \"api.example.com\", \"*.example.com\" or \"10.0.0.5:8080\".";
                problems.add(path, "bad_host", message);
            }
        }
        egress.allow = Some(hosts.into_iter().map(|(host, _)| host.to_ascii_lowercase()).collect());
    }
    egress.private = table.bool("private", problems).unwrap_or(false);
    table.finish(problems);
    egress
}

fn is_host(text: &str) -> bool {
    let host = text.strip_prefix("*.").unwrap_or(text);
    let known = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b':' | b'[' | b']');
    text == "*" || ((1..=253).contains(&host.len()) && host.bytes().all(known) && !host.starts_with('.'))
}

pub(super) fn read_limits(value: &Value, path: &str, problems: &mut Problems) -> FunctionLimits {
    let Some(mut table) = Table::open(value, path, problems) else { return FunctionLimits::default() };
    let limits = take_limits(&mut table, problems);
    table.finish(problems);
    limits
}

fn take_limits(table: &mut Table<'_>, problems: &mut Problems) -> FunctionLimits {
    let memory = table.text("memory", problems).and_then(|text| {
        let bytes = size(text).filter(|bytes| MEMORY.contains(bytes));
        if bytes.is_none() {
            problems.add(&table.path_of("memory"), "bad_size", "A size is such as \"64MB\", between 1MB and 1GB.");
        }
        bytes
    });
    FunctionLimits {
        timeout: time(table, "timeout", Duration::from_millis(10), problems),
        cpu: time(table, "cpu", Duration::from_millis(1), problems),
        memory,
        concurrency: count(table, "concurrency", 1, 10_000, problems),
        queue: count(table, "queue", 0, 100_000, problems),
        retries: count(table, "retries", 0, 20, problems),
    }
}

fn read_function(value: &Value, path: &str, files: &dyn Files, problems: &mut Problems) -> Option<FunctionSection> {
    let mut table = Table::open(value, path, problems)?;
    let remote = table.text("url", problems).map(|url| {
        if !is_url(url) {
            problems.add(&table.path_of("url"), "bad_url", "A URL begins with https:// or http://.");
        }
        url.to_owned()
    });
    let secret = table.text("secret", problems).map(str::to_owned);
    if remote.is_none() && secret.is_some() {
        let message = "A secret signs the requests to a url, which isn't said.";
        problems.add(&table.path_of("secret"), "without_url", message);
    }
    let kind = table.text("kind", problems).unwrap_or("callable").to_owned();
    if !KINDS.contains(&kind.as_str()) {
        problems.add(&table.path_of("kind"), "unknown_kind", format!("A kind is one of {}.", KINDS.join(", ")));
    }
    let subject = read_subject(&mut table, &kind, problems);
    let options = read_options(&mut table, files, problems);
    table.finish(problems);
    Some(FunctionSection { remote: remote.map(|url| Remote { url, secret }), kind, subject, options })
}

/// The one key that says what a function of this kind is about.
fn read_subject(table: &mut Table<'_>, kind: &str, problems: &mut Problems) -> Option<String> {
    let wanted = match kind {
        "onDocument" | "beforeDocument" => Some("collection"),
        "onFile" => Some("bucket"),
        "onSchedule" => Some("cron"),
        "onMessage" => Some("channel"),
        _ => None,
    };
    let mut subject = None;
    for key in ["collection", "bucket", "cron", "channel"] {
        let said = table.text(key, problems);
        match said {
            Some(said) if wanted == Some(key) => subject = Some(said.to_owned()),
            Some(_) => {
                let message = format!("A function of kind {kind:?} has no {key}.");
                problems.add(&table.path_of(key), "not_of_this_kind", message);
            }
            None if wanted == Some(key) => {
                let message = format!("A function of kind {kind:?} says its {key}.");
                problems.add(table.path(), "missing", message);
            }
            None => {}
        }
    }
    subject
}

/// Checked for their form here; the rest is the same check as for functions of code.
fn read_options(table: &mut Table<'_>, files: &dyn Files, problems: &mut Problems) -> Map<String, Value> {
    take_limits(table, problems);
    let mut options = Map::new();
    for key in ["invoke", "when", "isolation", "timezone", "catchUp", "overlap", "timeout", "cpu", "memory"] {
        if let Some(value) = table.text(key, problems) {
            options.insert(key.to_owned(), value.into());
        }
    }
    for key in ["concurrency", "queue", "retries"] {
        if let Some((value, _)) = table.take(key) {
            options.insert(key.to_owned(), value.clone());
        }
    }
    if let Some(on) = table.texts("on", problems) {
        options.insert("on".to_owned(), on.into_iter().map(|(on, _)| on).collect());
    }
    for key in ["input", "output"] {
        let Some((value, path)) = table.take(key) else { continue };
        if let Some(schema) = super::schema_of(value, &path, files, problems) {
            options.insert(key.to_owned(), schema);
        }
    }
    options
}

/// A name that isn't known yet stands for itself.
pub(super) fn is_url(text: &str) -> bool {
    if text.starts_with("${") {
        return true;
    }
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.contains(|c: char| c.is_whitespace() || c.is_control()))
}
