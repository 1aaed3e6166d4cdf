//! Today's server on the data of each landed issue: migrated, all readable, rules and tokens still valid.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use basalt_testing::{Client, Engine, Process};
use serde_json::{Value, json};

/// As tools/fixture has them.
const SECRET: &str = "the secret of the fixtures, which guards nothing";
const PUBLIC_URL: &str = "http://localhost:7070";

fn fixtures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures");
    let entries = fs::read_dir(folder).expect("tests/fixtures").map(|entry| entry.expect("an entry").path());
    let mut found: Vec<PathBuf> = entries.filter(|path| path.join("expect.json").exists()).collect();
    found.sort();
    assert!(!found.is_empty(), "there is no fixture: make fixture N=…");
    found
}

fn expected(fixture: &Path, engine: &str) -> Value {
    let text = fs::read_to_string(fixture.join("expect.json")).expect("expect.json");
    serde_json::from_str::<Value>(&text).expect("JSON")[engine].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_data_of_each_issue_are_served() {
    for fixture in fixtures() {
        let mut process = Process::prepare(Engine::Sqlite, &[]);
        process.set("BASALT_PUBLIC_URL", PUBLIC_URL);
        copy(&fixture.join("sqlite"), &process.data());
        process.run(&["upgrade", "--check"]);
        process.run(&["upgrade"]);
        process.restart();
        check_world(&process, &expected(&fixture, "sqlite")).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_data_of_each_issue_are_served() {
    for fixture in fixtures() {
        let mut process = Process::prepare(Engine::Postgres, &[]);
        process.set("BASALT_SECRET", SECRET);
        process.set("BASALT_PUBLIC_URL", PUBLIC_URL);
        let url = process.database_url().expect("a database");
        let restore = Command::new("psql")
            .args(["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--file"])
            .arg(fixture.join("postgres.sql"))
            .arg(&url)
            .output()
            .expect("psql");
        assert!(restore.status.success(), "{}", String::from_utf8_lossy(&restore.stderr));
        if fixture.join("files").exists() {
            copy(&fixture.join("files"), &process.data().join("files"));
        }
        process.run(&["upgrade", "--check"]);
        process.run(&["upgrade"]);
        process.restart();
        check_world(&process, &expected(&fixture, "postgres")).await;
    }
}

#[test]
fn upgrade_takes_the_steps_that_check_names() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let mut process = Process::prepare(engine, &[]);
        if engine == Engine::Postgres {
            process.set("BASALT_SECRET", SECRET);
        }
        let told = |process: &Process, arguments: &[&str]| -> Value {
            serde_json::from_slice(&process.run(arguments).stdout).expect("JSON")
        };
        let plan = told(&process, &["upgrade", "--check", "--json"]);
        assert_eq!((&plan["current"], &plan["done"]), (&json!(0), &json!(false)));
        assert_eq!(plan["pending"][0], "0001_store");
        assert_eq!(told(&process, &["upgrade", "--check", "--json"]), plan, "checking changes nothing");
        let done = told(&process, &["upgrade", "--json"]);
        assert_eq!((&done["pending"], &done["done"]), (&plan["pending"], &json!(true)));
        let plan = told(&process, &["upgrade", "--check", "--json"]);
        assert_eq!((&plan["current"], &plan["pending"]), (&plan["target"], &json!([])));
        assert_eq!(plan["invalid"], json!([]), "the stored definitions are taken");
        process.restart();
    }
}

#[test]
fn upgrade_check_names_stored_definitions_that_are_no_longer_valid() {
    let mut process = Process::start(Engine::Sqlite, &[]);
    process.stop();
    let broken =
        "update collections set definition = '{\"rules\": {\"read\": \"no such thing(\"}}' where name = 'users'";
    sqlite(&process, broken);
    let output = process.try_run(&["upgrade", "--check"]);
    assert!(!output.status.success());
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(told.contains("definition of users is not valid"), "{told}");
}

/// Runs a statement on the data of a process, with the server running or not; the first value of its answer.
fn sqlite(process: &Process, statement: &str) -> String {
    const RUN: &str = "
import sqlite3, sys
database = sqlite3.connect(sys.argv[1])
row = database.execute(sys.argv[2]).fetchone()
database.commit()
print(row[0] if row else '')
";
    let database = process.data().join("data.db");
    let output = Command::new("python3").args(["-c", RUN]).arg(&database).arg(statement).output().expect("python3");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[test]
fn a_newer_data_folder_is_refused_clearly() {
    let mut process = Process::start(Engine::Sqlite, &[]);
    process.stop();
    let database = process.data().join("data.db");
    let output = Command::new("python3").args(["-c", NEWER]).arg(&database).output().expect("python3");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let output = process.try_run(&["serve", "--listen", "127.0.0.1:0"]);
    assert!(!output.status.success());
    let told = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(told.contains("newer"), "{told}");
}

/// Notes a migration that this binary has never heard of.
const NEWER: &str = "
import sqlite3, sys
database = sqlite3.connect(sys.argv[1])
columns = [row[1] for row in database.execute('pragma table_info(schema_migrations)')]
row = dict(zip(columns, database.execute('select * from schema_migrations order by 1 desc limit 1').fetchone()))
row[columns[0]] = 9999
database.execute('insert into schema_migrations (%s) values (%s)' % (', '.join(row), ', '.join('?' * len(row))), list(row.values()))
database.commit()
";

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("the fixture") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).expect("a copy");
            // Git keeps no modes, and secrets are the owner's alone.
            fs::set_permissions(&target, fs::Permissions::from_mode(0o600)).expect("its mode");
        }
    }
}

async fn check_world(process: &Process, expected: &Value) {
    let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned();
    let service = process.client().with_token(&text(&expected["key"]));
    for document in expected["documents"].as_array().expect("documents") {
        let path = format!("/v1/collections/notes/documents/{}", text(&document["id"]));
        assert_eq!(service.get(&path).expect(200).await.body(), *document);
    }
    for id in expected["deleted"].as_array().expect("deleted") {
        let path = format!("/v1/collections/notes/documents/{}", text(id));
        service.get(&path).problem(404, "document_not_found").await;
    }
    for user in expected["users"].as_array().expect("users") {
        let holder = process.client().with_token(&text(&user["accessToken"]));
        let owned = |document: &&Value| document["owner"] == user["id"];
        let own = expected["documents"].as_array().into_iter().flatten().filter(owned).count();
        let listed = holder.get("/v1/collections/notes/documents?limit=500&sort=-rank").expect(200).await;
        assert_eq!(listed.items().len(), own, "the rule lists his own");
        let login = json!({"email": user["email"], "password": user["password"]});
        process.client().post("/v1/auth/login").json(&login).expect(200).await;
        let refresh = json!({"refreshToken": user["refreshToken"]});
        process.client().post("/v1/auth/refresh").json(&refresh).expect(200).await;
    }
    let guest = json!({"refreshToken": expected["guest"]["refreshToken"]});
    process.client().post("/v1/auth/refresh").json(&guest).expect(200).await;
    process.client().post("/v1/admin/login").json(&expected["operator"]).expect(200).await;
    let ann = process.client().with_token(&text(&expected["users"][0]["accessToken"]));
    let page = [("sort", "-rank"), ("limit", "5"), ("cursor", expected["page"]["cursor"].as_str().expect("a cursor"))];
    let listed = ann.get("/v1/collections/notes/documents").query(&page).expect(200).await;
    assert_eq!(Value::from(listed.column("id")), expected["page"]["following"], "a cursor goes on where it was");
    check_answers(&service, expected).await;
    check_files(process, expected).await;
    check_functions(&service, expected).await;
    check_rows(process, expected);
    check_writes(&service, expected).await;
}

/// Questions are answered as they were: what is found, expanded and kept in versions, and what a consumer reads next.
async fn check_answers(service: &Client, expected: &Value) {
    for question in expected["asked"].as_array().into_iter().flatten() {
        let path = question["path"].as_str().expect("a path");
        let call = if question["method"] == "POST" { service.post(path) } else { service.get(path) };
        let call = if question["body"].is_null() { call } else { call.json(&question["body"]) };
        assert_eq!(gist(&call.expect(200).await.body()), gist(&question["answer"]), "{path}");
    }
    if let Some(consumer) = expected.get("consumer") {
        let stands = service.get("/v1/changes/consumers/crm").expect(200).await;
        assert_eq!((stands.at("/since"), stands.at("/state")), (consumer["since"].clone(), json!("active")));
        let next = service.get("/v1/changes?consumer=crm&collection=places&limit=5").expect(200).await;
        assert_eq!(gist(&next.body()), gist(&json!({"items": consumer["following"]})), "it goes on where it stood");
    }
}

/// Files are whole, and their owner reads them by the bucket's rule.
async fn check_files(process: &Process, expected: &Value) {
    let Some(files) = expected["files"].as_array() else { return };
    let owner = process.client().with_token(expected["users"][0]["accessToken"].as_str().expect("a token"));
    for file in files {
        let path = file["path"].as_str().expect("a path");
        let answer = owner.get(path).expect(200).await;
        assert_eq!(answer.text(), file["text"].as_str().expect("a text"));
        assert_eq!(answer.header("etag"), Some(format!("\"{}\"", file["sha256"].as_str().expect("a hash"))));
        process.client().get(path).problem(404, "file_not_found").await;
    }
    let told = String::from_utf8_lossy(&process.run(&["doctor", "--files"]).stdout).into_owned();
    assert!(told.contains("3 files of 9 bytes are whole; 0 blobs"), "{told}");
}

/// Each version is called as it was, by what sealed its secret; what waits goes on waiting.
async fn check_functions(service: &Client, expected: &Value) {
    let Some(functions) = expected.get("functions") else { return };
    let name = |member: &str| functions[member].as_str().expect("a name").to_owned();
    for call in functions["calls"].as_array().into_iter().flatten() {
        let path = call["path"].as_str().expect("a path");
        let answer = service.visitor().post(path).json(&call["body"]).expect(200).await;
        assert_eq!(answer.body(), call["answer"], "{path}");
    }
    let now = service.post("/v1/collections/notes/documents").json(&json!({})).expect(201).await.text_at("/createdAt");
    if now < name("runAt") {
        let task = service.get(&format!("/v1/tasks/{}", name("task"))).expect(200).await;
        assert_eq!(task.at("/status"), "pending", "{task}");
    }
    for (room, name) in [("schedules", name("schedule")), ("webhooks", name("webhook"))] {
        let listed = service.get(&format!("/v1/admin/{room}")).expect(200).await;
        assert!(listed.text().contains(&format!("\"{name}\"")), "{listed}");
    }
}

/// What an answer says that later versions say, too: which documents or places in the log, or what is expanded.
fn gist(answer: &Value) -> Value {
    match answer["items"].as_array() {
        Some(items) => items.iter().map(|item| item.get("seq").unwrap_or(&item["id"]).clone()).collect(),
        None => answer["expand"].clone(),
    }
}

/// What the API doesn't show.
fn check_rows(process: &Process, expected: &Value) {
    let select = |statement: &str| match process.database_url() {
        Some(url) => basalt_testing::psql(&url, statement).trim().to_owned(),
        None => sqlite(process, statement),
    };
    let log_id = expected["logId"].as_str().expect("a log id");
    assert_eq!(select("select value from meta where name = 'log_id'"), log_id);
    let consumer = select("select value from cells where space = 'consumers' and cell_key = 'fixture'");
    assert!(consumer.contains(log_id), "{consumer}");
    assert_eq!(select("select payload from jobs where kind = 'fixture' and job_key = 'one'"), "{\"n\": 1}");
}

/// Indexes still enforce, and the log goes on where it was.
async fn check_writes(service: &Client, expected: &Value) {
    let path = "/v1/collections/notes/documents";
    service.post(path).json(&json!({"slug": "note-7"})).problem(409, "unique_conflict").await;
    let made = service.post(path).json(&json!({"slug": "fresh"})).expect(201).await;
    assert!(made.header("basalt-seq").as_deref() > expected["seq"].as_str(), "the log goes on: {made}");
    let found = service.get("/v1/collections/notes/documents?filter=%27all%27%20in%20tags&limit=500").expect(200).await;
    let tagged = expected["documents"].as_array().into_iter().flatten().filter(|document| !document["tags"].is_null());
    assert_eq!(found.items().len(), tagged.count());
}
