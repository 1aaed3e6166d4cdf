//! `POST /v1/realtime/sse`: the same frames as an event stream.

use basalt_testing::{Client, TestServer, on_both_engines};
use futures_util::StreamExt;
use serde_json::{Value, json};

use crate::support::{create, define_notes, define_open};

on_both_engines!(frames_come_as_events, each_caller_gets_what_is_his, what_is_wrong_with_the_request_is_a_problem,);

/// An open stream.
struct Events {
    bytes: std::pin::Pin<Box<dyn futures_util::Stream<Item = reqwest::Result<Vec<u8>>>>>,
    text: String,
}

impl Events {
    async fn open(client: &Client, subscriptions: Value) -> Self {
        let body = json!({"subscriptions": subscriptions});
        let response = client.post("/v1/realtime/sse").json(&body).stream().await;
        assert_eq!(response.status().as_u16(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let bytes = response.bytes_stream().map(|chunk| chunk.map(|bytes| bytes.to_vec()));
        Self { bytes: Box::pin(bytes), text: String::new() }
    }

    /// The next event: its id and its frame.
    async fn next(&mut self) -> (Option<String>, Value) {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.text = rest;
                let field = |name: &str| {
                    event.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim_start().to_owned())
                };
                if let Some(data) = field("data:") {
                    return (field("id:"), serde_json::from_str(&data).unwrap());
                }
                continue;
            }
            let chunk = tokio::time::timeout(std::time::Duration::from_secs(20), self.bytes.next()).await;
            let chunk = chunk.expect("an event in time").expect("the stream goes on").unwrap();
            self.text.push_str(&String::from_utf8(chunk).unwrap());
        }
    }
}

async fn frames_come_as_events(server: TestServer) {
    define_open(&server).await;
    let visitor = server.visitor();
    let subscriptions = json!([
        {"id": "s", "collection": "open", "filter": "n > 1"}, {"id": "bad", "collection": "nothing"},
    ]);
    let mut events = Events::open(&visitor, subscriptions).await;
    let frames = [events.next().await, events.next().await];
    let snapshot = frames.iter().find(|(_, frame)| frame["type"] == "snapshot").unwrap();
    let error = frames.iter().find(|(_, frame)| frame["type"] == "error").unwrap();
    assert_eq!(snapshot.0.as_deref(), snapshot.1["seq"].as_str());
    assert_eq!((&error.0, &error.1["code"]), (&None, &json!("collection_not_found")));
    create(&visitor, "open", json!({"n": 1})).await;
    let doc = create(&visitor, "open", json!({"n": 2})).await;
    let (id, frame) = events.next().await;
    assert_eq!((&frame["op"], &frame["doc"]), (&json!("added"), &doc));
    assert_eq!(id.as_deref(), frame["seq"].as_str());
}

async fn each_caller_gets_what_is_his(server: TestServer) {
    define_notes(&server).await;
    let (ann, ben) = (server.user("ann").await, server.user("ben").await);
    create(&ann, "notes", json!({"id": "a", "owner": ann.id})).await;
    let subscriptions = json!([{"id": "s", "collection": "notes"}]);
    let mut of_ann = Events::open(&ann, subscriptions.clone()).await;
    let mut of_ben = Events::open(&ben, subscriptions.clone()).await;
    let mut of_nobody = Events::open(&server.visitor(), subscriptions).await;
    assert_eq!(of_ann.next().await.1["docs"][0]["id"], "a");
    assert_eq!(of_ben.next().await.1["docs"], json!([]));
    assert_eq!(of_nobody.next().await.1["docs"], json!([]));
    ann.post("/v1/auth/logout").json(&json!({"scope": "all"})).expect(204).await;
    assert_eq!(of_ann.next().await.1, json!({"type": "auth_expired"}));
}

async fn what_is_wrong_with_the_request_is_a_problem(server: TestServer) {
    define_open(&server).await;
    let post = |body: Value| server.visitor().post("/v1/realtime/sse").json(&body);
    post(json!({"subscriptions": [{"id": "s"}]})).problem(400, "bad_parameter").await;
    post(json!({"subscriptions": [{"collection": "open"}]})).problem(400, "bad_request").await;
    post(json!({"subscriptions": [], "more": 1})).problem(400, "unknown_field").await;
    let many: Vec<Value> = (0..101).map(|n| json!({"id": format!("s{n}"), "collection": "open"})).collect();
    post(json!({"subscriptions": many})).problem(429, "quota_exceeded").await;
    let stranger = server.visitor().with_header("Origin", "https://evil.example.org");
    stranger.post("/v1/realtime/sse").json(&json!({"subscriptions": []})).problem(403, "origin_refused").await;
    server.visitor().with_token("x").post("/v1/realtime/sse").json(&json!({"subscriptions": []})).expect(401).await;
}
