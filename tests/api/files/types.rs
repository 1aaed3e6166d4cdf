//! What a file is said to be, what it is, and how it is shown.

use basalt_testing::{Part, TestServer, on_both_engines};
use serde_json::json;

use super::support::{PNG, define_bucket, file, files, open, paths, with};

on_both_engines! {
    bytes_say_what_a_file_is,
    a_bucket_takes_only_the_types_that_it_allows,
    a_lie_about_the_type_does_not_help,
    what_a_browser_would_run_comes_as_an_attachment,
    a_bucket_may_allow_what_is_shown,
}

async fn bytes_say_what_a_file_is(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    let client = server.visitor();
    for (declared, content, is) in [
        ("image/png", PNG, "image/png"),
        ("application/octet-stream", PNG, "image/png"),
        ("image/jpeg", PNG, "image/png"),
        ("text/plain", b"just words", "text/plain"),
        ("application/json", b"{\"a\":1}", "application/json"),
        ("text/css", b"a { color: red }", "text/css"),
    ] {
        let answer = client.put(&file("docs", "a")).body(declared, content).send().await;
        let told = answer.text_at("/contentType");
        assert_eq!(told.split(';').next(), Some(is), "declared as {declared}: {answer}");
        let read = client.get(&file("docs", "a")).expect(200).await;
        let told_again = read.header("content-type").unwrap();
        assert_eq!(told_again.split(';').next(), Some(is), "{told_again}");
    }
    // What says nothing of itself isn't guessed to be more than bytes.
    let nothing =
        client.put(&file("docs", "b")).body("application/octet-stream", *b"\x01\x02\x03\xff").expect(201).await;
    assert_eq!(nothing.at("/contentType"), "application/octet-stream");
    // A type is one type.
    for bad in ["text", "text/html, image/png", "a/b/c", "text/plain\u{7f}"] {
        let answer = client
            .raw(&format!("PUT {}", file("docs", "c")), &[("Content-Type", bad), ("Content-Length", "1")], b"x")
            .await;
        assert!([201, 400, 415].contains(&answer.status), "{bad:?}: {answer}");
        if answer.status == 201 {
            assert_eq!(answer.at("/contentType"), "text/plain", "{bad:?}");
            client.delete(&file("docs", "c")).expect(204).await;
        }
    }
}

async fn a_bucket_takes_only_the_types_that_it_allows(server: TestServer) {
    define_bucket(&server, "pictures", &with(open(), &json!({"allowedTypes": ["image/*", "application/pdf"]}))).await;
    let client = server.visitor();
    client.put(&file("pictures", "a.png")).body("image/png", PNG).expect(201).await;
    client.put(&file("pictures", "a.pdf")).body("application/pdf", *b"%PDF-1.7\n%\xe2\xe3\n").expect(201).await;
    for (declared, content) in
        [("text/plain", &b"words"[..]), ("application/zip", b"PK\x03\x04aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")]
    {
        let call = client.put(&file("pictures", "x")).body(declared, content);
        call.problem(415, "file_type_refused").await;
        let parts = [Part::text("path", "x"), Part::file("x.png", declared, content)];
        client.post(&files("pictures")).form(&parts).problem(415, "file_type_refused").await;
    }
    assert_eq!(paths(&client, "pictures", &[]).await, ["a.pdf", "a.png"]);
}

async fn a_lie_about_the_type_does_not_help(server: TestServer) {
    define_bucket(&server, "pictures", &with(open(), &json!({"allowedTypes": ["image/png", "image/jpeg"]}))).await;
    let client = server.visitor();
    for content in [
        &b"<!doctype html><script>alert(1)</script>"[..],
        b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>",
        b"PK\x03\x04aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        b"#!/bin/sh\necho",
        b"MZ\x90\0\x03\0\0\0",
        b"just words",
        b"",
    ] {
        let call = client.put(&file("pictures", "a.png")).body("image/png", content);
        call.problem(415, "file_type_refused").await;
    }
    assert!(paths(&client, "pictures", &[]).await.is_empty());
}

const RUN: [(&str, &str, &[u8]); 6] = [
    ("a.html", "text/html", b"<!doctype html><script>alert(1)</script>"),
    ("a.svg", "image/svg+xml", b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>"),
    (
        "a.xhtml",
        "application/xhtml+xml",
        b"<html xmlns=\"http://www.w3.org/1999/xhtml\"><script>alert(1)</script></html>",
    ),
    ("a.xml", "text/xml", b"<?xml version=\"1.0\"?><a/>"),
    ("a.js", "text/javascript", b"alert(1)"),
    ("words", "application/octet-stream", b"<script>alert(1)</script>"),
];

async fn what_a_browser_would_run_comes_as_an_attachment(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    define_bucket(
        &server,
        "public",
        &with(
            json!({"rules": {"list": "true", "write": "true"}, "acknowledge": ["create", "update", "delete"]}),
            &json!({"public": true}),
        ),
    )
    .await;
    let client = server.visitor();
    for bucket in ["docs", "public"] {
        for (path, declared, content) in RUN {
            client.put(&file(bucket, path)).body(declared, content).expect(201).await;
            let answer = client.get(&file(bucket, path)).expect(200).await;
            let disposition = answer.header("content-disposition").unwrap_or_default();
            assert!(disposition.starts_with("attachment"), "{path}: {disposition}");
            assert_eq!(answer.header("x-content-type-options").as_deref(), Some("nosniff"));
            let policy = answer.header("content-security-policy").unwrap_or_default();
            assert!(policy.contains("sandbox") && !policy.contains("allow-scripts"), "{path}: {policy}");
        }
        // Pictures are shown.
        client.put(&file(bucket, "a.png")).body("image/png", PNG).expect(201).await;
        let shown = client.get(&file(bucket, "a.png")).expect(200).await.header("content-disposition");
        assert!(shown.is_none_or(|disposition| disposition.starts_with("inline")), "a picture is an attachment");
    }
}

async fn a_bucket_may_allow_what_is_shown(server: TestServer) {
    define_bucket(&server, "docs", &with(open(), &json!({"inline": ["text/html"]}))).await;
    let client = server.visitor();
    for (path, declared, content) in RUN {
        client.put(&file("docs", path)).body(declared, content).expect(201).await;
        let answer = client.get(&file("docs", path)).expect(200).await;
        let attached = answer.header("content-disposition").is_some_and(|value| value.starts_with("attachment"));
        // Two of the others are pages by their bytes.
        assert_eq!(attached, !["a.html", "a.xhtml", "words"].contains(&path), "{path}");
        // It runs in nobody's name all the same.
        let policy = answer.header("content-security-policy").unwrap_or_default();
        assert!(policy.contains("sandbox"), "{path}: {policy}");
        assert_eq!(answer.header("x-content-type-options").as_deref(), Some("nosniff"));
    }
}
