//! `basalt dev`, without a browser: a file is edited, and the new answer is there.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use basalt_testing::{Client, binary};
use serde_json::{Value, json};
use tempfile::TempDir;

/// How long a test waits for what has to come.
const PATIENCE: Duration = Duration::from_mins(1);

const APP: &str =
    "[functions.rules]\ninvoke = \"true\"\n[schedules.nightly]\ncron = \"0 3 * * *\"\nfunction = \"tidy\"\n";

/// A run on a folder, and what it tells.
struct Dev {
    child: Child,
    stdin: Option<ChildStdin>,
    events: Receiver<Value>,
}

impl Dev {
    fn start(folder: &Path, flags: &[&str]) -> Self {
        let mut command = Command::new(binary());
        command.args(["dev", "--listen", "127.0.0.1:0", "--json"]).args(flags).arg(folder);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take().unwrap());
        let (sender, events) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let Ok(event) = serde_json::from_str(&line) else { continue };
                if sender.send(event).is_err() {
                    return;
                }
            }
        });
        Self { child, stdin, events }
    }

    /// The next event of this kind; those before it are passed over.
    fn next(&self, kind: &str) -> Value {
        loop {
            let event = self.events.recv_timeout(PATIENCE).unwrap_or_else(|error| panic!("no {kind}: {error}"));
            if event["event"] == kind {
                return event;
            }
        }
    }

    /// The next event of each of these kinds, in whatever order they come.
    fn both(&self, kinds: [&str; 2]) -> [Value; 2] {
        let mut found = [Value::Null, Value::Null];
        while found.iter().any(Value::is_null) {
            let event = self.events.recv_timeout(PATIENCE).unwrap_or_else(|error| panic!("no {kinds:?}: {error}"));
            let place = kinds.iter().position(|kind| event["event"] == *kind);
            if let Some(place) = place.filter(|place| found[*place].is_null()) {
                found[place] = event;
            }
        }
        found
    }

    fn ready(&self) -> Client {
        let ready = self.next("ready");
        Client::new(ready["url"].as_str().unwrap()).with_token(ready["key"].as_str().unwrap())
    }

    /// A deploy that was applied.
    fn applied(&self) -> Value {
        loop {
            let deployed = self.next("deployed");
            if deployed["applied"] == true {
                return deployed;
            }
        }
    }

    fn stop(mut self) {
        let killed = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(killed.success());
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        // Where a test failed it runs on.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn write(folder: &TempDir, path: &str, text: &str) {
    let path = folder.path().join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn adding(expression: &str) -> String {
    format!(
        "import {{ callable, onSchedule }} from \"basalt:functions\";\n\
         export const add = callable(async (input: {{ a: number }}, ctx) => {{\n  ctx.log.info(\"adds\");\n  \
         return {{ sum: {expression} }};\n}});\n\
         export const tidy = callable(async (_: unknown, ctx) => {{ ctx.log.info(\"tidies\");\n  \
         await ctx.email.send({{ to: \"ann@example.com\", subject: \"Tidy\", text: \"All is.\" }}); }});\n"
    )
}

async fn sum(client: &Client) -> Value {
    client.post("/v1/functions/add").json(&json!({"a": 1})).expect(200).await.at("/sum")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_saved_is_live_and_what_is_no_good_leaves_what_was() {
    for flags in [&[][..], &["--poll"]] {
        let folder = tempfile::tempdir().unwrap();
        write(&folder, "app.toml", APP);
        write(&folder, "functions/add.ts", &adding("input.a + 1"));
        let mut dev = Dev::start(folder.path(), flags);
        let client = dev.ready();
        // Nobody has to sit at a terminal.
        drop(dev.stdin.take());
        dev.next("deployed");
        assert_eq!(sum(&client).await, 2);
        write(&folder, "functions/add.ts", &adding("input.a + 2"));
        let deployed = dev.applied();
        assert_eq!(deployed["plan"]["functions"][0]["change"], "changed", "{deployed}");
        assert_eq!(sum(&client).await, 3);
        write(&folder, "functions/add.ts", &adding("input.a +"));
        let failed = dev.next("failed");
        let fault = &failed["errors"][0];
        assert_eq!((&fault["file"], &fault["line"]), (&json!("functions/add.ts"), &json!(4)), "{failed}");
        assert!(fault["column"].as_u64().is_some_and(|column| column > 1), "{failed}");
        assert_eq!(sum(&client).await, 3, "the last good version stays");
        write(&folder, "app.toml", "[functions.rules]\ninvok = \"true\"\n");
        assert_eq!(dev.next("failed")["errors"][0]["file"], "app.toml");
        write(&folder, "app.toml", APP);
        write(&folder, "functions/add.ts", &adding("input.a + 3"));
        dev.applied();
        assert_eq!(sum(&client).await, 4);
        assert_eq!(beside(&folder, &["functions", "invoke", "add", "{\"a\":1}"]), json!({"sum": 4}));
        dev.stop();
    }
}

/// A command in the app's folder, while it is developed.
fn beside(folder: &TempDir, arguments: &[&str]) -> Value {
    let mut command = Command::new(binary());
    let output =
        command.args(arguments).arg("--json").current_dir(folder.path()).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    assert!(!folder.path().join("data").exists(), "it is the server that develops which is meant");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_functions_do_is_shown_and_schedules_run_when_they_are_told_to() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder, "app.toml", APP);
    write(&folder, "functions/add.ts", &adding("input.a"));
    let types = folder.path().join("schema.ts");
    let mut dev = Dev::start(folder.path(), &["--types", types.to_str().unwrap()]);
    let client = dev.ready();
    dev.next("deployed");
    sum(&client).await;
    let [log, call] = dev.both(["log", "invocation"]);
    assert_eq!((&log["function"], &log["message"]), (&json!("add"), &json!("adds")), "{log}");
    assert_eq!(call["function"], "add", "{call}");
    writeln!(dev.stdin.as_mut().unwrap(), "run nightly").unwrap();
    let [log, mail] = dev.both(["log", "mail"]);
    assert_eq!(log["message"], "tidies", "{log}");
    assert_eq!(mail["message"]["content"]["subject"], "Tidy", "{mail}");
    write(&folder, "app.toml", &format!("{APP}[collections.notes]\n"));
    dev.applied();
    // Written after the deploy that is told.
    write(&folder, "functions/more.ts", &adding("input.a").replace("add ", "more ").replace("tidy ", "tidier "));
    dev.applied();
    let written = std::fs::read_to_string(&types).unwrap();
    let of_code = "add: { input: InputOf<typeof import(\"./functions/add.ts\").add>; output: OutputOf<";
    assert!(written.contains("notes: Notes;") && written.contains(of_code), "{written}");
    dev.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_that_is_no_good_at_first_is_developed_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder, "app.toml", APP);
    write(&folder, "functions/add.ts", &adding("input.a +"));
    let dev = Dev::start(folder.path(), &[]);
    let client = dev.ready();
    dev.next("failed");
    client.post("/v1/functions/add").json(&json!({})).problem(404, "function_not_found").await;
    write(&folder, "functions/add.ts", &adding("input.a"));
    dev.applied();
    assert_eq!(sum(&client).await, 1);
    dev.stop();
}
