//! One node in this process, driven over its real doors: HTTP and the admin socket.
#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::net::SocketAddr;
use std::path::Path;

use basalt::admin::{self, AdminCommand};
use basalt::{Configuration, Outside, RunningNode};
use serde_json::{Value, json};

const APP: &str = r#"
[collections.notes.rules]
read = "auth.id == doc.owner"
create = "auth.id == next.owner"
update = "auth.id == doc.owner && unchanged('owner')"
[auth.limits]
triesOfAccount = 100
"#;

struct Server {
    node: RunningNode,
    client: reqwest::Client,
}

struct Answer {
    status: u16,
    headers: reqwest::header::HeaderMap,
    body: Value,
}

async fn start(folder: &Path) -> Server {
    start_as(folder, None).await
}

/// Under a public URL of its own: tokens name it, so they outlive a change of the port.
async fn start_as(folder: &Path, public_url: Option<&str>) -> Server {
    std::fs::create_dir_all(folder.join("app")).unwrap();
    std::fs::write(folder.join("app/app.toml"), APP).unwrap();
    let configuration = Configuration {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        data: folder.join("data"),
        app: Some(folder.join("app")),
        public_url: public_url.map(str::to_owned),
        ..Configuration::default()
    };
    let node = basalt::assemble(configuration, Outside::real()).await.unwrap().start().await.unwrap();
    // A client without a provider of TLS isn't made; whether there was one already is all the same.
    drop(rustls::crypto::ring::default_provider().install_default());
    #[expect(clippy::disallowed_methods, reason = "talks to this test's own server alone")]
    let client = reqwest::Client::new();
    Server { node, client }
}

impl Server {
    async fn call(&self, method: &str, path: &str, token: Option<&str>, body: Option<Value>) -> Answer {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self.client.request(method, format!("{}{path}", self.node.url));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.unwrap();
        Answer { status, headers, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) }
    }

    async fn sign_up(&self, email: &str) -> (String, String) {
        let body = json!({ "email": email, "password": "correct horse battery staple" });
        let answer = self.call("POST", "/v1/auth/signup", None, Some(body)).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&answer.body["user"]["id"]), text(&answer.body["session"]["accessToken"]))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_signs_up_and_keeps_notes_that_nobody_else_sees() {
    let folder = tempfile::tempdir().unwrap();
    let server = start_as(folder.path(), Some("https://api.example.org")).await;
    let (ann, token) = server.sign_up("ann@example.com").await;
    let note = json!({ "title": "milk", "owner": ann });
    let created = server.call("POST", "/v1/collections/notes/documents", Some(&token), Some(note)).await;
    assert_eq!(created.status, 201, "{}", created.body);
    assert!(created.headers.contains_key("etag") && created.headers.contains_key("basalt-seq"));
    let place = created.headers["location"].to_str().unwrap().to_owned();

    let listed = server.call("GET", "/v1/collections/notes/documents", Some(&token), None).await;
    assert_eq!(listed.body["items"][0]["title"], "milk");
    let got = server.call("GET", &place, Some(&token), None).await;
    assert_eq!((got.status, &got.body["rev"]), (200, &created.body["rev"]));

    let (_, stranger) = server.sign_up("eve@example.com").await;
    assert_eq!(server.call("GET", &place, Some(&stranger), None).await.status, 404);
    assert_eq!(server.call("GET", &place, None, None).await.status, 404);
    let listed = server.call("GET", "/v1/collections/notes/documents", Some(&stranger), None).await;
    assert_eq!(listed.body["items"], json!([]));

    // What was acknowledged is there when the server comes back.
    server.node.stop().await;
    let server = start_as(folder.path(), Some("https://api.example.org")).await;
    assert_eq!(server.call("GET", &place, Some(&token), None).await.body["title"], "milk");
    server.node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_one_time_link_makes_the_owner_and_no_second_one() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path()).await;
    let link = server.node.setup_url.clone().unwrap();
    let (page, token) = link.expose().split_once('#').unwrap();
    assert_eq!(server.client.get(page).send().await.unwrap().status(), 200);

    let body = |token: &str| json!({ "token": token, "email": "op@example.com", "password": "a long enough phrase" });
    assert_eq!(server.call("POST", "/v1/admin/setup", None, Some(body("guessed"))).await.status, 401);
    let made = server.call("POST", "/v1/admin/setup", None, Some(body(token))).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let cookie = made.headers["set-cookie"].to_str().unwrap().to_owned();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/v1/admin"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert_eq!(server.call("POST", "/v1/admin/setup", None, Some(body(token))).await.status, 409);

    let session = cookie.split(';').next().unwrap();
    let me = server.client.get(format!("{}/v1/admin/me", server.node.url)).header("cookie", session);
    assert_eq!(me.send().await.unwrap().json::<Value>().await.unwrap()["role"], "owner");
    let unsafe_call = || {
        let request = server.client.post(format!("{}/v1/admin/keys", server.node.url)).header("cookie", session);
        request.json(&json!({ "name": "k", "scopes": ["*"] }))
    };
    assert_eq!(unsafe_call().send().await.unwrap().status(), 403, "without an origin");
    let foreign = unsafe_call().header("origin", "https://evil.test").send().await.unwrap();
    assert_eq!(foreign.status(), 403);
    let own = unsafe_call().header("origin", server.node.url.as_str()).send().await.unwrap();
    assert_eq!(own.status(), 201);
    server.node.stop().await;
    let server = start(folder.path()).await;
    assert!(server.node.setup_url.is_none());
    server.node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_reach_a_running_server_by_its_socket_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    assert!(admin::send(&data, &AdminCommand::KeyList).await.unwrap().is_none(), "no server yet");

    let server = start(folder.path()).await;
    let mode = std::fs::metadata(data.join("admin.sock")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let create =
        AdminCommand::KeyCreate { name: "test".into(), scopes: vec!["admin".into()], expires_in: Some("1h".into()) };
    let answer = admin::send(&data, &create).await.unwrap().unwrap();
    let key = answer["key"].as_str().unwrap();
    assert_eq!(server.call("GET", "/v1/admin/me", Some(key), None).await.body["type"], "service");
    assert_eq!(server.call("GET", "/metrics", Some(key), None).await.status, 200);
    assert_eq!(server.call("GET", "/metrics", None, None).await.status, 401);

    let revoke = AdminCommand::KeyRevoke { id: answer["id"].as_str().unwrap().into() };
    admin::send(&data, &revoke).await.unwrap().unwrap();
    assert_eq!(server.call("GET", "/v1/admin/me", Some(key), None).await.status, 401);
    let refused = admin::send(&data, &revoke).await.unwrap_err();
    assert_eq!(refused.code().as_str(), "key_not_found");

    let (ann, token) = server.sign_up("ann@example.com").await;
    let disable = AdminCommand::UserDisable { user: "Ann@example.com".into(), disabled: true };
    assert_eq!(admin::send(&data, &disable).await.unwrap().unwrap()["id"], ann.as_str());
    assert!(matches!(server.call("GET", "/v1/auth/me", Some(&token), None).await.status, 401 | 403));

    server.node.stop().await;
    assert!(!data.join("admin.sock").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_requests_get_clear_problems() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path()).await;
    let (_, token) = server.sign_up("ann@example.com").await;
    let documents = "/v1/collections/notes/documents";
    let cases = [
        ("GET", "/v1/nowhere", 404, "route_not_found"),
        ("DELETE", documents, 405, "method_not_allowed"),
        ("GET", "/v1/collections/notes/documents?limt=3", 400, "unknown_parameter"),
        ("GET", "/v1/auth/me?x=1", 400, "unknown_parameter"),
        ("GET", "/v1/collections/notes/documents?filter=((", 400, "bad_filter"),
        ("GET", "/v1/collections/notes/documents?search=x", 400, "not_searchable"),
        ("GET", "/v1/collections/_sessions/documents", 404, "collection_not_found"),
        ("GET", "/v1/collections/%5Fsessions/documents", 404, "collection_not_found"),
        ("GET", "/v1/collections/nope/documents", 404, "collection_not_found"),
        ("GET", "/v1/collections/notes/documents/a%2Fb", 400, "bad_request"),
        ("POST", documents, 415, "unsupported_media_type"),
        ("GET", "/v1/admin/users", 403, "forbidden"),
    ];
    for (method, path, status, code) in cases {
        let answer = server.call(method, path, Some(&token), None).await;
        assert_eq!((answer.status, &answer.body["code"]), (status, &code.into()), "{method} {path}: {}", answer.body);
        assert_eq!(answer.headers["content-type"], "application/problem+json");
        assert_eq!(answer.body["requestId"].as_str(), answer.headers["x-request-id"].to_str().ok());
        assert_eq!(status == 405, answer.headers.contains_key("allow"));
    }
    for body in ["{\"a\":1,\"a\":2}", "{\"a\":1e400}", "{\"a\":\"\\u0000\"}", "[]", "{"] {
        let request = server.client.post(format!("{}{documents}", server.node.url)).bearer_auth(&token);
        let answer = request.header("content-type", "application/json").body(body).send().await.unwrap();
        assert_eq!(answer.status(), 400, "{body}");
    }
    let head = server.client.head(format!("{}/health/live", server.node.url)).send().await.unwrap();
    assert_eq!((head.status().as_u16(), head.headers()["content-length"].to_str().unwrap()), (200, "17"));
    assert_eq!(head.text().await.unwrap(), "");
    server.node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_answers_what_is_under_way() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path()).await;
    server.sign_up("ann@example.com").await;
    let mut logins = tokio::task::JoinSet::new();
    for _ in 0..12 {
        let body = json!({ "email": "ann@example.com", "password": "correct horse battery staple" });
        let request = server.client.post(format!("{}/v1/auth/login", server.node.url)).json(&body);
        logins.spawn(async move { request.send().await.unwrap().status().as_u16() });
    }
    // The first answer takes a password hash; by then all have been accepted, and most of them wait for theirs.
    assert_eq!(logins.join_next().await.unwrap().unwrap(), 200);
    server.node.stop().await;
    while let Some(status) = logins.join_next().await {
        assert_eq!(status.unwrap(), 200);
    }
}
