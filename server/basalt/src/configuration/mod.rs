//! What a deployment sets: defaults < `basalt.toml` < `BASALT_…` environment < flags.
//!
//! Everything is read before anything starts, and every problem is reported at once with its key and where it was set.

mod parse;
mod settings;
mod sources;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use basalt_api::{Cors, Network};
use basalt_app::{PasswordCost, Secret};
use basalt_core::Origin;

pub(crate) use parse::human_duration;
pub use sources::{Flags, Sources};

/// The settings in force.
#[derive(Clone, Debug)]
pub struct Configuration {
    pub listen: SocketAddr,
    /// SQLite, keys, the admin socket.
    pub data: PathBuf,
    /// The folder of an app to apply at start.
    pub app: Option<PathBuf>,
    /// PostgreSQL; without it SQLite in `data`.
    pub database_url: Option<Secret>,
    /// Where the bytes of files lie; `None`: below the data folder.
    pub files_url: Option<Secret>,
    /// Whether this is the only node of its database: its files may lie on its own disk then.
    pub single_node: bool,
    pub database_connections: u32,
    /// `https://api.example.org`: where clients find us.
    pub public_url: Option<String>,
    /// At least 32 random characters, shared by all nodes; without it a file in `data`.
    pub secret: Option<Secret>,
    /// An address of its own for the metrics.
    pub metrics_listen: Option<SocketAddr>,
    /// Origins whose pages may read answers; without it the app's, or any port of localhost while we listen on
    /// loopback.
    pub cors_origins: Option<Vec<Origin>>,
    /// Proxies whose `X-Forwarded-For` counts.
    pub trusted_proxies: Vec<Network>,
    /// Networks that functions and webhooks may reach although they are private.
    pub allow_addresses: Vec<basalt_outbound::Network>,
    pub otlp: Otlp,
    pub limits: Limits,
    /// Threads that serve requests.
    pub workers: usize,
    /// What a password's hash costs. No setting changes it: servers of tests do, which hash all day.
    pub password_cost: PasswordCost,
    pub log: Log,
    pub changes: Changes,
}

#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of a body; without it the app's.
    pub body: Option<usize>,
    /// Time of a request; without it the app's.
    pub request_time: Option<Duration>,
    /// How long requests under way are waited for at the end.
    pub stop_time: Duration,
    /// Requests under way at once.
    pub concurrency: usize,
}

/// Where spans go.
#[derive(Clone, Debug)]
pub struct Otlp {
    /// `http://collector:4318`; without it nobody collects them.
    pub url: Option<String>,
    /// Sent along, for whom the collector is somebody else's.
    pub headers: Vec<(String, Secret)>,
    /// Of the traces that begin here, so many are collected: 0 to 1.
    pub sample_ratio: f64,
}

#[derive(Clone, Debug)]
pub struct Log {
    /// `info`, or directives such as `info,basalt::request=debug`.
    pub level: String,
    pub format: LogFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Json,
    Text,
}

/// How much of the change log is kept.
#[derive(Clone, Copy, Debug)]
pub struct Changes {
    pub max_age: Duration,
    pub max_bytes: u64,
    /// Over this the log is trimmed beyond readers that are behind; without it twice `max_bytes`.
    pub hard_max_bytes: Option<u64>,
    /// A consumer that was not moved for so long is not waited for.
    pub consumer_idle: Duration,
}

impl Default for Configuration {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 7070)),
            data: PathBuf::from("./data"),
            app: None,
            database_url: None,
            files_url: None,
            single_node: false,
            database_connections: 16,
            public_url: None,
            secret: None,
            metrics_listen: None,
            cors_origins: None,
            trusted_proxies: Vec::new(),
            allow_addresses: Vec::new(),
            otlp: Otlp { url: None, headers: Vec::new(), sample_ratio: 1.0 },
            limits: Limits { body: None, request_time: None, stop_time: Duration::from_secs(30), concurrency: 4096 },
            workers: std::thread::available_parallelism().map_or(2, usize::from),
            password_cost: PasswordCost::default(),
            log: Log { level: "info,actix_server=warn".to_owned(), format: LogFormat::Json },
            changes: Changes {
                max_age: Duration::from_hours(24 * 30),
                max_bytes: 4 << 30,
                hard_max_bytes: None,
                consumer_idle: Duration::from_hours(24 * 30),
            },
        }
    }
}

impl Configuration {
    /// Reads and checks everything.
    pub fn load(sources: &Sources) -> Result<Self, Problems> {
        let (configuration, problems) = sources.read();
        let problems = Problems(problems.into_iter().chain(configuration.contradictions()).collect());
        if problems.0.is_empty() { Ok(configuration) } else { Err(problems) }
    }

    /// Where clients find us: the public URL, or the address that is listened on.
    pub fn base_url(&self, listening: SocketAddr) -> String {
        self.public_url.clone().unwrap_or_else(|| {
            if listening.ip().is_unspecified() {
                return format!("http://localhost:{}", listening.port());
            }
            format!("http://{listening}")
        })
    }

    /// The origins that pages may come from; `app` are those of the app's manifest.
    pub fn cors(&self, app: Option<&[Origin]>) -> Cors {
        let while_on_loopback = || {
            let own = self.listen.ip().is_loopback().then(|| Origin::parse("http://localhost:*"));
            own.flatten().into_iter().collect()
        };
        Cors::new(self.cors_origins.as_deref().or(app).map_or_else(while_on_loopback, <[Origin]>::to_vec))
    }

    /// The size of the change log that nobody holds up.
    pub fn hard_max_bytes(&self) -> u64 {
        self.changes.hard_max_bytes.unwrap_or(self.changes.max_bytes.saturating_mul(2))
    }

    fn contradictions(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.database_url.is_some() && self.secret.is_none() {
            let why = "has to be set with databaseUrl: all nodes of a database share one secret outside of it \
                       (32 random characters or more; BASALT_SECRET or BASALT_SECRET_FILE)";
            problems.push(Problem { key: "secret".into(), origin: "configuration".into(), message: why.into() });
        }
        if self.hard_max_bytes() < self.changes.max_bytes {
            let why = "has to be at least changes.maxBytes".to_owned();
            let (key, origin) = ("changes.hardMaxBytes".into(), "configuration".into());
            problems.push(Problem { key, origin, message: why });
        }
        if let Some(Err(message)) =
            self.secret.as_ref().map(|secret| basalt_app::MasterSecret::from_text(secret.expose()))
        {
            problems.push(Problem { key: "secret".into(), origin: "configuration".into(), message });
        }
        problems
    }
}

/// One setting that can't be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub key: String,
    /// `basalt.toml`, `environment`, `flag`.
    pub origin: String,
    pub message: String,
}

/// All of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "The configuration can't be used:")?;
        for Problem { key, origin, message } in &self.0 {
            write!(f, "\n  {key} ({origin}): {message}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

#[cfg(test)]
mod tests;
