//! The sections beside the collections.

use std::collections::BTreeMap;
use std::time::Duration;

use basalt_core::Origin;
use basalt_core::document::pointer_token;
use serde_json::Value;

use crate::channels;
use crate::declared::{Problems, Table, duration, size, wrong_type};

/// `[auth]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthSection {
    pub sign_up: Option<bool>,
    pub anonymous: Option<bool>,
    pub password: Option<bool>,
    pub access_token_life: Option<Duration>,
    pub refresh_token_life: Option<Duration>,
    pub password_min_length: Option<u32>,
    pub limits: AuthLimits,
}

/// `[auth.limits]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthLimits {
    pub sign_ups_per_hour: Option<u32>,
    pub tries_of_account: Option<u32>,
    pub tries_of_network: Option<u32>,
    pub longest_wait: Option<Duration>,
    pub sessions_of_user: Option<u32>,
}

/// `[cors]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CorsSection {
    pub origins: Option<Vec<Origin>>,
}

/// `[limits]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LimitsSection {
    /// Bytes of one request's body.
    pub body: Option<u64>,
    /// Time of one request.
    pub request_time: Option<Duration>,
}

/// `[roles.NAME]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Role {
    pub description: Option<String>,
    /// Other roles whose rights its holders have, too.
    pub inherits: Vec<String>,
}

pub(super) fn read_auth(value: &Value, path: &str, problems: &mut Problems) -> AuthSection {
    let mut auth = AuthSection::default();
    let Some(mut table) = Table::open(value, path, problems) else { return auth };
    auth.sign_up = table.bool("signUp", problems);
    auth.anonymous = table.bool("anonymous", problems);
    auth.password = table.bool("password", problems);
    auth.access_token_life = time(&mut table, "accessTokenLife", Duration::from_secs(10), problems);
    auth.refresh_token_life = time(&mut table, "refreshTokenLife", Duration::from_mins(1), problems);
    auth.password_min_length = count(&mut table, "passwordMinLength", 8, 128, problems);
    if let Some((limits, path)) = table.take("limits") {
        auth.limits = read_auth_limits(limits, &path, problems);
    }
    // Without mail an address can't be verified: who asks for it would let nobody in.
    if table.bool("requireVerifiedEmail", problems) == Some(true) {
        problems.not_available(&table.path_of("requireVerifiedEmail"), "Verifying e-mail addresses");
    }
    for (key, what) in [
        ("providers", "Signing in by other providers"),
        ("issuers", "Trusting other issuers"),
        ("redirectUrls", "Signing in by redirects"),
    ] {
        if let Some((_, path)) = table.take(key) {
            problems.not_available(&path, what);
        }
    }
    table.finish(problems);
    auth
}

fn read_auth_limits(value: &Value, path: &str, problems: &mut Problems) -> AuthLimits {
    let mut limits = AuthLimits::default();
    let Some(mut table) = Table::open(value, path, problems) else { return limits };
    limits.sign_ups_per_hour = count(&mut table, "signUpsPerHour", 1, 1_000_000, problems);
    limits.tries_of_account = count(&mut table, "triesOfAccount", 1, 1_000, problems);
    limits.tries_of_network = count(&mut table, "triesOfNetwork", 1, 1_000_000, problems);
    limits.longest_wait = time(&mut table, "longestWait", Duration::from_secs(1), problems);
    limits.sessions_of_user = count(&mut table, "sessionsOfUser", 1, 10_000, problems);
    table.finish(problems);
    limits
}

pub(super) fn read_cors(value: &Value, path: &str, problems: &mut Problems) -> CorsSection {
    let Some(mut table) = Table::open(value, path, problems) else { return CorsSection::default() };
    let origins = table.texts("origins", problems).map(|origins| {
        let parsed = origins.into_iter().filter_map(|(text, path)| {
            let origin = Origin::parse(text);
            if origin.is_none() {
                let message = "An origin is scheme://host[:port] in lower case and without a path, such as \
                               \"https://example.com\" or \"http://localhost:*\".";
                problems.add(&path, "bad_origin", message);
            }
            origin
        });
        parsed.collect()
    });
    table.finish(problems);
    CorsSection { origins }
}

pub(super) fn read_limits(value: &Value, path: &str, problems: &mut Problems) -> LimitsSection {
    let Some(mut table) = Table::open(value, path, problems) else { return LimitsSection::default() };
    let body = table.text("body", problems).and_then(|text| {
        let bytes = size(text).filter(|bytes| (1 << 10..=1 << 30).contains(bytes));
        if bytes.is_none() {
            problems.add(&table.path_of("body"), "bad_size", "A size is such as \"8MB\", between 1KB and 1GB.");
        }
        bytes
    });
    let request_time = time(&mut table, "requestTime", Duration::from_millis(100), problems);
    table.finish(problems);
    LimitsSection { body, request_time }
}

pub(super) fn read_channels(value: &Value, path: &str, problems: &mut Problems) -> Vec<channels::Definition> {
    let Value::Object(entries) = value else {
        wrong_type(path, "a table of channels", value, problems);
        return Vec::new();
    };
    let mut definitions: Vec<channels::Definition> = Vec::new();
    for (pattern, entry) in entries {
        let path = format!("{path}/{}", pointer_token(pattern));
        let Some(definition) = channels::Definition::read(pattern, entry, &path, problems) else { continue };
        let key = definition.pattern.key();
        if definitions.iter().any(|other| other.pattern.key() == key) {
            problems.add(&path, "ambiguous", "The same names fit another pattern: write one of them.");
        }
        definitions.push(definition);
    }
    definitions
}

pub(super) fn read_roles(value: &Value, path: &str, problems: &mut Problems) -> BTreeMap<String, Role> {
    let Value::Object(entries) = value else {
        wrong_type(path, "a table of roles", value, problems);
        return BTreeMap::new();
    };
    let mut roles = BTreeMap::new();
    for (name, entry) in entries {
        let path = format!("{path}/{}", pointer_token(name));
        if !is_role_name(name) {
            problems.add(&path, "bad_name", "A role's name is 1 to 64 of A-Z, a-z, 0-9, _ and -.");
            continue;
        }
        let Some(mut table) = Table::open(entry, path, problems) else { continue };
        let description = table.text("description", problems).map(str::to_owned);
        let inherits = table.texts("inherits", problems).unwrap_or_default();
        for (parent, path) in &inherits {
            if !entries.contains_key(*parent) {
                problems.add(path, "unknown_role", format!("There is no role {parent:?} here."));
            }
        }
        table.finish(problems);
        let inherits = inherits.into_iter().map(|(parent, _)| parent.to_owned()).collect();
        roles.insert(name.clone(), Role { description, inherits });
    }
    check_circles(&roles, path, problems);
    roles
}

/// A role that inherits from itself, by whatever way, would never be resolved.
fn check_circles(roles: &BTreeMap<String, Role>, path: &str, problems: &mut Problems) {
    for name in roles.keys() {
        let mut open: Vec<&String> = roles[name].inherits.iter().collect();
        let mut seen: Vec<&String> = Vec::new();
        while let Some(parent) = open.pop() {
            if parent == name {
                let message = format!("The role {name:?} inherits from itself.");
                problems.add(&format!("{path}/{name}/inherits"), "circle", message);
                break;
            }
            if !seen.contains(&parent) {
                seen.push(parent);
                open.extend(roles.get(parent).into_iter().flat_map(|role| &role.inherits));
            }
        }
    }
}

fn is_role_name(name: &str) -> bool {
    (1..=64).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

pub(super) fn time(
    table: &mut Table<'_>,
    key: &'static str,
    least: Duration,
    problems: &mut Problems,
) -> Option<Duration> {
    let read = duration(table.text(key, problems)?);
    if read.is_none_or(|read| read < least) {
        let message = format!("A duration is such as \"15m\" or \"30d\", here of at least {least:?}.");
        problems.add(&table.path_of(key), "bad_duration", message);
        return None;
    }
    read
}

pub(super) fn count(
    table: &mut Table<'_>,
    key: &'static str,
    least: u32,
    most: u32,
    problems: &mut Problems,
) -> Option<u32> {
    let read = table.integer(key, problems)?;
    let number = u32::try_from(read).ok().filter(|number| (least..=most).contains(number));
    if number.is_none() {
        problems.add(&table.path_of(key), "out_of_range", format!("This is a number from {least} to {most}."));
    }
    number
}

/// Puts in what `"${NAME}"` stands for. Not within collections, channels and buckets, nor in rules and conditions of
/// functions and webhooks: in rules and patterns `${` may mean itself. Nor where functions name a secret: they learn its
/// value when they run.
pub(super) fn substitute(root: &mut Value, names: &dyn Fn(&str) -> Option<String>, problems: &mut Problems) {
    let Value::Object(sections) = root else { return };
    let plain = |section: &str| !["collections", "channels", "buckets"].contains(&section);
    for (section, value) in sections.iter_mut().filter(|(section, _)| plain(section)) {
        substitute_in(value, &format!("/{}", pointer_token(section)), names, problems);
    }
}

/// Whether a text is an expression or the name of a secret, by its place.
fn is_itself(path: &str) -> bool {
    let mut parts = path.split('/').skip(1);
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some("functions"), Some(name), Some("invoke" | "when" | "secret"), None) => name != "env",
        (Some("webhooks"), Some(_), Some("events"), None) => true,
        _ => false,
    }
}

fn substitute_in(value: &mut Value, path: &str, names: &dyn Fn(&str) -> Option<String>, problems: &mut Problems) {
    match value {
        Value::String(_) if is_itself(path) => {}
        Value::String(text) => match filled_in(text, names) {
            Ok(None) => {}
            Ok(Some(filled)) => *text = filled,
            Err(why) => problems.add(path, "unknown_name", why),
        },
        Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                substitute_in(item, &format!("{path}/{index}"), names, problems);
            }
        }
        Value::Object(map) => {
            for (key, item) in map.iter_mut() {
                substitute_in(item, &format!("{path}/{}", pointer_token(key)), names, problems);
            }
        }
        _ => {}
    }
}

/// `None` where there is nothing to put in.
fn filled_in(text: &str, names: &dyn Fn(&str) -> Option<String>) -> Result<Option<String>, String> {
    let Some((mut before, mut rest)) = text.split_once("${") else { return Ok(None) };
    let mut filled = String::new();
    loop {
        filled.push_str(before);
        let Some((name, after)) = rest.split_once('}') else {
            return Err("A \"${\" is never closed.".to_owned());
        };
        let plain = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        let Some(value) = names(name).filter(|_| plain) else {
            return Err(format!("There is neither a secret nor an environment variable {name:?}."));
        };
        filled.push_str(&value);
        let Some(next) = after.split_once("${") else {
            filled.push_str(after);
            return Ok(Some(filled));
        };
        (before, rest) = next;
    }
}
