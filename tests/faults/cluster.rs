//! A PostgreSQL cluster of a test's own, which it may stop. Made as `tests/cluster` makes the one of the suites.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

pub(crate) struct Cluster {
    folder: TempDir,
    port: u16,
    programs: PathBuf,
    is_root: bool,
}

impl Cluster {
    /// On a free port, running.
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o711)).expect("its mode");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        drop(listener);
        let id = Command::new("id").arg("-u").output().expect("id");
        let cluster = Self { folder, port, programs: programs(), is_root: id.stdout.trim_ascii() == b"0" };
        if cluster.is_root {
            // The server refuses to run as root.
            let status = Command::new("chown").arg("postgres").arg(cluster.folder.path()).status().expect("chown");
            assert!(status.success(), "chown: {status}");
        }
        let data = cluster.data();
        let data = data.to_str().expect("a path");
        cluster.run(
            "initdb",
            &["-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"],
        );
        cluster.resume();
        cluster
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// As at a crash of the machine that it runs on: connections break.
    pub(crate) fn stop(&self) {
        self.control(&["-m", "immediate", "stop"]);
    }

    pub(crate) fn resume(&self) {
        let (port, folder) = (self.port, self.folder.path().display());
        let options = format!("-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=50");
        let log = self.folder.path().join("log");
        self.control(&["-w", "-l", log.to_str().expect("a path"), "-o", &options, "start"]);
    }

    fn control(&self, arguments: &[&str]) {
        let data = self.data();
        self.run("pg_ctl", &[&["-D", data.to_str().expect("a path")], arguments].concat());
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let program = self.programs.join(program);
        let mut command = if self.is_root {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        let log = std::process::Stdio::null;
        let command = command.args(arguments).current_dir(self.folder.path()).stdin(log()).stdout(log()).stderr(log());
        let status = command.status().expect("a program of PostgreSQL");
        assert!(status.success(), "{arguments:?}: {status}");
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if self.data().join("postmaster.pid").exists() {
            self.stop();
        }
    }
}

fn programs() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL (Debian package postgresql)");
    let version = |path: &Path| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
    let folders = versions.map(|entry| entry.expect("an entry").path());
    folders.max_by_key(|path| version(path)).expect("a version of PostgreSQL").join("bin")
}
