//! The two engines, and a database of its own for each test.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// Which database a test runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    pub const BOTH: [Self; 2] = [Self::Sqlite, Self::Postgres];
}

/// A PostgreSQL database that is dropped with this value.
pub struct Database {
    admin: String,
    name: String,
}

impl Database {
    /// Makes an empty one in the cluster that `tests/cluster` started.
    pub fn create() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let admin = cluster_url();
        let name = format!("basalt_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        psql(&admin, &format!("create database {name}"));
        Self { admin, name }
    }

    pub fn url(&self) -> String {
        let (cluster, _) = self.admin.rsplit_once('/').expect("a URL with a database");
        format!("{cluster}/{}", self.name)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        psql(&self.admin, &format!("drop database if exists {} with (force)", self.name));
    }
}

/// Runs one statement through psql and hands back what it printed, unaligned and without headers.
pub fn psql(url: &str, statement: &str) -> String {
    let output = Command::new("psql")
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
