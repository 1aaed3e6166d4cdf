//! After a life of sign-ups, sign-ins, refreshes and keys, nothing secret lies in the database in clear.

use std::path::Path;
use std::process::Command;

use basalt_testing::{Engine, Process};
use serde_json::json;

const PASSWORD: &str = "canary-password-7c1e";
const CHANGED: &str = "canary-changed-password-9d2f";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite() {
    no_secret_is_in_the_database_in_clear(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres() {
    no_secret_is_in_the_database_in_clear(Engine::Postgres).await;
}

async fn no_secret_is_in_the_database_in_clear(engine: Engine) {
    let mut process = Process::prepare(engine, &[]);
    process.set("BASALT_LOG_LEVEL", "trace");
    process.restart();
    let secrets = live(&process).await;
    let log = process.log();
    process.stop();
    let stored = match process.database_url() {
        Some(url) => dump(&url),
        None => folder(&process.data()),
    };
    assert!(find(&stored, b"ann@example.com"), "the dump holds what was stored");
    for secret in &secrets {
        assert!(!find(&stored, secret.as_bytes()), "{secret} lies in the database in clear");
        assert!(!log.contains(secret.as_str()), "{secret} stands in the log");
    }
}

/// Uses every way in, and hands back what may never be stored: passwords, tokens, keys, and their random parts alone.
async fn live(process: &Process) -> Vec<String> {
    let client = process.client();
    let body = json!({"email": "ann@example.com", "password": PASSWORD});
    let signed = client.post("/v1/auth/signup").json(&body).expect(201).await;
    let login = client.post("/v1/auth/login").json(&body).expect(200).await;
    let refresh = json!({"refreshToken": login.text_at("/session/refreshToken")});
    let refreshed = client.post("/v1/auth/refresh").json(&refresh).expect(200).await;
    let mut secrets = vec![PASSWORD.to_owned(), CHANGED.to_owned()];
    for answer in [&signed, &login, &refreshed] {
        secrets.push(answer.text_at("/session/accessToken"));
        let token = answer.text_at("/session/refreshToken");
        secrets.extend(token.rsplit(['.', '_']).next().filter(|part| part.len() >= 16).map(str::to_owned));
        secrets.push(token);
    }
    let ann = client.with_token(&refreshed.text_at("/session/accessToken"));
    let change = json!({"currentPassword": PASSWORD, "newPassword": CHANGED});
    ann.post("/v1/auth/password/change").json(&change).expect(204).await;
    let wrong = json!({"email": "ann@example.com", "password": format!("{PASSWORD}-wrong")});
    client.post("/v1/auth/login").json(&wrong).expect(401).await;
    let made = process.run(&["keys", "create", "--scopes", "*"]);
    let text = String::from_utf8_lossy(&made.stdout).into_owned();
    let key = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').find(|word| word.starts_with("bst_sk_"));
    let key = key.expect("a key").to_owned();
    client.with_token(&key).get("/v1/collections/users/documents").expect(200).await;
    secrets.push(key.trim_start_matches("bst_sk_").to_owned());
    secrets
}

fn dump(url: &str) -> Vec<u8> {
    let output = Command::new("pg_dump").args(["--inserts", url]).output().expect("pg_dump");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// The database's files; keys of the deployment lie in files of their own, which only the server reads.
fn folder(path: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(path).expect("the data folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            all.extend(folder(&path));
        } else if name.contains(".db") || name.contains("sqlite") {
            all.extend(std::fs::read(&path).expect("a file"));
        }
    }
    all
}

fn find(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}
