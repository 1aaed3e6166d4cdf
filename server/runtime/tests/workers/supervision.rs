use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use basalt_runtime::{FunctionRuntime as _, Outcome, Workers};
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
    let open = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count();
    // The standard ones, the socket twice, and what tells of its memory.
    assert!(open <= 7, "{open} open files");
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
