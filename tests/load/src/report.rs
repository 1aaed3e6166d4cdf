//! The results: a table for people, a file for programs.

#![expect(clippy::print_stdout, reason = "the table is what the program is run for")]

use std::path::Path;
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::error::Result;
use crate::measure::Figure;
use crate::scenarios::MillionWrites;
use crate::targets;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    cores: usize,
    connections: usize,
    documents: usize,
    engines: Vec<EngineReport>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EngineReport {
    pub(crate) name: &'static str,
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
        println!(
            "| engine | | per second | of hello | wanted | p50 ms | p99 ms | refused |\n| --- | --- | --- | --- | --- | --- | --- | --- |"
        );
        for engine in &self.engines {
            for figure in engine.figures.iter().chain([&engine.beside_logins]) {
                let percent =
                    |share: Option<f64>| share.map_or_else(String::new, |share| format!("{:.1} %", share * 100.0));
                let (ratio, wanted) =
                    (percent(figure.ratio_to_hello), percent(targets::share(engine.name, &figure.name)));
                println!(
                    "| {} | {} | {:.0} | {ratio} | {wanted} | {:.2} | {:.2} | {} |",
                    engine.name, figure.name, figure.per_second, figure.p50_millis, figure.p99_millis, figure.refused
                );
            }
        }
        println!(
            "\n| engine | start-up ms | memory idle MB | peak MB | write-ahead log MB |\n| --- | --- | --- | --- | --- |"
        );
        for engine in &self.engines {
            let wal = engine.wal.as_ref().map_or(engine.wal_bytes, |writes| writes.largest_wal_bytes);
            println!(
                "| {} | {:.0} | {:.1} | {:.1} | {:.1} |",
                engine.name,
                engine.start_up.as_secs_f64() * 1000.0,
                megabytes(engine.idle_memory),
                megabytes(engine.peak_memory),
                megabytes(wal)
            );
        }
        for engine in &self.engines {
            for missed in targets::missed(engine) {
                println!("\nmissed on {}: {missed}", engine.name);
            }
        }
    }

    /// Whether every engine reached what it has to.
    pub(crate) fn reached(&self) -> bool {
        self.engines.iter().all(|engine| targets::missed(engine).is_empty())
    }

    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        std::fs::create_dir_all(folder)?;
        std::fs::write(folder.join("bench.json"), serde_json::to_string_pretty(self)? + "\n")?;
        Ok(())
    }
}
