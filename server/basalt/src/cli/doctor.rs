//! `basalt doctor`: what can be wrong with a deployment, looked at piece by piece. It changes nothing.

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use basalt_core::{Clock, Error, Result, Timestamp};
use basalt_store::{Examined, Store};
use serde_json::{Value, json};

use super::Failure;
use super::arguments::Doctor;
use super::output::Output;
use super::remote::perform;
use crate::admin::{self, AdminCommand};
use crate::configuration::Configuration;
use crate::outside::Outside;
use crate::wire::{self, told};

/// Below this a disk is as good as full.
const LEAST_FREE: u64 = 256 << 20;
/// The server was built after this.
const BUILT_AFTER: Timestamp = Timestamp::from_millis(1_760_000_000_000);
/// How far the clock may be off the database's.
const MOST_SKEW_MILLIS: u64 = 5_000;
/// How far behind the last write it may be.
const MOST_AHEAD_MILLIS: i64 = 5_000;

struct Check {
    name: &'static str,
    outcome: Result<String>,
}

/// Fails if one of the checks does.
pub(super) async fn run(
    command: &Doctor,
    configuration: &Configuration,
    outside: Outside,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let database = database(configuration).await;
    let time = database.as_ref().ok().and_then(|database| database.time);
    let mut checks = vec![
        // It was read before anything else: were it bad, nobody would be here.
        Check { name: "configuration", outcome: Ok(describe(configuration)) },
        Check { name: "database", outcome: database.map(|database| database.told) },
        Check { name: "clock", outcome: clock(&configuration.data, &*outside.clock, time) },
        Check { name: "disk", outcome: disk(&configuration.data) },
    ];
    if command.files {
        checks.push(Check { name: "files", outcome: files(configuration, &outside).await });
    }
    let well = checks.iter().all(|check| check.outcome.is_ok());
    let shown: Vec<Value> = checks.iter().map(Check::to_json).collect();
    output.result(&json!({ "well": well, "checks": shown }), || {
        checks.iter().map(Check::told).collect::<Vec<_>>().join("\n")
    });
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Check {
    fn to_json(&self) -> Value {
        match &self.outcome {
            Ok(detail) => json!({ "name": self.name, "ok": true, "detail": detail }),
            Err(error) => json!({ "name": self.name, "ok": false, "detail": told(error) }),
        }
    }

    fn told(&self) -> String {
        match &self.outcome {
            Ok(detail) => format!("ok    {}: {detail}", self.name),
            Err(error) => format!("FAIL  {}: {}", self.name, told(error)),
        }
    }
}

/// Every file is looked for; bytes that no file has are told, since the sweep takes them.
async fn files(configuration: &Configuration, outside: &Outside) -> Result<String> {
    let answer = perform(AdminCommand::FilesVerify, configuration, outside).await?;
    let lost: Vec<&str> = answer["lost"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let (files, bytes, unknown) = (&answer["files"], &answer["bytes"], &answer["unknown"]);
    if lost.is_empty() {
        return Ok(format!("{files} files of {bytes} bytes are whole; {unknown} blobs are no file's"));
    }
    Err(Error::internal(format!("of {files} files these lack their bytes: {}", lost.join(", "))))
}

fn describe(configuration: &Configuration) -> String {
    let database = if configuration.database_url.is_some() { "PostgreSQL" } else { "SQLite" };
    format!("{database}, data in {}, listening on {}", configuration.data.display(), configuration.listen)
}

/// What was found out about the database.
struct Database {
    told: String,
    /// What its own clock says, where it has one.
    time: Option<Timestamp>,
}

/// A running server is asked; else the database is looked at as it is: nothing is made and nothing is migrated.
async fn database(configuration: &Configuration) -> Result<Database> {
    if configuration.database_url.is_none()
        && let Some(answer) = admin::send(&configuration.data, &AdminCommand::Doctor).await?
    {
        let not_ready = answer["indexesNotReady"].as_array().map_or(0, Vec::len);
        let told = format!("answers in {} µs, {not_ready} indexes not ready", answer["databaseMicros"]);
        return Ok(Database { told, time: None });
    }
    let asked = Instant::now();
    let Examined { plan, time } = Store::examine(&wire::engine(configuration)).await?;
    let told = match (plan.current, plan.pending.len()) {
        (0, _) => "there is none yet; serve makes it".to_owned(),
        (current, 0) => format!("at version {current}, answers in {} ms", asked.elapsed().as_millis()),
        (current, _) => format!("at version {current}; serve brings it to {}", plan.target),
    };
    Ok(Database { told, time })
}

/// The clock against the database's, which may be another machine's; with SQLite against the last write to its file.
fn clock(data: &Path, clock: &dyn Clock, database: Option<Timestamp>) -> Result<String> {
    let now = clock.now();
    if now < BUILT_AFTER {
        return Err(Error::internal(format!("it is not {now}")));
    }
    if let Some(other) = database.filter(|other| other.millis().abs_diff(now.millis()) > MOST_SKEW_MILLIS) {
        return Err(Error::internal(format!("the clock says {now}, the database's {other}")));
    }
    if let Some(written) = last_write(data).filter(|written| written.millis() > now.millis() + MOST_AHEAD_MILLIS) {
        return Err(Error::internal(format!("the clock says {now}, and the database was written at {written}")));
    }
    Ok(format!("{now}"))
}

fn last_write(data: &Path) -> Option<Timestamp> {
    let files = ["data.db", "data.db-wal"].map(|name| std::fs::metadata(data.join(name)).ok()?.modified().ok());
    let written = files.into_iter().flatten().max()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    i64::try_from(written.as_millis()).ok().map(Timestamp::from_millis)
}

/// Of the data folder, or of the one that it will be made in.
fn disk(data: &Path) -> Result<String> {
    let current = Path::new(".");
    let place = data.ancestors().find(|path| path.is_dir()).unwrap_or(current);
    let failed = |error| Error::internal(format!("{}: {error}", place.display()));
    rustix::fs::access(place, rustix::fs::Access::WRITE_OK).map_err(failed)?;
    let status = rustix::fs::statvfs(place).map_err(failed)?;
    let free = status.f_bavail.saturating_mul(status.f_frsize);
    let told = format!("{} MiB free in {}", free >> 20, place.display());
    if free < LEAST_FREE { Err(Error::internal(told)) } else { Ok(told) }
}
