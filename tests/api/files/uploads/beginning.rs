//! `POST` and `OPTIONS /v1/buckets/{b}/uploads`

use std::time::Duration;

use basalt_testing::{TestServer, on_both_stores};
use futures_util::future::join_all;
use futures_util::stream;
use reqwest::Method;
use serde_json::json;

use super::super::support::{bytes, define_bucket, etag, noise, open, with};
use super::{STREAM, begin, begun, head, named, offset, patch, send, tus, uploads};

on_both_stores! {
    options_tell_what_is_spoken,
    another_version_is_refused_before_anything,
    the_length_may_come_later,
    the_first_bytes_may_come_along,
    an_empty_upload_is_a_file_at_once,
    odd_beginnings_are_refused,
    what_is_too_large_is_refused,
    open_uploads_are_counted,
}

async fn options_tell_what_is_spoken(server: TestServer) {
    define_bucket(&server, "docs", &with(open(), &json!({"maxSize": "10MB"}))).await;
    let client = server.visitor();
    for place in [uploads("docs"), format!("{}/{}", uploads("docs"), "0".repeat(26))] {
        let answer = client.call(Method::OPTIONS, &place).expect(204).await;
        assert_eq!(answer.header("tus-version").as_deref(), Some("1.0.0"));
        let extensions = answer.header("tus-extension").unwrap();
        for extension in ["creation", "creation-with-upload", "creation-defer-length", "expiration", "checksum"] {
            assert!(extensions.split(',').any(|named| named == extension), "{extensions}");
        }
        assert!(answer.header("tus-max-size").is_some() && answer.header("tus-checksum-algorithm").is_some());
    }
    client.call(Method::OPTIONS, &uploads("nowhere")).problem(404, "bucket_not_found").await;
}

async fn another_version_is_refused_before_anything(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    let client = server.visitor();
    let upload = begun(&client, "docs", "a", 4).await;
    for version in [None, Some("0.2.2")] {
        let spoken = version.map_or_else(|| client.clone(), |version| client.with_header("Tus-Resumable", version));
        spoken.post(&uploads("docs")).header("Upload-Length", "4").problem(412, "tus_version").await;
        let call = spoken.patch(&upload).header("Upload-Offset", "0").body(STREAM, *b"four");
        let answer = call.problem(412, "tus_version").await;
        assert_eq!(answer.header("tus-version").as_deref(), Some("1.0.0"), "{answer}");
        assert_eq!(spoken.call(Method::HEAD, &upload).send().await.status, 412);
        spoken.delete(&upload).problem(412, "tus_version").await;
    }
    assert_eq!(offset(&head(&client, &upload).await), 0);
}

async fn the_length_may_come_later(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    let client = server.visitor();
    let call = tus(&client).post(&uploads("docs")).header("Upload-Defer-Length", "1");
    let answer = call.header("Upload-Metadata", &named("a")).expect(201).await;
    let upload = answer.header("location").unwrap();
    send(&client, &upload, 0, b"hello ").await;
    let answer = head(&client, &upload).await.expect(200);
    assert_eq!(answer.header("upload-defer-length").as_deref(), Some("1"));
    assert!(answer.header("upload-length").is_none(), "{answer}");
    let short = patch(&client, &upload, 6).header("Upload-Length", "3").body(STREAM, *b"x");
    short.problem(400, "bad_request").await;
    let last = patch(&client, &upload, 6).header("Upload-Length", "11").body(STREAM, *b"world");
    assert!(last.expect(204).await.header("basalt-file-id").is_some());
    assert_eq!(bytes(&client, "docs", "a").await, b"hello world");
}

async fn the_first_bytes_may_come_along(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    let client = server.visitor();
    let answer = begin(&client, "docs", "part", 11).body(STREAM, *b"hello ").expect(201).await;
    assert_eq!(offset(&answer), 6);
    send(&client, &answer.header("location").unwrap(), 6, b"world").await;
    assert_eq!(bytes(&client, "docs", "part").await, b"hello world");
    let whole = begin(&client, "docs", "whole", 5).body(STREAM, *b"hello").expect(201).await;
    assert_eq!((offset(&whole), whole.etag()), (5, etag(b"hello")));
    assert_eq!(bytes(&client, "docs", "whole").await, b"hello");
}

async fn an_empty_upload_is_a_file_at_once(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    let client = server.visitor();
    let answer = begin(&client, "docs", "empty", 0).expect(201).await;
    assert!(answer.header("basalt-file-id").is_some(), "{answer}");
    assert_eq!(bytes(&client, "docs", "empty").await, b"");
}

async fn odd_beginnings_are_refused(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    let client = tus(&server.visitor());
    let beginning = |headers: &[(&str, &str)]| {
        headers.iter().fold(client.post(&uploads("docs")), |call, (name, value)| call.header(name, value))
    };
    let path = named("a");
    for headers in [
        &[("Upload-Metadata", path.as_str())][..],
        &[("Upload-Metadata", &path), ("Upload-Length", "-1")],
        &[("Upload-Metadata", &path), ("Upload-Length", "1"), ("Upload-Defer-Length", "1")],
        &[("Upload-Metadata", &path), ("Upload-Defer-Length", "2")],
        &[("Upload-Length", "1")],
        &[("Upload-Length", "1"), ("Upload-Metadata", "path")],
        &[("Upload-Length", "1"), ("Upload-Metadata", "path Li4vYQ==")],
        &[("Upload-Length", "1"), ("Upload-Metadata", "path YQ==,data MQ==")],
        &[("Upload-Length", "1"), ("Upload-Metadata", &path), ("If-None-Match", "\"x\"")],
    ] {
        beginning(headers).problem(400, "bad_request").await;
    }
    let joined = [("Upload-Metadata", path.as_str()), ("Upload-Concat", "partial"), ("Upload-Length", "1")];
    beginning(&joined).problem(400, "not_available").await;
    begin(&server.visitor(), "nowhere", "a", 1).problem(404, "bucket_not_found").await;
}

async fn what_is_too_large_is_refused(server: TestServer) {
    define_bucket(&server, "docs", &with(open(), &json!({"maxSize": "10KB"}))).await;
    let client = server.visitor();
    begin(&client, "docs", "a", 1_000_000).problem(413, "too_large").await;
    let call = tus(&client).post(&uploads("docs")).header("Upload-Defer-Length", "1");
    let upload = call.header("Upload-Metadata", &named("a")).expect(201).await.header("location").unwrap();
    send(&client, &upload, 0, &noise(8, 9_000)).await;
    let unsized_body = stream::iter([Ok::<_, std::io::Error>(noise(8, 9_000))]);
    patch(&client, &upload, 9_000).pieces(STREAM, unsized_body).problem(413, "too_large").await;
    let longer = patch(&client, &upload, 9_000).header("Upload-Length", "1000000").body(STREAM, *b"x");
    longer.problem(413, "too_large").await;
    assert_eq!(offset(&head(&client, &upload).await.expect(200)), 9_000);
}

async fn open_uploads_are_counted(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    let begun_by_ann = join_all((0..100).map(|n| begin(&ann, "docs", &format!("{n}"), 1).expect(201))).await;
    begin(&ann, "docs", "more", 1).problem(429, "quota_exceeded").await;
    begun(&bob, "docs", "his", 1).await;
    let places: Vec<String> = begun_by_ann.iter().map(|answer| answer.header("location").unwrap()).collect();
    tus(&ann).delete(&places[0]).expect(204).await;
    send(&ann, &places[1], 0, b"x").await;
    begun(&ann, "docs", "more", 1).await;
    begun(&ann, "docs", "and more", 1).await;
    begin(&ann, "docs", "too many", 1).problem(429, "quota_exceeded").await;
    server.clock().advance(Duration::from_hours(25));
    server.rooms().jobs.run_due().await.unwrap();
    let (email, password) = (&ann.email, &ann.password);
    let answer = server.visitor().post("/v1/auth/login").json(&json!({"email": email, "password": password}));
    let ann = server.visitor().with_token(&answer.expect(200).await.text_at("/session/accessToken"));
    begun(&ann, "docs", "again", 1).await;
}
