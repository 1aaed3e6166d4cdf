//! The results: a table for people, a file for programs.

#![expect(clippy::print_stdout, reason = "the table is what the program is run for")]

use std::path::Path;
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::error::Result;
use crate::files::Files;
use crate::functions::Functions;
use crate::measure::Figure;
use crate::realtime::Realtime;
use crate::scenarios::MillionWrites;
use crate::targets;

pub(crate) struct Report {
    cores: usize,
    connections: usize,
    documents: usize,
    engines: Vec<EngineReport>,
}

pub(crate) struct EngineReport {
    pub(crate) name: &'static str,
    pub(crate) requests: Option<Requests>,
    pub(crate) realtime: Option<Realtime>,
    pub(crate) files: Option<Files>,
    pub(crate) functions: Option<Functions>,
}

/// One file of results.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct File<'r, T: Serialize> {
    cores: usize,
    connections: usize,
    documents: usize,
    engines: Vec<Rows<'r, T>>,
}

/// What was measured on one engine.
#[derive(Serialize)]
struct Rows<'r, T: Serialize> {
    name: &'static str,
    #[serde(flatten)]
    rows: &'r T,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Requests {
    #[serde(rename = "startUpMillis", serialize_with = "millis")]
    pub(crate) start_up: Duration,
    #[serde(rename = "idleMemoryBytes")]
    pub(crate) idle_memory: u64,
    #[serde(rename = "peakMemoryBytes")]
    pub(crate) peak_memory: u64,
    pub(crate) wal_bytes: u64,
    pub(crate) figures: Vec<Figure>,
    pub(crate) beside_logins: Figure,
    #[serde(rename = "millionWrites", skip_serializing_if = "Option::is_none")]
    pub(crate) wal: Option<MillionWrites>,
}

fn millis<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64() * 1000.0)
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

impl Report {
    pub(crate) fn new(connections: usize, documents: usize, engines: Vec<EngineReport>) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self { cores, connections, documents, engines }
    }

    /// As Markdown, to be copied into docs/performance.md.
    pub(crate) fn print(&self) {
        println!(
            "\n{} cores shared by server and client, {} connections, {} documents of about 600 bytes\n",
            self.cores, self.connections, self.documents
        );
        if self.requests().next().is_some() {
            self.print_requests();
        }
        if self.engines.iter().any(|engine| engine.realtime.is_some()) {
            self.print_realtime();
        }
        if self.engines.iter().any(|engine| engine.files.is_some()) {
            self.print_files();
        }
        if self.engines.iter().any(|engine| engine.functions.is_some()) {
            self.print_functions();
        }
        for engine in &self.engines {
            for missed in targets::missed(engine) {
                println!("\nmissed on {}: {missed}", engine.name);
            }
        }
    }

    fn requests(&self) -> impl Iterator<Item = (&'static str, &Requests)> {
        self.engines.iter().filter_map(|engine| Some((engine.name, engine.requests.as_ref()?)))
    }

    fn print_requests(&self) {
        println!(
            "| engine | | per second | of hello | wanted | p50 ms | p99 ms | refused |\n| --- | --- | --- | --- | --- | --- | --- | --- |"
        );
        for (name, engine) in self.requests() {
            for figure in engine.figures.iter().chain([&engine.beside_logins]) {
                let percent =
                    |share: Option<f64>| share.map_or_else(String::new, |share| format!("{:.1} %", share * 100.0));
                let (ratio, wanted) = (percent(figure.ratio_to_hello), percent(targets::share(name, &figure.name)));
                println!(
                    "| {} | {} | {:.0} | {ratio} | {wanted} | {:.2} | {:.2} | {} |",
                    name, figure.name, figure.per_second, figure.p50_millis, figure.p99_millis, figure.refused
                );
            }
        }
        println!(
            "\n| engine | start-up ms | memory idle MB | peak MB | write-ahead log MB |\n| --- | --- | --- | --- | --- |"
        );
        for (name, engine) in self.requests() {
            let wal = engine.wal.as_ref().map_or(engine.wal_bytes, |writes| writes.largest_wal_bytes);
            println!(
                "| {} | {:.0} | {:.1} | {:.1} | {:.1} |",
                name,
                engine.start_up.as_secs_f64() * 1000.0,
                megabytes(engine.idle_memory),
                megabytes(engine.peak_memory),
                megabytes(wal)
            );
        }
    }

    fn print_realtime(&self) {
        println!("\n| engine | live queries | reached | wanted |\n| --- | --- | --- | --- |");
        for engine in &self.engines {
            for reached in engine.realtime.iter().flat_map(|realtime| targets::realtime(engine.name, realtime)) {
                println!("| {} | {} | {} | {} |", engine.name, reached.what, reached.value(), reached.wanted());
            }
        }
    }

    fn print_files(&self) {
        println!("\n| engine | files | reached | wanted |\n| --- | --- | --- | --- |");
        for engine in &self.engines {
            for reached in engine.files.iter().flat_map(targets::files) {
                println!("| {} | {} | {} | {} |", engine.name, reached.what, reached.value(), reached.wanted());
            }
        }
    }

    fn print_functions(&self) {
        println!("\n| engine | functions | reached | wanted |\n| --- | --- | --- | --- |");
        for engine in &self.engines {
            for reached in engine.functions.iter().flat_map(targets::functions) {
                println!("| {} | {} | {} | {} |", engine.name, reached.what, reached.value(), reached.wanted());
            }
        }
    }

    /// Whether every engine reached what it has to.
    pub(crate) fn reached(&self) -> bool {
        self.engines.iter().all(|engine| targets::missed(engine).is_empty())
    }

    /// What wasn't measured keeps the results that it has.
    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        std::fs::create_dir_all(folder)?;
        self.write_part(&folder.join("bench.json"), |engine| engine.requests.as_ref())?;
        self.write_part(&folder.join("files.json"), |engine| engine.files.as_ref())?;
        self.write_part(&folder.join("functions.json"), |engine| engine.functions.as_ref())?;
        self.write_part(&folder.join("realtime.json"), |engine| engine.realtime.as_ref())
    }

    fn write_part<T: Serialize>(&self, path: &Path, part: impl Fn(&EngineReport) -> Option<&T>) -> Result<()> {
        let engines: Vec<_> =
            self.engines.iter().filter_map(|engine| Some(Rows { name: engine.name, rows: part(engine)? })).collect();
        if !engines.is_empty() {
            let Self { cores, connections, documents, .. } = *self;
            let file = File { cores, connections, documents, engines };
            std::fs::write(path, serde_json::to_string_pretty(&file)? + "\n")?;
        }
        Ok(())
    }
}
