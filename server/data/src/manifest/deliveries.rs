//! `[schedules.NAME]` and `[webhooks.NAME]`.

use std::collections::BTreeMap;

use basalt_core::document::pointer_token;
use serde_json::Value;

use super::functions::is_url;
use super::names::{is_function_name, is_plain_name};
use crate::declared::{Problems, Table, text, wrong_type};

/// Headers that a webhook may add.
const MOST_HEADERS: usize = 20;

/// `[schedules.NAME]`. That its cron and its time zone are good is for the room of schedules to say, at
/// `/schedules/NAME/cron` and `…/timezone`.
#[derive(Clone, Debug, PartialEq)]
pub struct ScheduleSection {
    pub cron: String,
    /// `Asia/Shanghai`; UTC where nothing is said.
    pub timezone: Option<String>,
    pub function: String,
    /// What the function gets as its tick's `input`.
    pub input: Option<Value>,
    /// Whether ticks that were missed are made up for, by one.
    pub catch_up: CatchUp,
    pub overlap: Overlap,
    pub enabled: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CatchUp {
    #[default]
    One,
    None,
}

/// What happens at a tick while the run before goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overlap {
    #[default]
    Skip,
    Allow,
}

impl CatchUp {
    pub const ALL: [(&'static str, Self); 2] = [("one", Self::One), ("none", Self::None)];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::One => "one",
            Self::None => "none",
        }
    }
}

impl Overlap {
    pub const ALL: [(&'static str, Self); 2] = [("skip", Self::Skip), ("allow", Self::Allow)];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Allow => "allow",
        }
    }
}

/// `[webhooks.NAME]`. That `events` is a good condition is for the room of webhooks to say, at `/webhooks/NAME/events`.
#[derive(Clone, PartialEq)]
pub struct WebhookSection {
    pub url: String,
    /// CEL over the event; without it all events.
    pub events: Option<String>,
    /// `whsec_…`; without it the server makes one.
    pub secret: Option<String>,
    pub headers: BTreeMap<String, String>,
    pub description: Option<String>,
    pub enabled: bool,
}

impl std::fmt::Debug for WebhookSection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { url, events, enabled, .. } = self;
        f.debug_struct("WebhookSection")
            .field("url", url)
            .field("events", events)
            .field("enabled", enabled)
            .finish_non_exhaustive()
    }
}

pub(super) fn read_schedules(value: &Value, path: &str, problems: &mut Problems) -> BTreeMap<String, ScheduleSection> {
    read_named(value, path, "schedule", problems, read_schedule)
}

pub(super) fn read_webhooks(value: &Value, path: &str, problems: &mut Problems) -> BTreeMap<String, WebhookSection> {
    read_named(value, path, "webhook", problems, read_webhook)
}

fn read_named<T>(
    value: &Value,
    path: &str,
    what: &str,
    problems: &mut Problems,
    read: impl Fn(&mut Table<'_>, &mut Problems) -> Option<T>,
) -> BTreeMap<String, T> {
    let Value::Object(entries) = value else {
        wrong_type(path, &format!("a table of {what}s"), value, problems);
        return BTreeMap::new();
    };
    let mut named = BTreeMap::new();
    for (name, entry) in entries {
        let path = format!("{path}/{}", pointer_token(name));
        if !is_plain_name(name) {
            let message = format!("A {what}'s name is 1 to 64 of A-Z, a-z, 0-9, _ and -.");
            problems.add(&path, "bad_name", message);
            continue;
        }
        let Some(mut table) = Table::open(entry, path, problems) else { continue };
        let entry = read(&mut table, problems);
        table.finish(problems);
        named.extend(entry.map(|entry| (name.clone(), entry)));
    }
    named
}

fn read_schedule(table: &mut Table<'_>, problems: &mut Problems) -> Option<ScheduleSection> {
    let cron = required(table, "cron", problems);
    let function = required(table, "function", problems);
    if function.as_deref().is_some_and(|name| !is_function_name(name)) {
        problems.add(&table.path_of("function"), "bad_name", "This is no function's name.");
    }
    let timezone = table.text("timezone", problems).map(str::to_owned);
    let input = table.take("input").map(|(input, _)| input.clone());
    let catch_up = one_of(table, "catchUp", &CatchUp::ALL, problems).unwrap_or_default();
    let overlap = one_of(table, "overlap", &Overlap::ALL, problems).unwrap_or_default();
    let enabled = table.bool("enabled", problems).unwrap_or(true);
    Some(ScheduleSection { cron: cron?, timezone, function: function?, input, catch_up, overlap, enabled })
}

fn read_webhook(table: &mut Table<'_>, problems: &mut Problems) -> Option<WebhookSection> {
    let url = required(table, "url", problems);
    if url.as_deref().is_some_and(|url| !is_url(url)) {
        problems.add(&table.path_of("url"), "bad_url", "A URL begins with https:// or http://.");
    }
    let events = table.text("events", problems).map(str::to_owned);
    let secret = table.text("secret", problems).map(str::to_owned);
    let description = table.text("description", problems).map(str::to_owned);
    let enabled = table.bool("enabled", problems).unwrap_or(true);
    let headers = table.take("headers").map(|(headers, path)| read_headers(headers, &path, problems));
    Some(WebhookSection { url: url?, events, secret, headers: headers.unwrap_or_default(), description, enabled })
}

fn read_headers(value: &Value, path: &str, problems: &mut Problems) -> BTreeMap<String, String> {
    let Value::Object(entries) = value else {
        wrong_type(path, "a table of texts", value, problems);
        return BTreeMap::new();
    };
    if entries.len() > MOST_HEADERS {
        problems.add(path, "too_many", format!("There are at most {MOST_HEADERS} headers."));
    }
    let mut headers = BTreeMap::new();
    for (name, value) in entries {
        let path = format!("{path}/{}", pointer_token(name));
        let good = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        let Some(value) = text(value, &path, problems) else { continue };
        if !good || value.chars().any(char::is_control) {
            problems.add(&path, "bad_header", "A header is a name of A-Z, 0-9 and -, and a line of text.");
        }
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    headers
}

fn required(table: &mut Table<'_>, key: &'static str, problems: &mut Problems) -> Option<String> {
    let Some((value, path)) = table.take(key) else {
        problems.add(table.path(), "missing", format!("This has to say its {key}."));
        return None;
    };
    text(value, &path, problems).map(str::to_owned)
}

fn one_of<T: Copy>(
    table: &mut Table<'_>,
    key: &'static str,
    choices: &[(&str, T)],
    problems: &mut Problems,
) -> Option<T> {
    let said = table.text(key, problems)?;
    let found = choices.iter().find(|(name, _)| *name == said).map(|(_, choice)| *choice);
    if found.is_none() {
        let names: Vec<String> = choices.iter().map(|(name, _)| format!("{name:?}")).collect();
        problems.add(&table.path_of(key), "unknown_choice", format!("This is {}.", names.join(" or ")));
    }
    found
}
