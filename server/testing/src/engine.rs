//! The two engines, and a database of its own for each test.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, LazyLock, OnceLock};
use std::time::Duration;

use basalt_store::{LogLimits, Options, Store};

use crate::outside::{ManualClock, SeededRandom};

/// Which database a test runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    pub const BOTH: [Self; 2] = [Self::Sqlite, Self::Postgres];
}

/// A PostgreSQL database that is dropped soon after this value; what is left at the end goes with the cluster.
pub struct Database {
    admin: String,
    name: String,
}

impl Database {
    /// Makes an empty one in the cluster that `tests/cluster` started.
    pub fn create() -> Self {
        Self::create_as("")
    }

    /// Makes one that has this binary's schema already, as on the second start of a server. What all have is made once a
    /// process, and copied.
    pub fn with_schema() -> Self {
        // Nothing drops it: it goes with the cluster.
        static TEMPLATE: OnceLock<Database> = OnceLock::new();
        let template = TEMPLATE.get_or_init(|| {
            let template = Self::create();
            migrate(template.url());
            template
        });
        // Its files are copied as they are, with what PostgreSQL notes beside them for the next connection.
        Self::create_as(&format!("template {} strategy file_copy", template.name))
    }

    fn create_as(options: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let admin = cluster_url();
        let name = format!("basalt_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        psql(&admin, &format!("create database {name} {options}"));
        Self { admin, name }
    }

    pub fn url(&self) -> String {
        let (cluster, _) = self.admin.rsplit_once('/').expect("a URL with a database");
        format!("{cluster}/{}", self.name)
    }
}

impl Drop for Database {
    /// A checkpoint comes with it, which no test has to wait for.
    fn drop(&mut self) {
        static DROPPING: LazyLock<Sender<(String, String)>> = LazyLock::new(|| {
            let (send, dropped) = mpsc::channel::<(String, String)>();
            std::thread::spawn(move || {
                for (admin, name) in dropped {
                    psql(&admin, &format!("drop database if exists {name} with (force)"));
                }
            });
            send
        });
        // A drop that failed has told so, and ended the thread; the cluster is thrown away in any case.
        let _ = DROPPING.send((self.admin.clone(), self.name.clone()));
    }
}

/// Opens a store there, which makes its tables, and closes it.
fn migrate(url: String) {
    let day = Duration::from_hours(24);
    let options = Options {
        engine: basalt_store::Engine::Postgres { url, max_connections: 8 },
        clock: Arc::new(ManualClock::new()),
        random: Arc::new(SeededRandom::new(0)),
        log_limits: LogLimits { max_age: day, max_bytes: 1 << 20, hard_max_bytes: 2 << 20, reader_idle: day },
    };
    // The test that comes first is on a runtime of its own.
    let migrated = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async { Store::open(options).await.expect("a store").close().await });
    });
    migrated.join().expect("a database with tables");
}

/// Runs one statement through psql and hands back what it printed, unaligned and without headers.
pub fn psql(url: &str, statement: &str) -> String {
    let output = Command::new(psql_itself())
        .args([
            "--no-psqlrc",
            "--quiet",
            "--tuples-only",
            "--no-align",
            "--set=ON_ERROR_STOP=1",
            "--command",
            statement,
            url,
        ])
        .output()
        .expect("psql (Debian package postgresql-client)");
    assert!(output.status.success(), "{statement}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The program itself: Debian's `psql` is a script of Perl's that looks for it, which takes several times as long.
fn psql_itself() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
        let number = |path: &Path| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
        let newest = versions.map(|entry| entry.path()).max_by_key(|path| number(path));
        let program = newest.map(|folder| folder.join("bin/psql")).filter(|program| program.exists());
        program.unwrap_or_else(|| "psql".into())
    })
}

#[expect(clippy::disallowed_methods, reason = "tests are the outside: tests/cluster tells them where its cluster is")]
pub fn cluster_url() -> String {
    std::env::var("BASALT_TEST_POSTGRES")
        .expect("BASALT_TEST_POSTGRES is not set: run through tests/cluster, as in `tests/cluster cargo test`")
}

/// Whether the long loops were asked for (`make test-long`).
#[expect(clippy::disallowed_methods, reason = "tests are the outside: make test-long says so by the environment")]
pub fn is_long() -> bool {
    std::env::var_os("BASALT_TEST_LONG").is_some()
}
