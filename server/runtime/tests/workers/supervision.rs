use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use basalt_runtime::{FunctionRuntime as _, Outcome, Workers};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};
use serde_json::json;

use crate::support::{App, Fixed, options};

fn status(pid: u32, field: &str) -> Option<String> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    Some(line.trim_start_matches(':').trim().to_owned())
}

const ECHO: &str = "export const echo = callable((input) => input);
                    export const hangs = callable(async () => { await fetch('https://host/never'); });";

#[tokio::test]
async fn a_worker_that_is_killed_loses_its_calls_and_no_others() {
    let app = App::new(ECHO).await;
    let (hangs, kill) = (app.clone(), app.clone());
    let call = async move { hangs.outcome("hangs", json!({})).await };
    let killing = async move {
        while kill.host.asked.lock().unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let pid = kill.workers.pids()[0];
        let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    };
    let (outcome, ()) = tokio::join!(call, killing);
    assert_eq!(outcome, Outcome::WorkerLost);
    assert_eq!(app.call("echo", json!(1)).await, 1);
    assert_eq!(app.workers.stats().lost, 1);
}

#[tokio::test]
async fn a_worker_has_given_up_what_it_doesnt_need() {
    let app = App::new(ECHO).await;
    app.call("echo", json!(1)).await;
    let pid = app.workers.pids()[0];
    let read = |name: &str| std::fs::read(format!("/proc/{pid}/{name}")).unwrap();
    assert_eq!(read("environ"), b"");
    assert_eq!(std::fs::read_link(format!("/proc/{pid}/cwd")).unwrap(), PathBuf::from("/"));
    let limits = String::from_utf8(read("limits")).unwrap();
    for (name, value) in
        [("Max open files", "1"), ("Max processes", "0"), ("Max file size", "0"), ("Max core file size", "0")]
    {
        let line = limits.lines().find(|line| line.starts_with(name)).unwrap();
        assert_eq!(line[name.len()..].split_ascii_whitespace().next(), Some(value), "{line}");
    }
    assert_eq!(status(pid, "NoNewPrivs").as_deref(), Some("1"));
    assert_eq!(status(pid, "Threads").as_deref(), Some("1"));
    // By a filter.
    assert_eq!(status(pid, "Seccomp").as_deref(), Some("2"));
    let open = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count();
    // The standard ones, the socket twice, and what tells of its memory.
    assert!(open <= 7, "{open} open files");
}

/// What the log says, for all to read.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// For this thread, and for the processes that it starts, the kernel has no filters any longer.
fn without_filters() {
    let rules = BTreeMap::from([(libc::SYS_seccomp, Vec::new())]);
    let unknown = SeccompAction::Errno(libc::ENOSYS.unsigned_abs());
    let here = std::env::consts::ARCH.try_into().unwrap();
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, unknown, here).unwrap();
    let filter: BpfProgram = filter.try_into().unwrap();
    seccompiler::apply_filter(&filter).unwrap();
}

#[test]
fn where_the_kernel_has_no_filters_workers_do_without_and_the_log_says_so_once() {
    let log = Log::default();
    let kept = log.clone();
    let thread = std::thread::spawn(move || {
        without_filters();
        let log = tracing_subscriber::fmt().with_writer(move || kept.clone()).finish();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        tracing::subscriber::with_default(log, || {
            runtime.block_on(async {
                for _ in 0..2 {
                    let app = App::new(ECHO).await;
                    assert_eq!(app.call("echo", json!(1)).await, 1);
                    let filters = status(app.workers.pids()[0], "Seccomp_filters");
                    assert_eq!(filters.as_deref(), Some("1"), "that of the test alone");
                }
            });
        });
    });
    thread.join().unwrap();
    let said = log.text();
    assert_eq!(said.matches("without a filter of system calls").count(), 1, "{said}");
}

#[tokio::test]
async fn workers_end_with_the_runtime() {
    let app = App::new(ECHO).await;
    app.call("echo", json!(1)).await;
    let pids = app.workers.pids();
    assert!(!pids.is_empty());
    drop(app);
    for pid in pids {
        assert_eq!(status(pid, "State"), None, "{pid} is still there");
    }
}

#[tokio::test]
async fn without_a_binary_a_call_says_so() {
    let mut options = options();
    options.program = PathBuf::from("/nonexistent/basalt");
    let workers = Workers::start(options, Arc::new(Fixed)).unwrap();
    let sources = crate::support::sources(&[("functions/a.ts", "export {};")]);
    let error = workers.prepare(sources).await.unwrap_err();
    assert_eq!(error.code(), basalt_core::Code::Unavailable);
}
