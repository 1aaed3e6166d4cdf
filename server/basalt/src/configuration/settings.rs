//! Every setting there is: its key in `basalt.toml`, from which the name of its variable follows, and what it sets.

use basalt_api::Network;
use basalt_app::Secret;
use basalt_core::Origin;
use tracing_subscriber::EnvFilter;

use super::parse::Raw;
use super::{Configuration, LogFormat};

pub(super) struct Setting {
    /// `limits.body`, or `databaseUrl`.
    pub(super) key: &'static str,
    /// Whether it may be given by a file as well: `BASALT_SECRET_FILE`.
    pub(super) secret: bool,
    pub(super) set: fn(&mut Configuration, &Raw) -> Result<(), String>,
}

impl Setting {
    /// `databaseUrl` → `BASALT_DATABASE_URL`, `limits.body` → `BASALT_LIMITS_BODY`.
    pub(super) fn variable(&self) -> String {
        let mut name = "BASALT_".to_owned();
        for letter in self.key.chars() {
            match letter {
                '.' => name.push('_'),
                upper if upper.is_ascii_uppercase() => name.extend(['_', upper]),
                lower => name.push(lower.to_ascii_uppercase()),
            }
        }
        name
    }
}

macro_rules! setting {
    ($key:literal, |$into:ident, $raw:ident| $set:expr) => {
        setting!($key, false, |$into, $raw| $set)
    };
    ($key:literal, $secret:literal, |$into:ident, $raw:ident| $set:expr) => {
        Setting {
            key: $key,
            secret: $secret,
            set: |$into, $raw| {
                $set;
                Ok(())
            },
        }
    };
}

pub(super) const SETTINGS: &[Setting] = &[
    setting!("listen", |into, raw| into.listen = raw.address()?),
    setting!("data", |into, raw| into.data = raw.text()?.into()),
    setting!("app", |into, raw| into.app = Some(raw.text()?.into())),
    setting!("databaseUrl", true, |into, raw| into.database_url = Some(database_url(raw)?)),
    setting!("filesUrl", true, |into, raw| into.files_url = Some(Secret::new(raw.text()?))),
    setting!("singleNode", |into, raw| into.single_node = switch(raw)?),
    setting!("databaseConnections", |into, raw| into.database_connections = raw.number(6, 1000)?),
    setting!("publicUrl", |into, raw| into.public_url = Some(raw.url()?)),
    setting!("secret", true, |into, raw| into.secret = Some(Secret::new(raw.text()?))),
    setting!("metrics.listen", |into, raw| into.metrics_listen = Some(raw.address()?)),
    setting!("cors.origins", |into, raw| into.cors_origins = Some(origins(raw)?)),
    setting!("trustedProxies", |into, raw| into.trusted_proxies = networks(raw)?),
    setting!("allowAddresses", |into, raw| into.allow_addresses = private_networks(raw)?),
    setting!("otlpUrl", |into, raw| into.otlp.url = Some(collector(raw)?)),
    setting!("otlpHeaders", true, |into, raw| into.otlp.headers = headers(raw)?),
    setting!("otlpSampleRatio", |into, raw| into.otlp.sample_ratio = raw.share()?),
    setting!("limits.body", |into, raw| into.limits.body = Some(body(raw)?)),
    setting!("limits.requestTime", |into, raw| into.limits.request_time = Some(raw.duration()?)),
    setting!("limits.stopTime", |into, raw| into.limits.stop_time = raw.duration()?),
    setting!("limits.concurrency", |into, raw| into.limits.concurrency = count(raw, 1_000_000)?),
    setting!("workers", |into, raw| into.workers = count(raw, 1024)?),
    setting!("log.level", |into, raw| into.log.level = level(raw)?),
    setting!("log.format", |into, raw| into.log.format = format(raw)?),
    setting!("changes.maxAge", |into, raw| into.changes.max_age = raw.duration()?),
    setting!("changes.maxBytes", |into, raw| into.changes.max_bytes = raw.size()?),
    setting!("changes.hardMaxBytes", |into, raw| into.changes.hard_max_bytes = Some(raw.size()?)),
    setting!("changes.consumerIdle", |into, raw| into.changes.consumer_idle = raw.duration()?),
];

fn switch(raw: &Raw) -> Result<bool, String> {
    match raw.text()?.as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err("has to be true or false".to_owned()),
    }
}

fn count(raw: &Raw, most: u32) -> Result<usize, String> {
    Ok(raw.number(1, most)? as usize)
}

fn database_url(raw: &Raw) -> Result<Secret, String> {
    let text = raw.text()?;
    let text = text.trim();
    if text.starts_with("postgres://") || text.starts_with("postgresql://") {
        return Ok(Secret::new(text));
    }
    Err("has to begin with postgres://; without it SQLite is used".to_owned())
}

fn origins(raw: &Raw) -> Result<Vec<Origin>, String> {
    let bad = |text: &str| format!("{text:?} is no origin such as https://app.example.org or http://localhost:*");
    raw.list()?.iter().map(|text| Origin::parse(text).ok_or_else(|| bad(text))).collect()
}

fn networks(raw: &Raw) -> Result<Vec<Network>, String> {
    let bad = |text: &str| format!("{text:?} is no address or block such as 10.0.0.0/8");
    raw.list()?.iter().map(|text| Network::parse(text).ok_or_else(|| bad(text))).collect()
}

fn private_networks(raw: &Raw) -> Result<Vec<basalt_outbound::Network>, String> {
    let bad = |text: &str| format!("{text:?} is no address or block such as 10.0.0.0/8");
    raw.list()?.iter().map(|text| basalt_outbound::Network::parse(text).ok_or_else(|| bad(text))).collect()
}

fn collector(raw: &Raw) -> Result<String, String> {
    let text = raw.text()?;
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    match host {
        Some(host) if !host.is_empty() && !host.starts_with('/') && !host.contains(char::is_whitespace) => Ok(text),
        _ => Err("has to be a URL such as http://collector:4318".to_owned()),
    }
}

/// `name=value` each. The message doesn't repeat them: they may be secret.
fn headers(raw: &Raw) -> Result<Vec<(String, Secret)>, String> {
    let bad = || "has to be a list of headers such as authorization=Bearer …".to_owned();
    let good = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let header = |text: &String| {
        let (name, value) = text.split_once('=')?;
        good(name).then(|| (name.to_ascii_lowercase(), Secret::new(value)))
    };
    raw.list()?.iter().map(|text| header(text).ok_or_else(bad)).collect()
}

fn body(raw: &Raw) -> Result<usize, String> {
    let size = raw.size()?;
    let size = usize::try_from(size).ok().filter(|size| (1 << 10..=1 << 30).contains(size));
    size.ok_or_else(|| "has to be between 1KB and 1GB".to_owned())
}

fn level(raw: &Raw) -> Result<String, String> {
    let text = raw.text()?;
    match EnvFilter::try_new(&text) {
        Ok(_) => Ok(text),
        Err(_) => Err("has to be error, warn, info, debug, trace or directives such as info,basalt=debug".to_owned()),
    }
}

fn format(raw: &Raw) -> Result<LogFormat, String> {
    match raw.text()?.as_str() {
        "json" => Ok(LogFormat::Json),
        "text" => Ok(LogFormat::Text),
        _ => Err("has to be json or text".to_owned()),
    }
}
