//! The other commands, on a stopped server and on a running one.

use basalt_testing::{Engine, Process};
use serde_json::{Value, json};

fn json_of(process: &Process, arguments: &[&str]) -> Value {
    let output = process.run(&[arguments, &["--json"]].concat());
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {output:?}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_and_operators_are_made_on_a_stopped_and_on_a_running_server() {
    for engine in Engine::BOTH {
        let mut process = Process::prepare(engine, &[]);
        let before = json_of(&process, &["keys", "create", "--scopes", "admin", "--name", "before"]);
        let owner = json_of(&process, &["operator", "create", "--email", "owner@example.com"]);
        process.restart();
        assert!(!process.log().contains("/_/setup#"), "there is an owner already:\n{}", process.log());
        let during = json_of(&process, &["keys", "create", "--scopes", "admin,documents:read", "--expires", "1h"]);
        for made in [&before, &during] {
            let client = process.client().with_token(made["key"].as_str().expect("a key"));
            client.get("/v1/admin/users").expect(200).await;
        }
        let login = json!({"email": "owner@example.com", "password": owner["password"]});
        process.client().post("/v1/admin/login").json(&login).expect(200).await;
        let listed = json_of(&process, &["keys", "list"]);
        assert_eq!(listed["items"].as_array().map(Vec::len), Some(2), "{listed}");
        assert!(!listed.to_string().contains("bst_sk_"), "{listed}");
        json_of(&process, &["keys", "revoke", during["id"].as_str().expect("an id")]);
        let client = process.client().with_token(during["key"].as_str().expect("a key"));
        let limit = std::time::Instant::now() + std::time::Duration::from_secs(1);
        while client.get("/v1/admin/users").send().await.status != 401 {
            assert!(std::time::Instant::now() < limit, "a revoked key works on");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rotating_keys_signs_nobody_out_unless_asked_to() {
    for engine in Engine::BOTH {
        let mut process = Process::start(engine, &[]);
        let body = json!({"email": "ann@example.com", "password": "a long enough phrase"});
        let signed = process.client().post("/v1/auth/signup").json(&body).expect(201).await;
        let ann = process.client().with_token(&signed.text_at("/session/accessToken"));
        process.run(&["keys", "rotate"]);
        process.stop();
        process.restart();
        ann.get("/v1/auth/me").expect(200).await;
        let again = process.client().post("/v1/auth/login").json(&body).expect(200).await;
        let header = |token: String| token.split('.').next().unwrap_or_default().to_owned();
        let (old, new) = (signed.text_at("/session/accessToken"), again.text_at("/session/accessToken"));
        assert_ne!(header(old), header(new), "new tokens name the new key");
        process.stop();
        process.run(&["keys", "rotate", "--drop-former"]);
        process.restart();
        ann.get("/v1/auth/me").expect(401).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_are_made_listed_and_disabled() {
    let process = Process::start(Engine::Sqlite, &[]);
    let made = json_of(&process, &["users", "create", "--email", "ann@example.com"]);
    let login = json!({"email": "ann@example.com", "password": made["password"]});
    process.client().post("/v1/auth/login").json(&login).expect(200).await;
    let listed = json_of(&process, &["users", "list", "--filter", "email == 'ann@example.com'"]);
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1), "{listed}");
    process.run(&["users", "disable", "ann@example.com"]);
    let refused = process.client().post("/v1/auth/login").json(&login).send().await;
    assert!([401, 403].contains(&refused.status), "{refused}");
    process.run(&["users", "enable", "ann@example.com"]);
    process.client().post("/v1/auth/login").json(&login).expect(200).await;
}

#[test]
fn doctor_says_whether_all_is_well() {
    for engine in Engine::BOTH {
        let mut process = Process::start(engine, &[]);
        let told = json_of(&process, &["doctor"]);
        assert_eq!(told["well"], true, "{told}");
        process.kill();
        if engine == Engine::Postgres {
            process.set("BASALT_DATABASE_URL", "postgres://postgres@127.0.0.1:1/nowhere");
            let output = process.try_run(&["doctor", "--json"]);
            assert!(!output.status.success(), "{output:?}");
        }
    }
}

#[test]
fn doctor_changes_nothing() {
    for engine in Engine::BOTH {
        let process = Process::prepare(engine, &[]);
        let told = json_of(&process, &["doctor"]);
        assert_eq!(told["well"], true, "{told}");
        assert!(told.to_string().contains("none yet"), "{told}");
        assert!(!process.data().exists(), "there is a data folder now");
        let checked = json_of(&process, &["upgrade", "--check"]);
        assert_eq!(checked["current"], 0, "a database was made: {checked}");
    }
}

#[test]
fn health_asks_the_server_that_is_configured() {
    let mut process = Process::prepare(Engine::Sqlite, &[]);
    let asked = process.base().replace("http://", "");
    process.set("BASALT_LISTEN", &asked);
    assert!(!process.try_run(&["health"]).status.success(), "nobody listens yet");
    process.restart();
    process.run(&["health"]);
    process.run(&["health", "--url", &process.base()]);
    assert!(!process.try_run(&["health", "--url", "http://127.0.0.1:1"]).status.success());
}

#[test]
fn rules_are_checked_without_a_server() {
    let process = Process::prepare(Engine::Sqlite, &[]);
    let app = tempfile::tempdir().expect("a temporary folder");
    let folder = app.path().to_str().expect("a path");
    let write = |name: &str, text: &str| std::fs::write(app.path().join(name), text).expect("a file");
    write("app.toml", "[collections.notes.rules]\nread = \"auth.id == doc.owner\"\n");
    let checked = process.run(&["rules", "check", folder]);
    assert!(String::from_utf8_lossy(&checked.stdout).contains("notes"), "{checked:?}");
    write("app.toml", "[collections.notes.rules]\nread = \"auht.id == doc.owner\"\n");
    let output = process.try_run(&["rules", "check", folder]);
    assert!(!output.status.success());
    let told = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(told.contains("2:"), "the line of the fault: {told}");
    assert!(!process.data().join("data.db").exists(), "checking needs no database");
}

#[test]
fn rules_check_refuses_what_serve_would_refuse() {
    let process = Process::prepare(Engine::Sqlite, &[]);
    let app = tempfile::tempdir().expect("a temporary folder");
    let folder = app.path().to_str().expect("a path");
    let check = |rules: &str| {
        std::fs::write(app.path().join("app.toml"), rules).expect("a file");
        let output = process.try_run(&["rules", "check", folder]);
        let told = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
        (output.status.code(), told)
    };
    let (code, told) = check("[collections.notes]\nrules.write = \"true\"\n");
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("acknowledge"), "{told}");
    let acknowledged = "acknowledge = [\"create\", \"update\", \"delete\"]";
    let (code, told) = check(&format!("[collections.notes]\nrules.write = \"true\"\n{acknowledged}\n"));
    assert_eq!(code, Some(0), "{told}");
    let (code, told) = check("[collections.notes]\nreferences = { owner = \"nobodys\" }\n");
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("nobodys"), "{told}");
    let (code, told) = check("[collections.notes]\nrules.read = \"auth.id == doc.owner || doc.level > 3\"\n");
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("level") && told.contains("index"), "a warning names what has no index: {told}");
    assert!(told.contains("get, list: "), "who can read what: {told}");
    let (_, told) = check("[collections.notes]\nrules.read = \"auth.id == doc.owner && doc.level > 3\"\n");
    assert!(!told.contains("no index"), "an index on owner serves the whole conjunction: {told}");
}

#[test]
fn rules_test_says_by_its_exit_code_whether_all_cases_pass() {
    let process = Process::prepare(Engine::Sqlite, &[]);
    let example = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/movies");
    let example = example.to_str().expect("a path");
    let passed = process.run(&["rules", "test", example]);
    assert!(String::from_utf8_lossy(&passed.stdout).contains(" 0 failed"), "{passed:?}");
    let told = json_of(&process, &["rules", "test", example]);
    assert!(told["passed"].as_u64() >= Some(5) && told["failed"] == 0, "{told}");

    let other = tempfile::tempdir().expect("a temporary folder");
    let cases = other.path().join("wrong.toml");
    let text = "[[cases]]\ncollection = \"movies\"\nop = \"create\"\nnext = {}\nallowed = true\n";
    std::fs::write(&cases, text).expect("a file");
    let cases = cases.to_str().expect("a path");
    let failed = process.try_run(&["rules", "test", example, "--cases", cases]);
    assert_eq!(failed.status.code(), Some(1), "{failed:?}");
    assert!(String::from_utf8_lossy(&failed.stdout).contains("FAIL"), "{failed:?}");
    let missing = process.try_run(&["rules", "test", other.path().to_str().expect("a path")]);
    assert_eq!(missing.status.code(), Some(1), "{missing:?}");
}

#[test]
fn an_unknown_key_of_the_configuration_is_named() {
    let mut process = Process::prepare(Engine::Sqlite, &[]);
    process.set("BASALT_LISTNE", "127.0.0.1:1");
    let output = process.try_run(&["doctor"]);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("LISTNE"), "{output:?}");
}
