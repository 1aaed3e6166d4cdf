//! What the server has to reach, as shares of *hello* in the same run; absolute ones where the promise is absolute.

use std::time::Duration;

use crate::files::Files;
use crate::functions::Functions;
use crate::realtime::{Burst, FanOut, Filters, Idle, Owners, Realtime};
use crate::report::{EngineReport, Requests};

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
/// After a million single writes: some checkpoints' worth, not a share of what was written. The log is cut where it is
/// seen to be longer than 64 MiB.
const LARGEST_WAL: u64 = 80 * MEGABYTE;

/// The share of hello that a figure has to reach.
pub(crate) fn share(engine: &str, figure: &str) -> Option<f64> {
    SHARES.iter().find(|(of, name, _)| *of == engine && *name == figure).map(|(_, _, share)| *share)
}

/// A bound of what has to be reached.
#[derive(Clone, Copy)]
pub(crate) enum Bound {
    Most(f64),
    Least(f64),
}

/// One row of live queries, and what it has to be.
pub(crate) struct Reached {
    pub(crate) what: String,
    value: f64,
    unit: &'static str,
    bound: Option<Bound>,
}

impl Reached {
    pub(crate) fn value(&self) -> String {
        format!("{:.*} {}", if self.value < 100.0 { 2 } else { 0 }, self.value, self.unit).trim_end().to_owned()
    }

    pub(crate) fn wanted(&self) -> String {
        let text = match self.bound {
            None => return String::new(),
            Some(Bound::Most(most)) => format!("≤ {most} {}", self.unit),
            Some(Bound::Least(least)) => format!("≥ {least} {}", self.unit),
        };
        text.trim_end().to_owned()
    }

    fn is_missed(&self) -> bool {
        match self.bound {
            None => false,
            Some(Bound::Most(most)) => self.value > most,
            Some(Bound::Least(least)) => self.value < least,
        }
    }
}

/// The rows of live queries. The times are promised for SQLite: PostgreSQL takes its part of the same two cores.
pub(crate) fn realtime(engine: &str, rows: &Realtime) -> Vec<Reached> {
    let row = |what: &str, value: f64, unit: &'static str, bound: Option<Bound>| {
        let bound = bound.filter(|_| engine == "SQLite" || unit.is_empty());
        Reached { what: what.to_owned(), value, unit, bound }
    };
    let (most, least) = (|most: f64| Some(Bound::Most(most)), |least: f64| Some(Bound::Least(least)));
    let mut all = Vec::new();
    for FanOut { subscribers, lost, p50_millis, p99_millis, cpu_micros, bytes_a_connection, .. } in &rows.fan_out {
        let name = format!("{subscribers} subscribers, a change each 100 ms:");
        let p99 = if *subscribers > 1_000 { 60.0 } else { 15.0 };
        all.push(row(&format!("{name} lost"), *lost as f64, "", most(0.0)));
        all.push(row(&format!("{name} p50"), *p50_millis, "ms", None));
        all.push(row(&format!("{name} p99"), *p99_millis, "ms", most(p99)));
        all.push(row(&format!("{name} CPU a delivery"), *cpu_micros, "µs", None));
        if let Some(bytes) = bytes_a_connection {
            let name = format!("{subscribers} subscribers: memory a connection");
            all.push(row(&name, *bytes as f64 / 1024.0, "KiB", most(20.0)));
        }
    }
    let Burst { subscribers, writes, lost, per_second } = &rows.burst;
    let name = format!("{writes} writes at once, {subscribers} subscribers:");
    all.push(row(&format!("{name} lost"), *lost as f64, "", most(0.0)));
    all.push(row(&format!("{name} deliveries"), *per_second, "/s", least(400_000.0)));
    if let Some(Owners { subscribers, lost, evaluations_a_change, p99_millis, .. }) = &rows.owners {
        let name = format!("{subscribers} users, each watching what is his:");
        all.push(row(&format!("{name} lost"), *lost as f64, "", most(0.0)));
        all.push(row(&format!("{name} evaluations a change"), *evaluations_a_change, "", most(50.0)));
        all.push(row(&format!("{name} p99"), *p99_millis, "ms", None));
    }
    if let Some(Filters { count, lost, evaluations_a_change, cpu_millis_a_change, .. }) = &rows.filters {
        let name = format!("{count} filters that no equality narrows:");
        all.push(row(&format!("{name} lost"), *lost as f64, "", most(0.0)));
        all.push(row(&format!("{name} evaluations a change"), *evaluations_a_change, "", None));
        all.push(row(&format!("{name} CPU a change"), *cpu_millis_a_change, "ms", most(20.0)));
    }
    if let Some(Idle { subscribers, alone_per_second, beside_per_second, loss }) = &rows.idle {
        all.push(row("32 writers alone", *alone_per_second, "/s", None));
        let name = format!("32 writers beside {subscribers} idle subscribers");
        all.push(row(&name, *beside_per_second, "/s", None));
        all.push(row(&format!("{name}: loss"), *loss * 100.0, "%", most(10.0)));
    }
    all
}

/// The rows of files.
pub(crate) fn files(rows: &Files) -> Vec<Reached> {
    let row = |what: &str, value: f64, unit: &'static str, bound: Option<Bound>| Reached {
        what: what.to_owned(),
        value,
        unit,
        bound,
    };
    let (most, least) = (|most: f64| Some(Bound::Most(most)), |least: f64| Some(Bound::Least(least)));
    let Files { upload, download, small, picture_millis, cached, hello } = rows;
    vec![
        row("100 MB up", upload.ours / 1e6, "MB/s", None),
        row("… of a plain handler", upload.ratio() * 100.0, "%", least(60.0)),
        row("100 MB down", download.ours / 1e6, "MB/s", None),
        row("… of a plain handler", download.ratio() * 100.0, "%", least(60.0)),
        row("files of 4 KB up", small.per_second, "/s", least(1_000.0)),
        row("… refused", small.refused as f64, "", most(0.0)),
        row("a JPEG of 4000 × 3000 as a WebP 400 wide", *picture_millis, "ms", most(150.0)),
        row("the same again", cached.per_second, "/s", None),
        row("… of hello", rows.cached_ratio() * 100.0, "%", least(40.0)),
        row("hello", hello.per_second, "/s", None),
    ]
}

/// The rows of functions.
pub(crate) fn functions(rows: &Functions) -> Vec<Reached> {
    let row = |what: &str, value: f64, unit: &'static str, bound: Option<Bound>| Reached {
        what: what.to_owned(),
        value,
        unit,
        bound,
    };
    let (most, least) = (|most: f64| Some(Bound::Most(most)), |least: f64| Some(Bound::Least(least)));
    let Functions { calls, starts, events, backlog, harm, deploys } = rows;
    vec![
        row("a warm call, a second", calls.echo.per_second, "/s", None),
        row("… of hello", calls.ratio() * 100.0, "%", least(8.0)),
        row("… one at a time: p50", calls.alone_p50_micros, "µs", None),
        row("… beside what the runtime takes: p50", calls.overhead_micros(), "µs", most(300.0)),
        row("a first call in a worker that lives, beside a warm one", starts.cold_millis(), "ms", most(2.0)),
        row("a first call that has a worker started, beside a warm one", starts.worker_millis(), "ms", most(20.0)),
        row("a call in an instance of its own: p50", starts.fresh_p50, "ms", None),
        row("a WebAssembly guest in an instance of its own: p50", starts.guest_p50, "ms", most(0.2)),
        row("500 changes a second, from commit to function: p50", events.p50_millis, "ms", None),
        row("… p99", events.p99_millis, "ms", most(25.0)),
        row("… lost", events.lost as f64, "", most(0.0)),
        row("a backlog of 100,000 events, a second", backlog.per_second(), "/s", None),
        row("… the slowest piece of the whole", backlog.steadiness() * 100.0, "%", least(50.0)),
        row("gets beside code that means harm: p99", harm.gets.p99_millis, "ms", most(200.0)),
        row("… calls of another function: p99", harm.calls.p99_millis, "ms", most(200.0)),
        row("… refused", (harm.gets.refused + harm.calls.refused) as f64, "", most(0.0)),
        row("1,000 functions, each called once: memory", deploys.memory_bytes as f64 / 1e6, "MB", most(512.0)),
        row("deploying one of them: p50", deploys.deploy_p50_millis, "ms", most(300.0)),
    ]
}

/// What one engine missed, in words.
pub(crate) fn missed(report: &EngineReport) -> Vec<String> {
    let mut missed =
        report.requests.as_ref().map(|requests| requests_missed(report.name, requests)).unwrap_or_default();
    let rows = report.realtime.iter().flat_map(|rows| realtime(report.name, rows));
    let rows = rows.chain(report.files.iter().flat_map(files)).chain(report.functions.iter().flat_map(functions));
    missed.extend(rows.filter(Reached::is_missed).map(|row| {
        let (value, wanted) = (row.value(), row.wanted());
        format!("{} {value}, wanted: {wanted}", row.what)
    }));
    missed
}

fn requests_missed(engine: &str, report: &Requests) -> Vec<String> {
    let mut missed = Vec::new();
    for figure in &report.figures {
        let (Some(least), Some(ratio)) = (share(engine, &figure.name), figure.ratio_to_hello) else { continue };
        if ratio < least {
            missed.push(format!("{}: {:.1} % of hello instead of {:.0} %", figure.name, ratio * 100.0, least * 100.0));
        }
    }
    if report.beside_logins.p99_millis > P99_MILLIS {
        missed.push(format!("{}: p99 {:.0} ms", report.beside_logins.name, report.beside_logins.p99_millis));
    }
    if engine == "SQLite" {
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
