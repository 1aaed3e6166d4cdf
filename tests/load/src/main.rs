//! `make bench`: starts the release server on each engine and measures it from the same machine.
//!
//! Every figure is shown with its ratio to *hello*, a fixed answer through the whole middleware, taken in the same run:
//! ratios move far less from machine to machine than absolute figures.

mod connection;
mod error;
mod files;
mod functions;
mod measure;
mod realtime;
mod report;
mod scenarios;
mod seed;
mod server;
mod targets;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use rustix::process::{Resource, getrlimit, setrlimit};

use crate::error::Result;
use crate::report::{EngineReport, Report, Requests};
use crate::server::{Database, Server};

#[derive(Parser)]
struct Arguments {
    /// The server's binary, built for release.
    #[arg(long)]
    server: PathBuf,
    /// The folder that bench.json is written to.
    #[arg(long)]
    out: PathBuf,
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 8)]
    seconds: u64,
    #[arg(long, default_value_t = 100_000)]
    documents: usize,
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// Only these measurements, for a look at one of them with a profiler: get,create …
    #[arg(long, value_delimiter = ',')]
    figures: Vec<String>,
    /// Also a million single writes on SQLite, watching the write-ahead log.
    #[arg(long)]
    million: bool,
    /// Measure these rows alone.
    #[arg(long, value_enum)]
    only: Option<Part>,
    /// A PostgreSQL cluster; without it SQLite alone is measured.
    #[arg(long, env = "BASALT_TEST_POSTGRES")]
    postgres: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    Requests,
    Realtime,
    Files,
    Functions,
}

fn main() -> Result<()> {
    // What files are compared with is this program, too, in a process of its own.
    if let Some(path) = plain() {
        return files::plain::serve(path);
    }
    let mut arguments = Arguments::parse();
    // Servers run in folders of their own.
    let path = arguments.server.canonicalize();
    arguments.server = path.map_err(|error| format!("{}: {error}", arguments.server.display()))?;
    allow_many_connections()?;
    // One thread: the server has the rest of the machine.
    runtime()?.block_on(run(&arguments))
}

fn plain() -> Option<PathBuf> {
    let mut arguments = std::env::args_os().skip(1);
    (arguments.next()? == "--plain").then(|| arguments.next().map(PathBuf::from))?
}

/// Of one thread, which takes up what came many at a time.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .event_interval(1_024)
        .max_io_events_per_tick(1_024)
        .build()
}

async fn run(arguments: &Arguments) -> Result<()> {
    let mut engines = vec![measure_engine(arguments, Database::Sqlite).await?];
    if let Some(cluster) = &arguments.postgres {
        engines.push(measure_engine(arguments, Database::Postgres { cluster: cluster.clone() }).await?);
    }
    let report = Report::new(arguments.connections, arguments.documents, engines);
    report.print();
    report.write(&arguments.out)?;
    if report.reached() { Ok(()) } else { Err("a target was missed (absolute figures need a quiet machine)".into()) }
}

/// As many open files as the system lets a process have.
fn allow_many_connections() -> Result<()> {
    let mut limits = getrlimit(Resource::Nofile);
    limits.current = limits.maximum;
    Ok(setrlimit(Resource::Nofile, limits)?)
}

async fn measure_engine(arguments: &Arguments, database: Database) -> Result<EngineReport> {
    let name = database.name();
    let requests = match arguments.only {
        Some(Part::Realtime | Part::Files | Part::Functions) => None,
        _ => Some(measure_requests(arguments, &database).await?),
    };
    let realtime = match arguments.only {
        Some(Part::Requests | Part::Files | Part::Functions) => None,
        _ => Some(realtime::measure(&arguments.server, &database).await?),
    };
    // Their bytes are the same ones on either.
    let files = match (arguments.only, &database) {
        (None | Some(Part::Files), Database::Sqlite) => {
            let seconds = Duration::from_secs(arguments.seconds);
            Some(files::measure(&arguments.server, arguments.connections, seconds).await?)
        }
        _ => None,
    };
    let functions = match (arguments.only, &database) {
        (None | Some(Part::Functions), Database::Sqlite) => {
            let seconds = Duration::from_secs(arguments.seconds);
            Some(functions::measure(&arguments.server, &database, arguments.connections, seconds).await?)
        }
        _ => None,
    };
    Ok(EngineReport { name, requests, realtime, files, functions })
}

async fn measure_requests(arguments: &Arguments, database: &Database) -> Result<Requests> {
    let start_up = server::best_start_up(&arguments.server, database, 3)?;
    let server = Server::start(&arguments.server, database)?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let idle_memory = server.memory()?;
    let seed = seed::fill(&server, arguments.documents).await?;
    let seconds = Duration::from_secs(arguments.seconds);
    let figures = scenarios::all(&server, &seed, arguments.connections, seconds, &arguments.figures).await?;
    let seconds = if arguments.figures.is_empty() { seconds } else { Duration::from_secs(1) };
    let beside_logins = scenarios::get_beside_logins(&server, &seed, arguments.connections, seconds).await?;
    let wal = match (database, arguments.million) {
        (Database::Sqlite, true) => Some(scenarios::million_writes(&server, &seed, arguments.connections).await?),
        _ => None,
    };
    let (peak_memory, wal_bytes) = (server.peak_memory()?, server.wal_bytes());
    Ok(Requests { start_up, idle_memory, peak_memory, wal_bytes, figures, beside_logins, wal })
}
