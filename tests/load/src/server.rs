//! The server under measurement, as a process on an empty folder or database.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::error::Result;

const DATABASE: &str = "basalt_bench";
/// Of Linux' times of processes.
const TICK: Duration = Duration::from_millis(10);

pub(crate) enum Database {
    Sqlite,
    /// A URL of the cluster; the bench makes a database of its own there.
    Postgres {
        cluster: String,
    },
}

pub(crate) struct Server {
    child: Child,
    binary: PathBuf,
    folder: TempDir,
    variables: Vec<(&'static str, String)>,
    pub(crate) address: String,
    pub(crate) start_up: Duration,
}

impl Database {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres { .. } => "PostgreSQL",
        }
    }

    /// Empty and fresh; the variables that lead the server there.
    fn prepare(&self) -> Result<Vec<(&'static str, String)>> {
        let Self::Postgres { cluster } = self else { return Ok(Vec::new()) };
        psql(cluster, &format!("drop database if exists {DATABASE} with (force)"))?;
        psql(cluster, &format!("create database {DATABASE}"))?;
        let (base, _) = cluster.rsplit_once('/').ok_or("a URL with a database")?;
        Ok(vec![
            ("BASALT_DATABASE_URL", format!("{base}/{DATABASE}")),
            ("BASALT_SINGLE_NODE", "true".to_owned()),
            ("BASALT_SECRET", "a secret of the bench, which nobody else has to know".to_owned()),
        ])
    }
}

fn psql(url: &str, statement: &str) -> Result<()> {
    let status = Command::new("psql").args(["--no-psqlrc", "--quiet", "--command", statement, url]).status()?;
    if status.success() { Ok(()) } else { Err(format!("{statement}: {status}").into()) }
}

/// The shortest of some starts on an empty folder, from the process's beginning to its first answer.
pub(crate) fn best_start_up(binary: &Path, database: &Database, tries: usize) -> Result<Duration> {
    let mut best = Duration::MAX;
    for _ in 0..tries {
        best = best.min(Server::start(binary, database)?.start_up);
    }
    Ok(best)
}

impl Server {
    pub(crate) fn start(binary: &Path, database: &Database) -> Result<Self> {
        Self::start_with(binary, database, "")
    }

    /// With the text of an `app.toml`.
    pub(crate) fn start_with(binary: &Path, database: &Database, app: &str) -> Result<Self> {
        let (folder, variables) = (tempfile::tempdir()?, database.prepare()?);
        std::fs::write(folder.path().join("app.toml"), app)?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        let mut command = Command::new(binary);
        command
            .args(["serve", "--listen", &address, "--data"])
            .arg(folder.path().join("data"))
            .arg("--app")
            .arg(folder.path());
        command.current_dir(folder.path()).env("BASALT_LOG_LEVEL", "warn").envs(variables.clone());
        command.env_remove("BASALT_TEST_POSTGRES").stdin(Stdio::null()).stdout(Stdio::null());
        let begin = Instant::now();
        let child = command.spawn()?;
        let mut server =
            Self { child, binary: binary.to_owned(), folder, variables, address, start_up: Duration::ZERO };
        while !server.answers() {
            if let Some(status) = server.child.try_wait()? {
                return Err(format!("the server ended with {status}").into());
            }
            if begin.elapsed() > Duration::from_secs(30) {
                return Err("the server isn't ready".into());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        server.start_up = begin.elapsed();
        Ok(server)
    }

    fn answers(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect(&self.address) else { return false };
        let mut answer = [0; 12];
        stream.write_all(b"GET /health/ready HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").is_ok()
            && stream.read_exact(&mut answer).is_ok()
            && &answer == b"HTTP/1.1 200"
    }

    /// A new service key that may do everything.
    pub(crate) fn key(&self) -> Result<String> {
        let mut command = Command::new(&self.binary);
        command.args(["keys", "create", "--scopes", "*", "--data"]).arg(self.data()).envs(self.variables.clone());
        let output = command.env_remove("BASALT_TEST_POSTGRES").current_dir(self.folder.path()).output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let key = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').find(|word| word.starts_with("bst_sk_"));
        Ok(key.ok_or_else(|| format!("no key: {output:?}"))?.to_owned())
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Resident memory in bytes.
    pub(crate) fn memory(&self) -> Result<u64> {
        self.status("VmRSS:")
    }

    /// Memory of the server and of the processes that it started, in bytes; what they share is counted once.
    pub(crate) fn memory_with_children(&self) -> Result<u64> {
        let own = self.child.id();
        let is_child = |pid: u32| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            let parent = stat.rsplit_once(") ").and_then(|(_, fields)| fields.split(' ').nth(1)?.parse::<u32>().ok());
            parent == Some(own)
        };
        let entries = std::fs::read_dir("/proc")?.flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_string_lossy().parse::<u32>().ok());
        let mut kib = proportional(own)?;
        for pid in pids.filter(|pid| is_child(*pid)) {
            kib += proportional(pid)?;
        }
        Ok(kib * 1024)
    }

    /// The most resident memory there was.
    pub(crate) fn peak_memory(&self) -> Result<u64> {
        self.status("VmHWM:")
    }

    fn status(&self, name: &str) -> Result<u64> {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = text.lines().find_map(|line| line.strip_prefix(name)).ok_or("no such line")?;
        let kib: u64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kib * 1024)
    }

    /// The time that its threads ran.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The name in parentheses may hold spaces; of what follows, user and system time are the 12th and 13th.
        let (_, fields) = text.rsplit_once(") ").ok_or("no name")?;
        let ticks: u64 = fields.split(' ').skip(11).take(2).map(str::parse::<u64>).sum::<Result<_, _>>()?;
        Ok(TICK * u32::try_from(ticks)?)
    }

    /// Size of the write-ahead log; 0 on PostgreSQL.
    pub(crate) fn wal_bytes(&self) -> u64 {
        let entries = std::fs::read_dir(self.data()).into_iter().flatten().flatten();
        let logs = entries.filter(|entry| entry.file_name().to_string_lossy().ends_with("-wal"));
        logs.filter_map(|entry| entry.metadata().ok()).map(|metadata| metadata.len()).sum()
    }
}

/// The share of memory that is a process's own, in KiB.
fn proportional(pid: u32) -> Result<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:")).ok_or("no Pss")?;
    Ok(line.trim().trim_end_matches(" kB").trim().parse()?)
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
