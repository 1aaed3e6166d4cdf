//! What the server has to reach, as shares of *hello* in the same run; absolute ones where the promise is absolute.

use std::time::Duration;

use crate::report::EngineReport;

const MEGABYTE: u64 = 1_000_000;

/// The least share of hello, by engine and figure.
const SHARES: [(&str, &str, f64); 6] = [
    ("SQLite", "get", 0.40),
    ("SQLite", "create", 0.25),
    ("SQLite", "list of 20", 0.16),
    ("SQLite", "update", 0.20),
    ("PostgreSQL", "get", 0.18),
    ("PostgreSQL", "create", 0.12),
];
const IDLE_MEMORY: u64 = 30 * MEGABYTE;
const START_UP: Duration = Duration::from_millis(50);
/// While logins run flat out.
const P99_MILLIS: f64 = 200.0;
/// After a million single writes: some checkpoints' worth, not a share of what was written.
const LARGEST_WAL: u64 = 64 * MEGABYTE;

/// The share of hello that a figure has to reach.
pub(crate) fn share(engine: &str, figure: &str) -> Option<f64> {
    SHARES.iter().find(|(of, name, _)| *of == engine && *name == figure).map(|(_, _, share)| *share)
}

/// What one engine missed, in words.
pub(crate) fn missed(report: &EngineReport) -> Vec<String> {
    let mut missed = Vec::new();
    for figure in &report.figures {
        let (Some(least), Some(ratio)) = (share(report.name, &figure.name), figure.ratio_to_hello) else { continue };
        if ratio < least {
            missed.push(format!("{}: {:.1} % of hello instead of {:.0} %", figure.name, ratio * 100.0, least * 100.0));
        }
    }
    if report.beside_logins.p99_millis > P99_MILLIS {
        missed.push(format!("{}: p99 {:.0} ms", report.beside_logins.name, report.beside_logins.p99_millis));
    }
    if report.name == "SQLite" {
        if report.idle_memory > IDLE_MEMORY {
            missed.push(format!("idle memory: {:.1} MB", report.idle_memory as f64 / 1e6));
        }
        if report.start_up > START_UP {
            missed.push(format!("start-up: {} ms", report.start_up.as_millis()));
        }
        if let Some(writes) = report.wal.as_ref().filter(|writes| writes.largest_wal_bytes > LARGEST_WAL) {
            missed.push(format!("write-ahead log: {:.0} MB", writes.largest_wal_bytes as f64 / 1e6));
        }
    }
    missed
}
