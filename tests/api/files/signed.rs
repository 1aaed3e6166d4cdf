//! Signed URLs: a capability for one file, one method and a time.

use std::time::Duration;

use basalt_testing::{Client, TestServer, on_both_engines};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use super::support::{PNG, bytes, call, define_bucket, file, files, metadata, owned, paths, put, sign, with};

on_both_engines! {
    a_download_needs_nobody,
    an_upload_needs_nobody,
    it_is_over_when_it_is_over,
    it_is_for_one_path_and_one_method,
    a_forged_one_is_refused,
    an_upload_keeps_its_conditions,
    the_rule_is_asked_when_it_is_signed,
    many_are_signed_at_once,
    bad_requests_are_refused,
    a_picture_comes_in_the_signed_size,
    it_opens_nothing_else,
}

async fn define(server: &TestServer) -> basalt_testing::User {
    define_bucket(server, "docs", &with(owned(), &json!({"presets": {"thumb": {"width": 10, "format": "png"}}}))).await;
    let ann = server.user("ann").await;
    put(&ann, "docs", "a", b"ann's").await;
    ann
}

fn download() -> Value {
    json!({"path": "a", "method": "GET", "expiresIn": "1h"})
}

async fn a_download_needs_nobody(server: TestServer) {
    let ann = define(&server).await;
    let url = sign(&ann, "docs", download()).await;
    let answer = server.visitor().get(&url).expect(200).await;
    assert_eq!(answer.bytes, b"ann's");
    assert!(answer.header("cache-control").unwrap_or_default().contains("private"), "{answer}");
    server.visitor().call(Method::HEAD, &url).expect(200).await;
    assert_eq!(server.visitor().get(&url).header("Range", "bytes=0-2").expect(206).await.bytes, b"ann");
    // A file is found by its id, too.
    let id = ann.get(&metadata("docs", "a")).expect(200).await.text_at("/id");
    let by_id = sign(&ann, "docs", json!({"id": id, "method": "GET", "expiresIn": "5m"})).await;
    assert_eq!(server.visitor().get(&by_id).expect(200).await.bytes, b"ann's");
    let named = sign(&ann, "docs", json!({"path": "a", "method": "GET", "expiresIn": "1h", "download": "b.txt"})).await;
    let disposition = server.visitor().get(&named).expect(200).await.header("content-disposition").unwrap();
    assert!(disposition.starts_with("attachment") && disposition.contains("b.txt"), "{disposition}");
}

async fn an_upload_needs_nobody(server: TestServer) {
    let ann = define(&server).await;
    let url = sign(&ann, "docs", json!({"path": "new", "method": "PUT", "expiresIn": "1h"})).await;
    let made = server.visitor().put(&url).body("text/plain", *b"sent").expect(201).await;
    // It is his who signed.
    assert_eq!(made.at("/owner"), json!(ann.id));
    assert_eq!(bytes(&ann, "docs", "new").await, b"sent");
}

async fn it_is_over_when_it_is_over(server: TestServer) {
    let ann = define(&server).await;
    let body = json!({"files": [download(), {"path": "new", "method": "PUT", "expiresIn": "10m"}]});
    let answer = ann.post(&call("docs", "sign")).json(&body).expect(200).await;
    assert!(answer.text_at("/items/0/expiresAt").starts_with("2026-11-22T09:00:"), "{answer}");
    assert!(answer.text_at("/items/1/expiresAt").starts_with("2026-11-22T08:10:"), "{answer}");
    let urls = [0, 1].map(|n| super::support::path_of(&answer.text_at(&format!("/items/{n}/url"))));
    server.clock().advance(Duration::from_mins(11));
    server.visitor().get(&urls[0]).expect(200).await;
    server.visitor().put(&urls[1]).body("text/plain", *b"x").problem(403, "signature_expired").await;
    server.clock().advance(Duration::from_mins(50));
    server.visitor().get(&urls[0]).problem(403, "signature_expired").await;
    assert_eq!(paths(server.service(), "docs", &[]).await, ["a"]);
}

async fn it_is_for_one_path_and_one_method(server: TestServer) {
    let ann = define(&server).await;
    put(&ann, "docs", "b", b"another").await;
    define_bucket(&server, "other", &owned()).await;
    put(&ann, "other", "a", b"elsewhere").await;
    let get = sign(&ann, "docs", download()).await;
    let token = get.split_once('?').expect("a token").1.to_owned();
    let visitor = server.visitor();
    let at = |path: String| format!("{path}?{token}");
    for path in [file("docs", "b"), file("other", "a"), file("docs", "a/b"), file("docs", "A")] {
        visitor.get(&at(path)).problem(403, "bad_signature").await;
    }
    for path in [metadata("docs", "a"), files("docs")] {
        let answer = visitor.get(&at(path)).send().await;
        assert!([400, 403].contains(&answer.status), "{answer}");
    }
    visitor.put(&get).body("text/plain", *b"x").problem(403, "bad_signature").await;
    let delete = visitor.delete(&get).send().await;
    assert!([400, 401, 403].contains(&delete.status), "{delete}");
    let put_url = sign(&ann, "docs", json!({"path": "new", "method": "PUT", "expiresIn": "1h"})).await;
    visitor.get(&put_url).problem(403, "bad_signature").await;
    assert_eq!(bytes(&ann, "docs", "a").await, b"ann's");
    assert_eq!(paths(&ann, "docs", &[]).await, ["a", "b"]);
}

async fn a_forged_one_is_refused(server: TestServer) {
    let ann = define(&server).await;
    let url = sign(&ann, "docs", download()).await;
    let (path, token) = url.split_once("?token=").expect("a token");
    let visitor = server.visitor();
    let mut forged: Vec<String> =
        vec![String::new(), "x".into(), "a.b.c".into(), ann.access_token.clone(), "%00".into()];
    for at in 0..token.len() {
        let mut other = token.as_bytes().to_vec();
        other[at] = if other[at] == b'A' { b'B' } else { b'A' };
        forged.push(String::from_utf8(other).expect("text"));
    }
    forged.push(token[..token.len() - 1].to_owned());
    forged.push(format!("{token}A"));
    // The last character of base64 may have bits that count for nothing; they may not be played with, either.
    for token in forged {
        let answer = visitor.get(&format!("{path}?token={token}")).send().await;
        assert_eq!((answer.status, answer.code().as_deref()), (403, Some("bad_signature")), "{token}: {answer}");
    }
    // One of another server with another secret.
    let other = TestServer::start_with_seed(server.engine(), 8).await;
    let eve = define(&other).await;
    let theirs = sign(&eve, "docs", download()).await;
    if theirs != url {
        let answer = visitor.get(&theirs).send().await;
        assert!(server.engine() == basalt_testing::Engine::Postgres || answer.status == 403, "{answer}");
    }
    // What follows the path is no part of what was signed, and isn't heard.
    let answer = visitor.get(&format!("{url}&download=evil.exe")).send().await;
    assert!([200, 400, 403].contains(&answer.status), "{answer}");
    if answer.status == 200 {
        assert_eq!(answer.bytes, b"ann's");
    }
    assert_eq!(visitor.get(&url).expect(200).await.bytes, b"ann's");
}

async fn an_upload_keeps_its_conditions(server: TestServer) {
    let ann = define(&server).await;
    let sign = async |more: Value| {
        sign(&ann, "docs", with(json!({"path": "new", "method": "PUT", "expiresIn": "1h"}), &more)).await
    };
    let put = |url: &str, kind: &str, content: &[u8]| server.visitor().put(url).body(kind, content);
    let small = sign(json!({"maxSize": 10})).await;
    put(&small, "text/plain", b"eleven byte").problem(413, "too_large").await;
    put(&small, "text/plain", b"ten bytes.").expect(201).await;
    let picture = sign(json!({"contentType": "image/png"})).await;
    let refused = put(&picture, "text/plain", b"words").send().await;
    assert!([403, 415].contains(&refused.status), "{refused}");
    let refused = put(&picture, "image/png", b"words").send().await;
    assert!([403, 415].contains(&refused.status), "{refused}");
    put(&picture, "image/png", PNG).expect(200).await;
}

async fn the_rule_is_asked_when_it_is_signed(server: TestServer) {
    let ann = define(&server).await;
    let bob = server.user("bob").await;
    let body = |what: Value| json!({"files": [what]});
    bob.post(&call("docs", "sign")).json(&body(download())).problem(404, "file_not_found").await;
    let upload = json!({"path": "a", "method": "PUT", "expiresIn": "1h"});
    let over = bob.post(&call("docs", "sign")).json(&body(upload)).send().await;
    assert!([403, 404, 409].contains(&over.status), "{over}");
    let visitor = server.visitor();
    visitor.post(&call("docs", "sign")).json(&body(download())).problem(404, "file_not_found").await;
    let new = json!({"path": "new", "method": "PUT", "expiresIn": "1h"});
    visitor.post(&call("docs", "sign")).json(&body(new)).problem(401, "unauthenticated").await;
    // One that may not spoils all, and nothing is told of the others.
    let both = json!({"files": [{"path": "bobs", "method": "PUT", "expiresIn": "1h"}, download()]});
    bob.post(&call("docs", "sign")).json(&both).problem(404, "file_not_found").await;
    let reader = server.key(&["files:read:docs"]).await;
    sign(&reader, "docs", download()).await;
    let writing = json!({"files": [{"path": "new", "method": "PUT", "expiresIn": "1h"}]});
    reader.post(&call("docs", "sign")).json(&writing).problem(403, "scope_missing").await;
    // What is deleted is gone for those who have a URL, too.
    let url = sign(&ann, "docs", download()).await;
    ann.delete(&file("docs", "a")).expect(204).await;
    server.visitor().get(&url).problem(404, "file_not_found").await;
}

async fn many_are_signed_at_once(server: TestServer) {
    let ann = define(&server).await;
    join_all((0..20).map(async |n| put(&ann, "docs", &format!("f{n}"), format!("{n}").as_bytes()).await)).await;
    let wanted: Vec<Value> =
        (0..20).map(|n| json!({"path": format!("f{n}"), "method": "GET", "expiresIn": "1h"})).collect();
    let answer = ann.post(&call("docs", "sign")).json(&json!({"files": wanted})).expect(200).await;
    for n in 0..20 {
        let url = super::support::path_of(&answer.text_at(&format!("/items/{n}/url")));
        assert_eq!(server.visitor().get(&url).expect(200).await.text(), n.to_string());
    }
    let many: Vec<Value> = vec![download(); 201];
    let answer = ann.post(&call("docs", "sign")).json(&json!({"files": many})).send().await;
    assert!([400, 413].contains(&answer.status), "{answer}");
}

async fn bad_requests_are_refused(server: TestServer) {
    let ann = define(&server).await;
    for bad in [
        json!({"method": "GET", "expiresIn": "1h"}),
        json!({}),
        json!({"path": "a", "id": "x", "method": "GET", "expiresIn": "1h"}),
        json!({"path": "a", "method": "DELETE", "expiresIn": "1h"}),
        json!({"path": "a", "method": "GET", "expiresIn": "0s"}),
        json!({"path": "a", "method": "GET", "expiresIn": "-1h"}),
        json!({"path": "a", "method": "GET", "expiresIn": "9000d"}),
        json!({"path": "a", "method": "GET", "expiresIn": 60, "color": 1}),
        json!({"path": "new", "method": "PUT", "expiresIn": "1h", "maxSize": -1}),
        json!({"path": "a", "method": "GET", "expiresIn": "1h", "image": {"width": 0}}),
        json!({"path": "a", "method": "GET", "expiresIn": "1h", "image": {"width": 100_000}}),
        json!({"path": "a", "method": "GET", "expiresIn": "1h", "preset": "huge"}),
    ] {
        let answer = ann.post(&call("docs", "sign")).json(&json!({"files": [bad]})).send().await;
        assert_eq!(answer.status, 400, "{bad}: {answer}");
        answer.assert_is_problem();
    }
    for bad in [json!({}), json!([]), json!({"files": download()})] {
        ann.post(&call("docs", "sign")).json(&bad).expect(400).await;
    }
}

async fn a_picture_comes_in_the_signed_size(server: TestServer) {
    let ann = define(&server).await;
    ann.put(&file("docs", "p.png")).body("image/png", PNG).expect(201).await;
    let wanted = json!({"path": "p.png", "method": "GET", "expiresIn": "1h", "image": {"width": 4, "format": "png"}});
    let url = sign(&ann, "docs", wanted).await;
    let visitor = server.visitor();
    visitor.get(&url).expect(200).await;
    let answer = visitor.get(&format!("{url}&width=400")).send().await;
    assert!([400, 403].contains(&answer.status), "{answer}");
    let preset = json!({"path": "p.png", "method": "GET", "expiresIn": "1h", "preset": "thumb"});
    visitor.get(&sign(&ann, "docs", preset).await).expect(200).await;
    // A URL for the file as it is gives no other sizes.
    let whole = sign(&ann, "docs", json!({"path": "p.png", "method": "GET", "expiresIn": "1h"})).await;
    assert_eq!(visitor.get(&whole).expect(200).await.bytes, PNG);
    let answer = visitor.get(&format!("{whole}&width=400")).send().await;
    assert!([400, 403].contains(&answer.status), "{answer}");
}

/// The token is no key for anything but its URL.
async fn it_opens_nothing_else(server: TestServer) {
    let ann = define(&server).await;
    let url = sign(&ann, "docs", download()).await;
    let token = url.split_once("?token=").expect("a token").1.to_owned();
    let thief: Client = server.visitor().with_token(&token);
    for path in [file("docs", "a"), files("docs"), "/v1/auth/me".to_owned()] {
        let answer = thief.get(&path).send().await;
        assert_eq!(answer.status, 401, "{answer}");
    }
}
