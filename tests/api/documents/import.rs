use std::io::Write as _;

use basalt_testing::{Client, TestServer, on_both_engines};
use futures_util::stream;
use serde_json::{Value, json};

use crate::support::{create, define_open, documents, get, own_data};

on_both_engines! {
    what_was_exported_comes_in_again_as_it_was,
    each_line_is_decided_for_itself,
    modes_say_what_becomes_of_what_is_there,
    lines_of_one_document_count_in_their_order,
    it_goes_on_from_a_line,
    failures_come_while_it_reads,
    a_stream_is_larger_than_a_body_may_be,
    many_documents_go_in_and_out,
    who_may_not_write_imports_nothing,
    the_users_door_stays_closed,
    compressed_lines_are_bounded,
    bad_parameters_are_refused,
}

const NDJSON: &str = "application/x-ndjson";

fn import(collection: &str) -> String {
    format!("/v1/collections/{collection}/import")
}

fn ndjson(documents: &[Value]) -> String {
    documents.iter().map(|document| format!("{document}\n")).collect::<Vec<_>>().concat()
}

/// The failures by their lines, and the last line.
async fn imported(client: &Client, query: &str, body: impl Into<Vec<u8>>) -> (Vec<Value>, Value) {
    let answer = client.post(&format!("{}{query}", import("open"))).body(NDJSON, body).expect(200).await;
    let mut lines: Vec<Value> = answer.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let last = lines.pop().unwrap();
    lines.sort_by_key(|line| line["line"].as_u64());
    (lines, last)
}

fn done(created: u64, replaced: u64, failed: u64, last_line: u64) -> Value {
    json!({"done": true, "created": created, "replaced": replaced, "failed": failed, "lastLine": last_line})
}

async fn what_was_exported_comes_in_again_as_it_was(server: TestServer) {
    define_open(&server).await;
    server.define("copy", &json!({})).await;
    let service = server.service();
    let lines: Vec<Value> = (0..600)
        .map(|n| {
            json!({"id": format!("d{n:03}"), "n": n, "createdAt": "2020-01-02T03:04:05.678Z",
            "updatedAt": "2021-01-02T03:04:05.678Z", "rev": "ignored", "text": "é 手机".repeat(n % 20)})
        })
        .collect();
    assert_eq!(imported(service, "", ndjson(&lines)).await, (vec![], done(600, 0, 0, 600)));
    let exported = service.get("/v1/collections/open/export").expect(200).await;
    let again = service.post(&import("copy")).body(NDJSON, exported.bytes.clone()).expect(200).await;
    assert_eq!(again.body(), done(600, 0, 0, 600));
    let copied = service.get("/v1/collections/copy/export").expect(200).await;
    let parse = |text: String| -> Vec<Value> {
        text.lines()
            .map(|line| {
                let mut document: Value = serde_json::from_str(line).unwrap();
                document.as_object_mut().unwrap().remove("rev");
                document
            })
            .collect()
    };
    let (first, second) = (parse(exported.text()), parse(copied.text()));
    assert_eq!(first, second);
    assert_eq!(first[7]["createdAt"], "2020-01-02T03:04:05.678Z");
    assert_eq!(first[7]["updatedAt"], "2021-01-02T03:04:05.678Z");
}

async fn each_line_is_decided_for_itself(server: TestServer) {
    let schema = json!({"type": "object", "properties": {"n": {"type": "integer"}}});
    let indexes = json!([{"fields": ["slug"], "unique": true}]);
    server.define("open", &json!({"schema": schema, "indexes": indexes})).await;
    create(server.service(), "open", json!({"id": "z", "slug": "s"})).await;
    let deep = format!("{{\"x\":{}{}}}", "[".repeat(70), "]".repeat(70));
    let large = format!("{{\"x\":\"{}\"}}", "x".repeat(1 << 20));
    let endless = format!("{{\"x\":\"{}\"}}", "x".repeat(3 << 20));
    let lines = [
        "{\"id\":\"a\",\"n\":1}",
        "no json",
        "{\"id\":\"b\",\"n\":\"x\"}",
        "",
        "{\"id\":\"c\",\"slug\":\"s\"}",
        "{\"id\":\"a\"}",
        "[1]",
        "{\"id\":\"a/b\"}",
        &deep,
        &large,
        &endless,
        "{\"id\":\"d\",\"createdAt\":\"yesterday\"}",
        "{\"id\":\"e\",\"$x\":1}",
        "{\"n\":2}",
    ];
    let (failures, last) = imported(server.service(), "", lines.join("\n")).await;
    let told: Vec<(u64, &str)> =
        failures.iter().map(|f| (f["line"].as_u64().unwrap(), f["code"].as_str().unwrap())).collect();
    let wanted = [
        (2, "bad_json"),
        (3, "schema_violation"),
        (5, "unique_conflict"),
        (6, "document_exists"),
        (7, "bad_json"),
        (8, "bad_request"),
        (9, "bad_json"),
        (10, "too_large"),
        (11, "too_large"),
        (12, "schema_violation"),
        (13, "bad_request"),
    ];
    assert_eq!(told, wanted, "{failures:?}");
    assert_eq!(last, done(2, 0, 11, 14));
    let violation = &failures[1];
    assert_eq!((&violation["id"], &violation["status"]), (&json!("b"), &json!(422)));
    assert_eq!(violation["errors"][0]["path"], "/n");
    assert_eq!(server.service().get(&documents("open")).expect(200).await.items().len(), 3);
}

async fn modes_say_what_becomes_of_what_is_there(server: TestServer) {
    define_open(&server).await;
    let service = server.service();
    let body = |n: u64, ids: &[&str]| ndjson(&ids.iter().map(|id| json!({"id": id, "n": n})).collect::<Vec<_>>());
    assert_eq!(imported(service, "", body(1, &["a", "b"])).await.1, done(2, 0, 0, 2));
    let created_at = get(service, "open", "a").await["createdAt"].clone();
    let (failures, last) = imported(service, "?mode=replace", body(2, &["a", "c"])).await;
    assert_eq!(last, done(0, 1, 1, 2));
    assert_eq!((&failures[0]["id"], &failures[0]["code"]), (&json!("c"), &json!("document_not_found")));
    let a = get(service, "open", "a").await;
    assert_eq!((own_data(&a), &a["createdAt"]), (json!({"n": 2}), &created_at), "replaced, and as old as it was");
    assert_eq!(imported(service, "?mode=upsert", body(3, &["a", "d"])).await.1, done(1, 1, 0, 2));
    let (failures, last) = imported(service, "?mode=create", body(4, &["a", "e"])).await;
    assert_eq!((last, &failures[0]["code"]), (done(1, 0, 1, 2), &json!("document_exists")));
    let (failures, _) = imported(service, "?mode=replace", "{\"n\":1}").await;
    assert_eq!(failures[0]["errors"][0]["path"], "/id");
}

async fn lines_of_one_document_count_in_their_order(server: TestServer) {
    define_open(&server).await;
    let lines: Vec<Value> = (0..700).map(|n| json!({"id": format!("d{}", n % 3), "n": n})).collect();
    let (failures, last) = imported(server.service(), "?mode=upsert&hooks=false", ndjson(&lines)).await;
    assert_eq!((failures, last), (vec![], done(3, 697, 0, 700)));
    for (id, n) in [("d0", 699), ("d1", 697), ("d2", 698)] {
        assert_eq!(get(server.service(), "open", id).await["n"], n);
    }
}

async fn it_goes_on_from_a_line(server: TestServer) {
    define_open(&server).await;
    let lines: Vec<Value> = (1..=1_000).map(|n| json!({"id": format!("d{n}")})).collect();
    let body = ndjson(&lines);
    let (_, last) = imported(server.service(), "", body[..body.find("{\"id\":\"d400\"}").unwrap()].to_owned()).await;
    assert_eq!(last, done(399, 0, 0, 399));
    assert_eq!(imported(server.service(), "?from=400", body).await, (vec![], done(601, 0, 0, 1_000)));
}

async fn failures_come_while_it_reads(server: TestServer) {
    define_open(&server).await;
    let (sender, receiver) = tokio::sync::mpsc::channel::<Vec<u8>>(1);
    let pieces = stream::unfold(receiver, |mut receiver| async move {
        let piece = receiver.recv().await?;
        Some((Ok::<_, std::io::Error>(piece), receiver))
    });
    let call = server.service().post(&format!("{}?progress=true", import("open"))).pieces(NDJSON, pieces);
    sender.send(b"no json\n{\"id\":\"a\"}\n".to_vec()).await.unwrap();
    let mut lines = call.open(200).await;
    let failure = lines.json().await.unwrap();
    assert_eq!((&failure["line"], &failure["code"]), (&json!(1), &json!("bad_json")));
    let batch = (0..250).map(|n| format!("{{\"id\":\"d{n}\"}}\n")).collect::<Vec<_>>().concat();
    sender.send(batch.into_bytes()).await.unwrap();
    let progress = lines.json().await.unwrap();
    assert!(progress["progress"]["lastLine"].as_u64() >= Some(250), "{progress}");
    drop(sender);
    assert_eq!(lines.json().await.unwrap(), done(251, 0, 1, 252));
    assert!(lines.json().await.is_none());
}

/// Lines of some size, sent as they are made.
fn many(count: usize, bytes: usize) -> impl futures_util::Stream<Item = Result<Vec<u8>, std::io::Error>> {
    let text = "x".repeat(bytes);
    stream::iter((0..count.div_ceil(1_000)).map(move |piece| {
        let lines = (piece * 1_000..count.min((piece + 1) * 1_000))
            .map(|n| format!("{{\"id\":\"d{n:07}\",\"n\":{n},\"text\":\"{text}\"}}\n"));
        Ok(lines.collect::<Vec<_>>().concat().into_bytes())
    }))
}

async fn a_stream_is_larger_than_a_body_may_be(server: TestServer) {
    define_open(&server).await;
    let call = server.service().post(&import("open")).pieces(NDJSON, many(3_000, 4_000));
    assert_eq!(call.expect(200).await.body(), done(3_000, 0, 0, 3_000));
}

async fn many_documents_go_in_and_out(server: TestServer) {
    define_open(&server).await;
    let count = 5_000;
    let mut lines = server.service().post(&import("open")).pieces(NDJSON, many(count, 20)).open(200).await;
    let wanted = done(count as u64, 0, 0, count as u64);
    assert_eq!(lines.json().await.unwrap(), wanted);
    let mut lines = server.service().get("/v1/collections/open/export").open(200).await;
    for n in 0..count {
        let document = lines.json().await.unwrap();
        assert_eq!(document["n"], n, "in the order of ids, and none is missing");
    }
    assert!(lines.json().await.is_none());
}

async fn who_may_not_write_imports_nothing(server: TestServer) {
    define_open(&server).await;
    let call = |client: &Client| client.post(&import("open")).body(NDJSON, "{\"id\":\"a\"}\n");
    call(&server.visitor()).problem(401, "unauthenticated").await;
    call(&*server.user("ann").await).problem(403, "forbidden").await;
    call(&server.key(&["documents:read"]).await).problem(403, "scope_missing").await;
    call(&server.key(&["documents:write:other"]).await).problem(403, "scope_missing").await;
    assert!(server.service().get(&documents("open")).expect(200).await.items().is_empty());
    call(&server.key(&["documents:write:open"]).await).expect(200).await;
}

async fn the_users_door_stays_closed(server: TestServer) {
    let line = "{\"id\":\"u1\",\"email\":\"ann@example.com\"}\n";
    let answer = server.service().post(&import("users")).body(NDJSON, line).expect(200).await;
    assert!(answer.text().contains("\"failed\":1"), "{answer}");
    server.service().get("/v1/collections/users/documents/u1").problem(404, "document_not_found").await;
}

fn zipped(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(text).and_then(|()| encoder.finish()).expect("gzip")
}

async fn compressed_lines_are_bounded(server: TestServer) {
    define_open(&server).await;
    let call = |body: Vec<u8>| {
        server.service().post(&import("open")).body(NDJSON, body).header("content-encoding", "gzip").expect(200)
    };
    // A line that grows without end, and one behind it.
    let endless = [&b"{\"id\":\"a\",\"x\":\""[..], &vec![b'x'; 64 << 20], b"\"}\n{\"id\":\"b\"}\n"].concat();
    let answer = call(zipped(&endless)).await;
    let lines: Vec<Value> = answer.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&lines[0]["line"], &lines[0]["code"]), (&json!(1), &json!("too_large")), "{answer}");
    assert_eq!(lines[1], done(1, 0, 1, 2));
    // What is cut off, or none at all, is told as such; what came before is done.
    let whole = zipped(ndjson(&(0..2_000).map(|n| json!({"id": format!("c{n}")})).collect::<Vec<_>>()).as_bytes());
    for body in [whole[..whole.len() - 4].to_vec(), b"{\"id\":\"d\"}\n".to_vec()] {
        let answer = call(body).await;
        let last: Value = serde_json::from_str(answer.text().lines().last().unwrap()).unwrap();
        assert_eq!((&last["done"], &last["error"]["code"]), (&json!(false), &json!("bad_request")), "{answer}");
    }
    let from = call([zipped(b"{\"id\":\"e\"}\n"), zipped(b"{\"id\":\"f\"}\n")].concat()).await;
    assert_eq!(from.body(), done(2, 0, 0, 2), "one after the other");
}

async fn bad_parameters_are_refused(server: TestServer) {
    define_open(&server).await;
    let service = server.service();
    let call = |query: &str| service.post(&format!("{}?{query}", import("open"))).body(NDJSON, "{}");
    for bad in ["mode=insert", "from=-1", "hooks=maybe", "progress=1"] {
        call(bad).problem(400, "bad_parameter").await;
    }
    call("limit=1").problem(400, "unknown_parameter").await;
    service.post(&import("open")).json(&json!({})).problem(415, "unsupported_media_type").await;
    for odd in ["zstd", "gzip, gzip", "br"] {
        let call = service.post(&import("open")).body(NDJSON, "x").header("content-encoding", odd);
        call.problem(415, "unsupported_media_type").await;
    }
    service.post(&import("nothing")).body(NDJSON, "{}").problem(404, "collection_not_found").await;
    assert_eq!(imported(service, "", "").await, (vec![], done(0, 0, 0, 0)));
}
