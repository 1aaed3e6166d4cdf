//! An app's way from its folder to a server: init, test, deploy, and what there is to do with functions then.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use basalt_testing::{Engine, Process, binary};
use serde_json::{Value, json};
use tempfile::TempDir;

fn json_of(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

fn path(folder: &TempDir) -> &str {
    folder.path().to_str().unwrap()
}

fn write(folder: &Path, path: &str, text: &str) {
    let path = folder.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

const ADD: &str = "import { callable } from \"basalt:functions\";\n\
                   export const add = callable(async (input: { a: number; b: number }, ctx) => {\n  \
                   ctx.log.warn(\"adds\", { secret: ctx.secrets.GREETING });\n  return { sum: input.a + input.b };\n});\n";
const APP: &str =
    "[functions.rules]\ninvoke = \"true\"\n[schedules.nightly]\ncron = \"0 3 * * *\"\nfunction = \"add\"\n";

#[test]
fn a_new_app_is_good_as_it_is_and_overwrites_nothing() {
    let process = Process::prepare(Engine::Sqlite, &[]);
    let folder = tempfile::tempdir().unwrap();
    let made = json_of(&process.run(&["init", path(&folder), "--json"]));
    assert!(made["written"].as_array().is_some_and(|written| written.contains(&json!("app.toml"))), "{made}");
    process.run(&["rules", "check", path(&folder)]);
    let tried = json_of(&process.run(&["test", path(&folder), "--json"]));
    assert_eq!((&tried["passed"], &tried["failed"]), (&json!(3), &json!(0)), "{tried}");
    let again = process.try_run(&["init", path(&folder)]);
    assert!(!again.status.success() && told(&again).contains("overwrites nothing"), "{again:?}");
    let written = process.run(&["types", "--app", path(&folder)]);
    let types = told(&written);
    assert!(types.contains("export interface Functions {") && types.contains("hello: { input: "), "{types}");
    let out = folder.path().join("schema.ts");
    let out = out.to_str().unwrap();
    assert!(!process.try_run(&["types", "--app", path(&folder), "--out", out, "--check"]).status.success());
    process.run(&["types", "--app", path(&folder), "--out", out]);
    process.run(&["types", "--app", path(&folder), "--out", out, "--check"]);
    assert!(!std::fs::read_to_string(out).unwrap().contains("InputOf"), "schemas say it all");
    write(folder.path(), "functions/add.ts", ADD);
    std::fs::create_dir(folder.path().join("src")).unwrap();
    let out = folder.path().join("src/schema.ts");
    process.run(&["types", "--app", path(&folder), "--out", out.to_str().unwrap()]);
    let types = std::fs::read_to_string(&out).unwrap();
    assert!(
        types.contains("add: { input: InputOf<typeof import(\"../functions/add.ts\").add>; output: OutputOf<"),
        "{types}"
    );
    assert!(types.contains("/// <reference path=\"../functions/basalt-functions.d.ts\" />\n"), "{types}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_is_deployed_by_the_socket_or_by_a_url_with_a_key() {
    for engine in Engine::BOTH {
        let mut process = Process::start(engine, &[]);
        let key = json_of(&process.run(&["keys", "create", "--scopes", "*", "--json"]));
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "app.toml", APP);
        write(folder.path(), "functions/add.ts", ADD);
        if engine == Engine::Postgres {
            let local = process.try_run(&["deploy", path(&folder)]);
            assert!(!local.status.success() && told(&local).contains("--url"), "{local:?}");
            process.set("BASALT_URL", &process.base());
            process.set("BASALT_KEY", key["key"].as_str().unwrap());
        }
        let planned = json_of(&process.run(&["deploy", path(&folder), "--plan", "--json"]));
        assert_eq!((&planned["changes"], &planned["applied"]), (&json!(true), &json!(false)));
        let deployed = process.run(&["deploy", path(&folder)]);
        assert!(told(&deployed).contains("+ function add (version 1)"), "{deployed:?}");
        let again = json_of(&process.run(&["deploy", path(&folder), "--json"]));
        assert_eq!(again["changes"], false, "{again}");
        let sum = json_of(&process.run(&["functions", "invoke", "add", "{\"a\":1,\"b\":2}", "--json"]));
        assert_eq!(sum, json!({"sum": 3}));
        let keys = json_of(&process.run(&["keys", "list", "--json"]));
        assert_eq!(keys["items"].as_array().map(Vec::len), Some(1), "those of commands are gone: {keys}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_deploy_says_what_to_do() {
    let process = Process::start(Engine::Sqlite, &[]);
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "app.toml", "[collections.inbox.rules]\ncreate = \"true\"\n");
    let refused = process.try_run(&["deploy", path(&folder)]);
    assert!(!refused.status.success(), "{refused:?}");
    let said = told(&refused);
    assert!(said.contains("inbox create: nobody → everybody") && said.contains("BREAKING collection:inbox"), "{said}");
    assert!(said.contains("--acknowledge collection:inbox"), "{said}");
    let planned = process.run(&["deploy", path(&folder), "--plan"]);
    assert!(told(&planned).contains("--acknowledge collection:inbox"), "{planned:?}");
    let refused = process.try_run(&["deploy", path(&folder), "--json"]);
    assert_eq!(json_of(&refused)["error"]["code"], "plan_refused");
    process.run(&["deploy", path(&folder), "--acknowledge", "collection:inbox"]);
    write(folder.path(), "functions/add.ts", "export const add = ;\n");
    let refused = process.try_run(&["deploy", path(&folder)]);
    assert!(told(&refused).contains("functions/add.ts:1:"), "{refused:?}");
    write(folder.path(), "functions/add.ts", &ADD.replace("callable(", "callable({ invoke: \"auth.nope\" }, "));
    let refused = process.try_run(&["deploy", path(&folder)]);
    assert!(told(&refused).contains("functions/add.ts:2:40 add/invoke: "), "{refused:?}");
    write(folder.path(), "functions/add.ts", "import zod from \"zod\";\n");
    let refused = process.try_run(&["deploy", path(&folder)]);
    assert!(told(&refused).contains("npm install --save-dev esbuild"), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_call_from_now_on_is_shown_before_it_is_so() {
    let process = Process::start(Engine::Sqlite, &[]);
    let folder = tempfile::tempdir().unwrap();
    let app = |rule: &str| format!("[functions.rules]\ninvoke = \"{rule}\"\n");
    write(folder.path(), "app.toml", &app("auth != null"));
    write(folder.path(), "functions/add.ts", ADD);
    let planned = told(&process.run(&["deploy", path(&folder), "--plan"]));
    assert!(planned.contains("functions/add invoke: nobody → whoever is signed in (auth != null)"), "{planned}");
    process.run(&["deploy", path(&folder)]);
    write(folder.path(), "app.toml", &app("true"));
    let refused = process.try_run(&["deploy", path(&folder)]);
    let said = told(&refused);
    assert!(!refused.status.success() && said.contains("--acknowledge function:add"), "{said}");
    assert!(said.contains("functions/add invoke: whoever is signed in (auth != null) → everybody"), "{said}");
    process.run(&["deploy", path(&folder), "--acknowledge", "function:add"]);
    // Single files are asked about alike.
    let alone = folder.path().join("alone/add.ts");
    let deploy = |invoke: &str| {
        write(
            folder.path(),
            "alone/add.ts",
            &ADD.replace("callable(", &format!("callable({{ invoke: \"{invoke}\" }}, ")),
        );
        vec!["functions", "deploy", alone.to_str().unwrap()]
    };
    let closed = told(&process.run(&deploy("auth != null")));
    assert!(closed.contains("functions/add invoke: everybody → whoever is signed in"), "{closed}");
    let refused = process.try_run(&deploy("true"));
    assert!(!refused.status.success() && told(&refused).contains("--acknowledge add"), "{refused:?}");
    process.run(&[deploy("true"), vec!["--acknowledge", "add"]].concat());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn functions_are_listed_logged_rolled_back_and_given_secrets() {
    let process = Process::start(Engine::Sqlite, &[]);
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "app.toml", APP);
    write(folder.path(), "functions/add.ts", ADD);
    set_secret(&process, "GREETING", "hush-hush");
    let listed = process.run(&["secrets", "list"]);
    assert!(told(&listed).contains("GREETING") && !told(&listed).contains("hush-hush"), "{listed:?}");
    process.run(&["deploy", path(&folder)]);
    let listed = told(&process.run(&["functions", "list"]));
    assert!(listed.contains("add"), "{listed}");
    process.run(&["functions", "invoke", "add", "{\"a\":1,\"b\":1}"]);
    let logs = eventually(|| {
        let logs = told(&process.run(&["functions", "logs", "add"]));
        logs.contains("adds").then_some(logs)
    });
    assert!(!logs.contains("hush-hush"), "secrets are never in it: {logs}");
    let logs = told(&process.run(&["logs", "--level", "error"]));
    assert!(!logs.contains("adds"), "{logs}");
    write(folder.path(), "other/add.ts", &ADD.replace("a + input", "a * input"));
    let other = folder.path().join("other/add.ts");
    process.run(&["functions", "deploy", other.to_str().unwrap()]);
    let sum = |process: &Process| json_of(&process.run(&["functions", "invoke", "add", "{\"a\":2,\"b\":3}", "--json"]));
    assert_eq!(sum(&process), json!({"sum": 6}));
    process.run(&["functions", "rollback", "add"]);
    assert_eq!(sum(&process), json!({"sum": 5}));
    let failing = "import { callable, FunctionError } from \"basalt:functions\";\n\
                   export const fail = callable(async () => { throw new TypeError(\"broken\"); });\n\
                   export const refuse = callable(async () => { throw new FunctionError(\"unlucky\", \"Not 13.\"); });\n";
    write(folder.path(), "functions/fail.ts", failing);
    process.run(&["deploy", path(&folder)]);
    let failed = process.try_run(&["functions", "invoke", "fail"]);
    let said = told(&failed);
    assert!(
        !failed.status.success() && said.contains("TypeError: broken") && said.contains("functions/fail.ts:2:"),
        "{said}"
    );
    let refused = process.try_run(&["functions", "invoke", "refuse"]);
    assert!(!refused.status.success() && told(&refused).contains("unlucky: Not 13."), "{refused:?}");
    let schedules = told(&process.run(&["schedules", "list"]));
    assert!(schedules.contains("nightly"), "{schedules}");
    process.run(&["schedules", "run", "nightly"]);
    process.run(&["secrets", "delete", "GREETING"]);
    assert!(!told(&process.run(&["secrets", "list"])).contains("GREETING"));
}

#[test]
fn without_a_server_it_is_said_how_to_name_one_and_types_are_those_of_the_folder() {
    let process = Process::prepare(Engine::Sqlite, &[]);
    assert!(!process.try_run(&["types"]).status.success(), "there is neither");
    let data = process.data();
    let here = data.parent().unwrap();
    write(here, "app.toml", APP);
    write(here, "functions/add.ts", ADD);
    let types = told(&process.run(&["types"]));
    assert!(types.contains("InputOf<typeof import(\"./functions/add.ts\").add>"), "{types}");
    let output = process.try_run(&["functions", "list"]);
    assert!(!output.status.success() && told(&output).contains("BASALT_URL"), "{output:?}");
    let output = process.try_run(&["functions", "list", "--url", "http://127.0.0.1:1"]);
    assert!(told(&output).contains("BASALT_KEY"), "{output:?}");
    let output = process.try_run(&["functions", "list", "--url", "http://127.0.0.1:1", "--key", "bst_sk_x"]);
    assert!(told(&output).contains("can't be reached"), "{output:?}");
}

#[test]
fn cases_of_rules_and_functions_are_tried_on_a_server_of_their_own() {
    let process = Process::prepare(Engine::Sqlite, &[]);
    let folder = tempfile::tempdir().unwrap();
    write(
        folder.path(),
        "app.toml",
        "[collections.notes.rules]\nread = \"auth.id == doc.owner\"\ncreate = \"auth.id == next.owner\"\n\
         [collections.copies]\n[functions.rules]\ninvoke = \"auth != null\"\n",
    );
    write(
        folder.path(),
        "functions/notes.ts",
        "import { callable, onDocument, FunctionError } from \"basalt:functions\";\n\
         export const write = callable(async (input: { text: string }, ctx) => {\n  \
         if (input.text === \"\") throw new FunctionError(\"no_text\", \"Say something.\");\n  \
         await ctx.db.collection(\"notes\").create({ owner: ctx.auth.id, text: input.text });\n  \
         return { length: input.text.length };\n});\n\
         export const copy = onDocument(\"notes\", { on: [\"create\"] }, async (event, ctx) => {\n  \
         await ctx.asService().db.collection(\"copies\").create({ of: event.doc.owner, text: event.doc.text });\n});\n",
    );
    let cases = |expected: u32| {
        format!(
            "[users.ann]\n[[given]]\ncollection = \"copies\"\ndocument = {{ text = \"before\" }}\n\
             [[case]]\nname = \"a visitor may not\"\ncall = \"write\"\ninput = {{ text = \"x\" }}\nerror = \"unauthenticated\"\n\
             [[case]]\nname = \"nothing is refused\"\ncall = \"write\"\nas = \"ann\"\ninput = {{ text = \"\" }}\nerror = \"no_text\"\n\
             [[case]]\nname = \"a note is copied\"\ncall = \"write\"\nas = \"ann\"\ninput = {{ text = \"hello\" }}\n\
             expect = {{ length = {expected} }}\n\
             [[case.documents]]\ncollection = \"copies\"\nfilter = \"text == 'hello'\"\ncount = 1\nhas = {{ of = \"${{ann}}\" }}\n"
        )
    };
    write(folder.path(), "tests/notes.test.toml", &cases(5));
    let tried = json_of(&process.run(&["test", path(&folder), "--json"]));
    assert_eq!((&tried["passed"], &tried["failed"]), (&json!(3), &json!(0)), "{tried}");
    write(folder.path(), "tests/notes.test.toml", &cases(6));
    let failed = process.try_run(&["test", path(&folder)]);
    assert!(!failed.status.success(), "{failed:?}");
    assert!(
        told(&failed).contains("FAIL  tests/notes.test.toml a note is copied: answered {\"length\":5}"),
        "{failed:?}"
    );
    let none = tempfile::tempdir().unwrap();
    write(none.path(), "app.toml", "");
    assert!(!process.try_run(&["test", path(&none)]).status.success(), "no cases are no success");
    assert!(!process.data().exists(), "the server of the tests has a folder of its own");
}

/// The collections come first and the webhook last: whatever was there when the server died, the next start has all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deploy_that_a_kill_breaks_off_is_whole_after_the_next_start_or_never_was() {
    for engine in Engine::BOTH {
        let mut process = Process::start(engine, &[]);
        let service = process.service("*");
        for round in 0..8_u64 {
            let folder = tempfile::tempdir().unwrap();
            let url = format!("https://crm.example.com/{round}");
            write(folder.path(), "app.toml", &format!("[collections.c{round}]\n[webhooks.crm]\nurl = \"{url}\"\n"));
            let key = json_of(&process.run(&["keys", "create", "--scopes", "*", "--json"]));
            let mut command = Command::new(binary());
            command.args(["deploy", path(&folder), "--url", &process.base(), "--key", key["key"].as_str().unwrap()]);
            let mut deploy = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            std::thread::sleep(Duration::from_millis(5 * round));
            process.kill();
            deploy.wait().unwrap();
            process.restart();
            let collection = service.get(&format!("/v1/admin/collections/c{round}")).send().await.status;
            let webhook = service.get("/v1/admin/webhooks/crm").send().await;
            let is_new = webhook.status == 200 && webhook.at("/url") == url.as_str();
            assert_eq!(collection == 200, is_new, "round {round}: {webhook}");
            let states = service.get("/v1/admin/deployments").expect(200).await.column("state");
            assert!(!states.contains(&json!("applying")), "{states:?}");
        }
    }
}

fn set_secret(process: &Process, name: &str, value: &str) {
    let mut command = Command::new(binary());
    command.args(["secrets", "set", name, "--data"]).arg(process.data());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(value.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

fn eventually<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let limit = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < limit, "it never came");
        std::thread::sleep(Duration::from_millis(50));
    }
}
