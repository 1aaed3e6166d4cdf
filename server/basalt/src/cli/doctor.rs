//! `basalt doctor`: what can be wrong with a deployment, looked at piece by piece.

use std::path::Path;
use std::process::ExitCode;

use basalt_core::{Clock, Error, Result, Timestamp};
use serde_json::{Value, json};

use super::Failure;
use super::output::Output;
use super::remote::perform;
use crate::admin::AdminCommand;
use crate::configuration::Configuration;
use crate::outside::Outside;
use crate::wire::told;

/// Below this a disk is as good as full.
const LEAST_FREE: u64 = 256 << 20;
/// The server was built after this.
const BUILT_AFTER: Timestamp = Timestamp::from_millis(1_760_000_000_000);
/// How far the clock may be off the file system's.
const MOST_SKEW_MILLIS: u64 = 5_000;

struct Check {
    name: &'static str,
    outcome: Result<String>,
}

/// Fails if one of the checks does.
pub(super) async fn run(configuration: &Configuration, outside: Outside, output: &Output) -> Result<ExitCode, Failure> {
    let checks = [
        // It was read before anything else: were it bad, nobody would be here.
        Check { name: "configuration", outcome: Ok(describe(configuration)) },
        Check { name: "database", outcome: database(configuration, &outside).await },
        Check { name: "clock", outcome: clock(&configuration.data, &*outside.clock) },
        Check { name: "disk", outcome: disk(&configuration.data) },
    ];
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

fn describe(configuration: &Configuration) -> String {
    let database = if configuration.database_url.is_some() { "PostgreSQL" } else { "SQLite" };
    format!("{database}, data in {}, listening on {}", configuration.data.display(), configuration.listen)
}

async fn database(configuration: &Configuration, outside: &Outside) -> Result<String> {
    let answer = perform(AdminCommand::Doctor, configuration, outside).await?;
    let not_ready = answer["indexesNotReady"].as_array().map_or(0, Vec::len);
    Ok(format!("answers in {} µs, {not_ready} indexes not ready", answer["databaseMicros"]))
}

/// The clock against the time that the file system gives a new file (another machine's, where it is a network's).
fn clock(data: &Path, clock: &dyn Clock) -> Result<String> {
    let now = clock.now();
    if now < BUILT_AFTER {
        return Err(Error::internal(format!("it is not {now}")));
    }
    let file = tempfile_in(data)?;
    let failed = |error: std::io::Error| Error::internal(error);
    let written = std::fs::metadata(&file).and_then(|metadata| metadata.modified());
    std::fs::remove_file(&file).map_err(failed)?;
    let written = written.map_err(failed)?.duration_since(std::time::UNIX_EPOCH).map_err(Error::internal)?;
    let written = Timestamp::from_millis(i64::try_from(written.as_millis()).unwrap_or(i64::MAX));
    let skew = written.millis().abs_diff(now.millis());
    if skew > MOST_SKEW_MILLIS {
        return Err(Error::internal(format!("the clock says {now}, the file system {written}")));
    }
    Ok(format!("{now}"))
}

fn tempfile_in(data: &Path) -> Result<std::path::PathBuf> {
    let failed = |error: std::io::Error| Error::internal(format!("{} can't be written: {error}", data.display()));
    std::fs::create_dir_all(data).map_err(failed)?;
    let path = data.join(format!("doctor-{}.tmp", std::process::id()));
    std::fs::write(&path, b"written by basalt doctor").map_err(failed)?;
    Ok(path)
}

fn disk(data: &Path) -> Result<String> {
    let status = rustix::fs::statvfs(data).map_err(|error| Error::internal(format!("{}: {error}", data.display())))?;
    let free = status.f_bavail.saturating_mul(status.f_frsize);
    let told = format!("{} MiB free in {}", free >> 20, data.display());
    if free < LEAST_FREE { Err(Error::internal(told)) } else { Ok(told) }
}
