//! `PUT /v1/buckets/{b}/files/{path}` and `POST /v1/buckets/{b}/files`

use std::collections::BTreeSet;

use basalt_testing::{Part, TestServer, on_both_stores};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::join_all;
use futures_util::stream;
use serde_json::{Value, json};

use super::support::{
    admin, bytes, define_bucket, etag, file, files, metadata, noise, open, owned, paths, put, sha256, with,
};

on_both_stores! {
    a_new_file_is_answered_with_its_metadata,
    putting_again_replaces_it_and_keeps_its_id,
    it_can_be_only_where_nothing_is,
    it_can_be_only_over_what_was_read,
    a_form_is_an_upload_too,
    data_come_with_it,
    bad_data_are_refused,
    pieces_of_unknown_length_are_taken,
    an_empty_file_is_a_file,
    what_is_too_large_is_refused_and_leaves_nothing,
    who_is_refused_early_goes_on_with_the_next_request,
    what_breaks_off_leaves_nothing,
    a_lying_length_leaves_nothing,
    a_large_file_is_whole,
    of_many_at_once_on_one_path_one_is_there_and_whole,
    of_many_creators_one_wins,
    an_unknown_bucket_is_not_found,
}

async fn a_new_file_is_answered_with_its_metadata(server: TestServer) {
    define_bucket(&server, "docs", &owned()).await;
    let ann = server.user("ann").await;
    let content = b"hello, world";
    let answer = ann.put(&file("docs", "a/hello.txt")).body("text/plain", *content).expect(201).await;
    let body = answer.body();
    assert_eq!(answer.header("location"), Some(file("docs", "a/hello.txt")));
    assert_eq!(answer.etag(), etag(content));
    assert!(answer.header("basalt-seq").is_some(), "{answer}");
    for (field, value) in [
        ("bucket", json!("docs")),
        ("path", json!("a/hello.txt")),
        ("size", json!(content.len())),
        ("contentType", json!("text/plain")),
        ("sha256", json!(sha256(content))),
        ("owner", json!(ann.id)),
        ("status", json!("ready")),
    ] {
        assert_eq!(body[field], value, "{field} of {answer}");
    }
    assert_eq!(body["createdAt"], body["updatedAt"]);
    assert!(body["id"].is_string() && body["rev"].is_string(), "{answer}");
    assert_eq!(ann.get(&metadata("docs", "a/hello.txt")).expect(200).await.body(), body);
    assert_eq!(bytes(&ann, "docs", "a/hello.txt").await, content);
}

async fn putting_again_replaces_it_and_keeps_its_id(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    let client = server.visitor();
    let first = put(&client, "docs", "a", b"one").await.body();
    let second = client.put(&file("docs", "a")).body("application/octet-stream", *b"another").expect(200).await;
    assert_eq!(second.etag(), etag(b"another"));
    let second = second.body();
    assert_eq!((&second["id"], &second["createdAt"]), (&first["id"], &first["createdAt"]));
    assert!(second["rev"] != first["rev"] && second["updatedAt"] != first["updatedAt"], "{second}");
    assert_eq!(second["size"], 7);
    assert_eq!(bytes(&client, "docs", "a").await, b"another");
    assert_eq!(paths(&client, "docs", &[]).await, ["a"]);
}

async fn it_can_be_only_where_nothing_is(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    let client = server.visitor().with_header("If-None-Match", "*");
    put(&client, "docs", "a", b"one").await;
    let again = client.put(&file("docs", "a")).body("text/plain", *b"two");
    again.problem(412, "precondition_failed").await;
    assert_eq!(bytes(&server.visitor(), "docs", "a").await, b"one");
}

async fn it_can_be_only_over_what_was_read(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    let client = server.visitor();
    put(&client, "docs", "a", b"one").await;
    let over = |content: &'static [u8], read: &[u8]| {
        client.put(&file("docs", "a")).header("If-Match", &etag(read)).body("text/plain", content)
    };
    over(b"two", b"one").expect(200).await;
    over(b"three", b"one").problem(412, "precondition_failed").await;
    assert_eq!(bytes(&client, "docs", "a").await, b"two");
    let nowhere = client.put(&file("docs", "b")).header("If-Match", &etag(b"one")).body("text/plain", *b"x");
    nowhere.problem(412, "precondition_failed").await;
}

async fn a_form_is_an_upload_too(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    let client = server.visitor();
    let content = noise(1, 100_000);
    let parts = [
        Part::text("path", "forms/one.bin"),
        Part::text("data", r#"{"album":"summer"}"#),
        Part::file("whatever.bin", "application/octet-stream", &content),
    ];
    let answer = client.post(&files("docs")).form(&parts).expect(201).await;
    assert_eq!(answer.header("location"), Some(file("docs", "forms/one.bin")));
    assert_eq!(answer.at("/data"), json!({"album": "summer"}));
    assert_eq!(answer.text_at("/sha256"), sha256(&content));
    assert_eq!(bytes(&client, "docs", "forms/one.bin").await, content);
    // Where no path is told, the file's name is it.
    let named = client.post(&files("docs")).form(&[Part::file("plain.txt", "text/plain", b"hi")]).expect(201).await;
    assert_eq!(named.text_at("/path"), "plain.txt");
    let again = client.post(&files("docs")).form(&[Part::file("plain.txt", "text/plain", b"ho")]).expect(200).await;
    assert_eq!(again.at("/id"), named.at("/id"));
    // What is no upload is refused.
    client.post(&files("docs")).form(&[Part::text("path", "x")]).problem(400, "bad_request").await;
    let other = [Part::text("color", "red"), Part::file("x.txt", "text/plain", b"x")];
    client.post(&files("docs")).form(&other).expect(400).await;
    let json = client.post(&files("docs")).json(&json!({})).send().await;
    assert!([400, 415].contains(&json.status), "{json}");
    assert_eq!(paths(&client, "docs", &[]).await, ["forms/one.bin", "plain.txt"]);
}

fn encoded(data: &Value) -> String {
    STANDARD.encode(data.to_string())
}

async fn data_come_with_it(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    let data = json!({"album": "été", "tags": ["a", "b"], "n": 1.5});
    let client = server.visitor().with_header("Basalt-File-Data", &encoded(&data));
    let answer = put(&client, "docs", "a", b"x").await;
    assert_eq!(answer.at("/data"), data);
    // Who says nothing of them keeps them.
    let again = server.visitor().put(&file("docs", "a")).body("text/plain", *b"y").expect(200).await;
    assert_eq!(again.at("/data"), data);
    let other = server.visitor().with_header("Basalt-File-Data", &encoded(&json!({})));
    let emptied = other.put(&file("docs", "a")).body("text/plain", *b"z").expect(200).await;
    assert_eq!(emptied.at("/data"), json!({}));
}

async fn bad_data_are_refused(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    for bad in ["%", "bm8ganNvbg==", &encoded(&json!([1])), &encoded(&json!("text")), "eyJhIjoxLCJhIjoyfQ=="] {
        let call = server.visitor().put(&file("docs", "a")).header("Basalt-File-Data", bad);
        let answer = call.body("text/plain", *b"x").send().await;
        assert_eq!(answer.status, 400, "{bad}: {answer}");
        answer.assert_is_problem();
    }
    assert!(paths(&server.visitor(), "docs", &[]).await.is_empty());
}

async fn pieces_of_unknown_length_are_taken(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    let content = noise(2, 300_000);
    let pieces: Vec<_> = content.chunks(7_777).map(|piece| Ok::<_, std::io::Error>(piece.to_vec())).collect();
    let call = server.visitor().put(&file("docs", "a"));
    let answer = call.pieces("application/octet-stream", stream::iter(pieces)).expect(201).await;
    assert_eq!(answer.at("/size"), json!(content.len()));
    assert_eq!(answer.etag(), etag(&content));
    assert_eq!(bytes(&server.visitor(), "docs", "a").await, content);
}

async fn an_empty_file_is_a_file(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    let answer = put(&server.visitor(), "docs", "empty", b"").await;
    assert_eq!((answer.at("/size"), answer.etag()), (json!(0), etag(b"")));
    let read = server.visitor().get(&file("docs", "empty")).expect(200).await;
    assert_eq!((read.bytes.len(), read.header("content-length")), (0, Some("0".into())));
    server
        .visitor()
        .get(&file("docs", "empty"))
        .header("Range", "bytes=0-0")
        .problem(416, "range_not_satisfiable")
        .await;
}

async fn what_is_too_large_is_refused_and_leaves_nothing(server: TestServer) {
    define_bucket(&server, "docs", &with(open(), &json!({"maxSize": "1KB"}))).await;
    let client = server.visitor();
    put(&client, "docs", "fits", &noise(1, 1_000)).await;
    let large = noise(2, 5_000);
    let plain = client.put(&file("docs", "a")).body("application/octet-stream", large.clone());
    plain.problem(413, "too_large").await;
    let pieces: Vec<_> = large.chunks(100).map(|piece| Ok::<_, std::io::Error>(piece.to_vec())).collect();
    let streamed = client.put(&file("docs", "b")).pieces("application/octet-stream", stream::iter(pieces));
    // A server that answers early may close before all is sent.
    if let Ok(answer) = streamed.try_send().await {
        assert_eq!(answer.status, 413, "{answer}");
    }
    let parts = [Part::text("path", "c"), Part::file("c", "application/octet-stream", &large)];
    client.post(&files("docs")).form(&parts).problem(413, "too_large").await;
    for path in ["a", "b", "c"] {
        client.get(&file("docs", path)).problem(404, "file_not_found").await;
    }
    assert_eq!(paths(&client, "docs", &[]).await, ["fits"]);
}

async fn who_is_refused_early_goes_on_with_the_next_request(server: TestServer) {
    define_bucket(&server, "docs", &with(open(), &json!({"maxSize": "1KB"}))).await;
    let client = server.visitor();
    let large = noise(2, 4 << 20);
    for _ in 0..20 {
        let pieces: Vec<_> = large.chunks(50_000).map(|piece| Ok::<_, std::io::Error>(piece.to_vec())).collect();
        let streamed = client.put(&file("docs", "a")).pieces("application/octet-stream", stream::iter(pieces));
        if let Ok(answer) = streamed.try_send().await {
            assert_eq!(answer.status, 413, "{answer}");
        }
        // On the same connection, if the client takes it for one that can be used again.
        client.get(&file("docs", "a")).problem(404, "file_not_found").await;
    }
}

async fn what_breaks_off_leaves_nothing(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    let client = server.visitor();
    put(&client, "docs", "kept", b"as it was").await;
    for path in ["new", "kept"] {
        let pieces = vec![Ok(noise(1, 50_000)), Err(std::io::Error::other("the client goes"))];
        let broken = client.put(&file("docs", path)).pieces("application/octet-stream", stream::iter(pieces));
        broken.try_send().await.unwrap_err();
    }
    assert_eq!(bytes(&client, "docs", "kept").await, b"as it was");
    client.get(&file("docs", "new")).problem(404, "file_not_found").await;
}

async fn a_lying_length_leaves_nothing(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    let client = server.visitor();
    // More is announced than comes: the rest is waited for until the client goes.
    let request = format!("PUT {}", file("docs", "short"));
    let address = client.base().trim_start_matches("http://").to_owned();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let head = format!("{request} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nfar less");
    tokio::io::AsyncWriteExt::write_all(&mut stream, head.as_bytes()).await.unwrap();
    drop(stream);
    client.get(&file("docs", "short")).problem(404, "file_not_found").await;
    // Less is announced than comes: the file is what was announced, and the rest is no second request of his.
    let headers = [("Content-Length", "4"), ("Content-Type", "text/plain")];
    let answer = client.raw(&format!("PUT {}", file("docs", "long")), &headers, b"four and more").await;
    assert_eq!(answer.expect(201).at("/size"), 4);
    assert_eq!(bytes(&client, "docs", "long").await, b"four");
    for bad in ["-1", "x", "99999999999999999999", "4, 5"] {
        let answer = client.try_raw(&format!("PUT {}", file("docs", "bad")), &[("Content-Length", bad)], b"four").await;
        assert!(answer.is_none_or(|answer| (400..500).contains(&answer.status)), "{bad}");
    }
    client.get(&file("docs", "bad")).problem(404, "file_not_found").await;
}

/// Larger than any buffer, than a part of a multipart upload, and than the limit of other bodies.
async fn a_large_file_is_whole(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    let content = noise(3, 17 << 20);
    let answer = put(&server.visitor(), "docs", "large", &content).await;
    assert_eq!(answer.etag(), etag(&content));
    assert!(bytes(&server.visitor(), "docs", "large").await == content, "other bytes came back");
}

async fn of_many_at_once_on_one_path_one_is_there_and_whole(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    let client = server.visitor();
    let contents: Vec<Vec<u8>> = (0..16).map(|n| noise(n, 20_000)).collect();
    let answers = join_all(
        contents
            .iter()
            .map(|content| client.put(&file("docs", "a")).body("application/octet-stream", content.clone()).send()),
    )
    .await;
    let made = answers.iter().filter(|answer| answer.status == 201).count();
    assert!(answers.iter().all(|answer| [200, 201].contains(&answer.status)), "{answers:?}");
    assert_eq!(made, 1, "{answers:?}");
    let ids: BTreeSet<String> = answers.iter().map(|answer| answer.text_at("/id")).collect();
    assert_eq!(ids.len(), 1);
    let read = client.get(&file("docs", "a")).expect(200).await;
    assert!(contents.contains(&read.bytes), "bytes that nobody sent");
    assert_eq!(read.etag(), etag(&read.bytes));
    assert_eq!(client.get(&metadata("docs", "a")).expect(200).await.text_at("/sha256"), sha256(&read.bytes));
}

async fn of_many_creators_one_wins(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    let client = server.visitor().with_header("If-None-Match", "*");
    let answers = join_all(
        (0..50_u64).map(|n| client.put(&file("docs", "a")).body("application/octet-stream", noise(n, 1_000)).send()),
    )
    .await;
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses[0], 201, "{statuses:?}");
    assert!(statuses[1..].iter().all(|status| *status == 412), "{statuses:?}");
    let winner = answers.iter().find(|answer| answer.status == 201).unwrap();
    assert_eq!(server.visitor().get(&file("docs", "a")).expect(200).await.etag(), winner.etag());
}

async fn an_unknown_bucket_is_not_found(server: TestServer) {
    let client = server.service();
    for bucket in ["nowhere", "_files", "a.b", "x%2Fy"] {
        let answer = client.put(&file(bucket, "a")).body("text/plain", *b"x").send().await;
        assert!([400, 404].contains(&answer.status), "{answer}");
        answer.assert_is_problem();
        let read = client.get(&file(bucket, "a")).send().await;
        assert!([400, 404].contains(&read.status), "{read}");
    }
    client.get(&files("nowhere")).problem(404, "bucket_not_found").await;
    server.owner().get(&admin("nowhere")).problem(404, "bucket_not_found").await;
}
