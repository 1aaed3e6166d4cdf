//! Starting, stopping, and starting wrongly.

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use basalt_testing::{Engine, Process};
use serde_json::json;

#[test]
fn a_second_process_on_one_data_folder_is_refused() {
    let first = Process::start(Engine::Sqlite, &[]);
    let output = first.try_run(&["serve", "--listen", "127.0.0.1:0"]);
    assert!(!output.status.success());
    let told = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(told.contains("Another process uses the data folder"), "{told}");
}

#[test]
fn secrets_of_the_deployment_are_for_their_owner_alone() {
    let process = Process::start(Engine::Sqlite, &[]);
    let folder = process.data();
    for entry in std::fs::read_dir(&folder).expect("the data folder") {
        let path = entry.expect("an entry").path();
        let mode = path.metadata().expect("its mode").permissions().mode() & 0o777;
        assert_eq!(mode & 0o077, 0, "{} has mode {mode:o}", path.display());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_graceful_stop_answers_what_was_accepted() {
    for engine in Engine::BOTH {
        let (mut process, client) = crate::support::server(engine).await;
        let writes: Vec<_> = (0..32)
            .map(|n| {
                let client = client.clone();
                tokio::spawn(async move {
                    client.post("/v1/collections/things/documents").json(&json!({"n": n})).try_send().await
                })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(20)).await;
        let start = Instant::now();
        let status = process.stop();
        assert!(status.success(), "{status}");
        assert!(start.elapsed() < Duration::from_secs(20));
        let mut acknowledged = 0;
        for write in writes {
            if let Ok(answer) = write.await.unwrap() {
                assert!(answer.status == 201 || answer.status == 503, "{answer}");
                acknowledged += usize::from(answer.status == 201);
            }
        }
        process.restart();
        let body = json!({"limit": 1, "count": "exact"});
        let page = client.post("/v1/collections/things/query").json(&body).expect(200).await;
        assert!(page.at("/total").as_u64() >= Some(acknowledged as u64), "{page}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_stay_valid_across_a_restart() {
    for engine in Engine::BOTH {
        let mut process = Process::start(engine, &[]);
        let body = json!({"email": "ann@example.com", "password": "a long enough phrase"});
        let signed = process.client().post("/v1/auth/signup").json(&body).expect(201).await;
        process.kill();
        process.restart();
        let ann = process.client().with_token(&signed.text_at("/session/accessToken"));
        ann.get("/v1/auth/me").expect(200).await;
        let refresh = json!({"refreshToken": signed.text_at("/session/refreshToken")});
        process.client().post("/v1/auth/refresh").json(&refresh).expect(200).await;
    }
}

#[test]
fn a_wrong_setting_is_named_and_nothing_starts() {
    let mut process = Process::prepare(Engine::Sqlite, &[]);
    process.set("BASALT_LISTEN", "nonsense");
    let output = process.try_run(&["serve"]);
    assert!(!output.status.success());
    let told = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(told.to_lowercase().contains("listen"), "{told}");
}

#[test]
fn an_empty_folder_is_served_within_moments() {
    let start = Instant::now();
    let process = Process::start(Engine::Sqlite, &[]);
    let took = start.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}:\n{}", process.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_line_of_the_log_is_json_and_requests_are_found_by_their_id() {
    let mut process = Process::prepare(Engine::Sqlite, &[]);
    process.set("BASALT_LOG_LEVEL", "info,basalt::request=debug");
    process.restart();
    let client = process.client().with_header("X-Request-Id", "found-by-this");
    client.get("/v1/auth/me").problem(401, "unauthenticated").await;
    assert!(process.stop().success());
    let mut requests = 0;
    // What the command itself tells people goes to standard output.
    for line in process.log().lines().filter(|line| line.starts_with('{')) {
        let entry: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(entry["timestamp"].is_string() && entry["level"].is_string(), "{line}");
        requests += usize::from(entry["request"] == "found-by-this");
        if entry["request"] == "found-by-this" {
            assert_eq!((&entry["status"], &entry["path"]), (&json!(401), &json!("/v1/auth/me")), "{line}");
        }
    }
    assert_eq!(requests, 1, "{}", process.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_have_an_address_of_their_own_where_that_is_set() {
    let mut process = Process::prepare(Engine::Sqlite, &[]);
    // Another server's free port, which is free as long as that one isn't started.
    let address = Process::prepare(Engine::Sqlite, &[]).base().replace("http://", "");
    process.set("BASALT_METRICS_LISTEN", &address);
    process.restart();
    process.client().get("/health/ready").expect(200).await;
    let metrics = basalt_testing::Client::new(&format!("http://{address}"));
    let text = metrics.get("/metrics").expect(200).await.text();
    assert!(text.contains("basalt_http_requests_total"), "{text}");
    metrics.get("/v1/auth/me").expect(404).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_address_of_the_database_may_be_in_a_file() {
    let mut process = Process::prepare(Engine::Postgres, &[]);
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), format!("{}\n", process.database_url().expect("PostgreSQL"))).expect("its content");
    process.unset("BASALT_DATABASE_URL");
    process.set("BASALT_DATABASE_URL_FILE", file.path().to_str().expect("a path"));
    process.restart();
    let body = json!({"email": "ann@example.com", "password": "a long enough phrase"});
    process.client().post("/v1/auth/signup").json(&body).expect(201).await;
    assert!(!process.data().join("data.db").exists(), "it went to SQLite instead");
}
