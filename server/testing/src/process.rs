//! The built binary as a process of its own: for what kills it, restarts it, or uses its command line.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::client::Client;
use crate::engine::{Database, Engine};

/// What all nodes of a database share outside of it; on SQLite a file of the data folder holds it.
pub(crate) const SECRET: &str = "a secret of the tests, which nobody else has to know";
const START_LIMIT: Duration = Duration::from_secs(30);

/// A server as a process, with a data folder and a database of its own.
pub struct Process {
    child: Option<Child>,
    folder: TempDir,
    database: Option<Arc<Database>>,
    listen: String,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
}

impl Process {
    /// Starts on an empty folder or database and waits until the server is ready.
    pub fn start(engine: Engine, arguments: &[&str]) -> Self {
        let mut process = Self::prepare(engine, arguments);
        process.restart();
        process
    }

    /// The folder and the database, with no server on them yet.
    pub fn prepare(engine: Engine, arguments: &[&str]) -> Self {
        let database = (engine == Engine::Postgres).then(|| Arc::new(Database::create()));
        Self::on(database, arguments)
    }

    /// Another node on the database of this one; not started yet.
    pub fn prepare_second_node(&self) -> Self {
        assert!(self.database.is_some(), "only PostgreSQL has several nodes");
        let mut node = Self::on(self.database.clone(), &[]);
        node.environment.clone_from(&self.environment);
        node
    }

    fn on(database: Option<Arc<Database>>, arguments: &[&str]) -> Self {
        let mut environment = Vec::new();
        if let Some(database) = &database {
            environment.push(("BASALT_DATABASE_URL".to_owned(), database.url()));
            environment.push(("BASALT_SECRET".to_owned(), SECRET.to_owned()));
            // What tests share on PostgreSQL are documents; who shares files says where.
            environment.push(("BASALT_SINGLE_NODE".to_owned(), "true".to_owned()));
        }
        Self {
            child: None,
            folder: tempfile::tempdir().expect("a temporary folder"),
            database,
            listen: format!("127.0.0.1:{}", free_port()),
            arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
            environment,
        }
    }

    /// Sets a variable for every command and start that follows.
    pub fn set(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// Takes a variable away again.
    pub fn unset(&mut self, name: &str) {
        self.environment.retain(|(known, _)| known != name);
    }

    /// Starts again on the same data and address, and waits until the server is ready.
    pub fn restart(&mut self) {
        self.spawn();
        let limit = Instant::now() + START_LIMIT;
        while !self.is_ready() {
            let child = self.child.as_mut().expect("a child that was just started");
            if let Some(status) = child.try_wait().expect("the child's state") {
                panic!("the server ended with {status}:\n{}", self.log());
            }
            assert!(Instant::now() < limit, "the server isn't ready after {START_LIMIT:?}:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Starts without waiting.
    pub fn spawn(&mut self) {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.log_file()).expect("the log file");
        let mut command = self.command(&["serve", "--listen", &self.listen]);
        command.args(&self.arguments).stdin(Stdio::null());
        command.stdout(log.try_clone().expect("the log file")).stderr(log);
        self.child = Some(command.spawn().expect("the server starts"));
    }

    fn is_ready(&self) -> bool {
        use std::io::{Read, Write};
        let Ok(mut stream) = std::net::TcpStream::connect(&self.listen) else { return false };
        let mut answer = [0; 12];
        stream.write_all(b"GET /health/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").is_ok()
            && stream.read_exact(&mut answer).is_ok()
            && &answer == b"HTTP/1.1 200"
    }

    /// kill -9: nothing of the server runs on after this.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("kill");
            child.wait().expect("wait");
        }
    }

    /// Asks for a graceful end (SIGTERM) and waits for it.
    pub fn stop(&mut self) -> std::process::ExitStatus {
        let mut child = self.child.take().expect("a running server");
        let status = Command::new("kill").arg(child.id().to_string()).status().expect("kill");
        assert!(status.success(), "kill: {status}");
        child.wait().expect("wait")
    }

    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("a running server").id()
    }

    pub fn client(&self) -> Client {
        Client::new(&self.base())
    }

    pub fn base(&self) -> String {
        format!("http://{}", self.listen)
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub fn database_url(&self) -> Option<String> {
        self.database.as_ref().map(|database| database.url())
    }

    /// What the server printed so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    /// A client with a new service key of these scopes, made by the command line.
    pub fn service(&self, scopes: &str) -> Client {
        let output = self.run(&["keys", "create", "--scopes", scopes]);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let start = text.find("bst_sk_").unwrap_or_else(|| panic!("no key in {text:?}\n{output:?}"));
        let end = text[start..].find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len() - start);
        self.client().with_token(&text[start..start + end])
    }

    /// Runs another command of the binary on the same data and expects it to succeed.
    pub fn run(&self, arguments: &[&str]) -> Output {
        let output = self.try_run(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        output
    }

    pub fn try_run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).stdin(Stdio::null()).output().expect("the command starts")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.args(arguments).arg("--data").arg(self.data()).current_dir(self.folder.path());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("server.log")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The built server: BASALT_TEST_BIN, or the one beside the running test in the target folder.
pub fn binary() -> PathBuf {
    #[expect(clippy::disallowed_methods, reason = "tests are the outside: make bench and others name their own build")]
    let named = std::env::var_os("BASALT_TEST_BIN").map(PathBuf::from);
    let path = named.unwrap_or_else(beside_the_test);
    assert!(path.exists(), "{} is not there: run `cargo build -p basalt` first", path.display());
    path
}

/// Where cargo puts it. It runs the functions of servers in process, too; a test without functions needs none.
pub(crate) fn beside_the_test() -> PathBuf {
    let test = std::env::current_exe().expect("the running test");
    test.parent().and_then(Path::parent).expect("target/PROFILE/deps").join("basalt")
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").port()
}
