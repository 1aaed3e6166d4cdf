//! How uploads end: as a file, by their owner, by the time.

use std::time::Duration;

use basalt_testing::{TestServer, on_both_stores};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::super::support::{bytes, define_bucket, file, noise, open, owned, with};
use super::{STREAM, begin, begun, head, named, patch, send, tus, uploads};

on_both_stores! {
    an_upload_is_its_owners_alone,
    rules_are_asked_at_the_beginning_and_at_the_end,
    a_type_that_the_bucket_does_not_take_ends_it,
    it_can_be_only_where_nothing_is,
    ending_it_leaves_nothing,
    nobody_goes_on_with_what_is_over,
    going_on_puts_off_its_end,
    the_same_content_is_kept_once,
}

async fn an_upload_is_its_owners_alone(server: TestServer) {
    define_bucket(&server, "docs", &owned()).await;
    define_bucket(&server, "other", &open()).await;
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    let upload = begun(&ann, "docs", "a", 4).await;
    let elsewhere = upload.replace("docs", "other");
    for (client, place) in
        [(&*bob, &upload), (&server.visitor(), &upload), (server.service(), &upload), (&*ann, &elsewhere)]
    {
        assert_eq!(head(client, place).await.status, 404);
        patch(client, place, 0).body(STREAM, *b"four").problem(404, "upload_not_found").await;
        tus(client).delete(place).problem(404, "upload_not_found").await;
    }
    for odd in ["x", "..", &"z".repeat(26), &"0".repeat(26)] {
        let place = format!("{}/{odd}", uploads("docs"));
        assert_eq!(head(&ann, &place).await.status, 404, "{odd}");
    }
    send(&ann, &upload, 0, b"four").await;
    assert_eq!(bytes(&ann, "docs", "a").await, b"four");
}

async fn rules_are_asked_at_the_beginning_and_at_the_end(server: TestServer) {
    define_bucket(&server, "docs", &owned()).await;
    begin(&server.visitor(), "docs", "a", 4).problem(401, "unauthenticated").await;
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    let (first, second) = (begun(&ann, "docs", "a", 4).await, begun(&bob, "docs", "a", 4).await);
    send(&ann, &first, 0, b"hers").await;
    // Meanwhile the place is hers: his upload ends without a file.
    let late = patch(&bob, &second, 0).body(STREAM, *b"his!").send().await;
    assert!([403, 404].contains(&late.status), "{late}");
    assert_eq!(head(&bob, &second).await.status, 404);
    assert_eq!(bytes(&ann, "docs", "a").await, b"hers");
    let refused = begin(&bob, "docs", "a", 4).send().await;
    assert!([403, 404].contains(&refused.status), "{refused}");
    assert_eq!(server.rooms().files.blobs().sweep(basalt_core::Timestamp::MAX).await.unwrap(), 0, "parts are left");
}

async fn a_type_that_the_bucket_does_not_take_ends_it(server: TestServer) {
    define_bucket(&server, "docs", &with(open(), &json!({"allowedTypes": ["image/*"]}))).await;
    let client = server.visitor();
    let call = tus(&client).post(&uploads("docs")).header("Upload-Length", "20000");
    let said = format!("{},filetype {}", named("a.png"), STANDARD.encode("image/png"));
    let upload = call.header("Upload-Metadata", &said).expect(201).await.header("location").unwrap();
    let page = format!("<!DOCTYPE html><html>{}", " ".repeat(10_000));
    patch(&client, &upload, 0).body(STREAM, page).problem(415, "file_type_refused").await;
    assert_eq!(head(&client, &upload).await.status, 404, "it can't end well");
}

async fn it_can_be_only_where_nothing_is(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    let client = server.visitor();
    let new = client.with_header("If-None-Match", "*");
    let (first, second) = (begun(&new, "docs", "a", 4).await, begun(&new, "docs", "a", 4).await);
    send(&client, &first, 0, b"one!").await;
    patch(&client, &second, 0).body(STREAM, *b"two!").problem(412, "precondition_failed").await;
    begin(&new, "docs", "a", 4).problem(412, "precondition_failed").await;
    assert_eq!(bytes(&client, "docs", "a").await, b"one!");
}

async fn ending_it_leaves_nothing(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    let client = server.visitor();
    let upload = begun(&client, "docs", "a", 7_000_000).await;
    send(&client, &upload, 0, &noise(9, 6_000_000)).await;
    tus(&client).delete(&upload).expect(204).await;
    assert_eq!(head(&client, &upload).await.status, 404);
    patch(&client, &upload, 6_000_000).body(STREAM, *b"x").problem(404, "upload_not_found").await;
    tus(&client).delete(&upload).problem(404, "upload_not_found").await;
    assert_eq!(server.rooms().files.blobs().sweep(basalt_core::Timestamp::MAX).await.unwrap(), 0, "parts are left");
    client.get(&file("docs", "a")).problem(404, "file_not_found").await;
}

async fn nobody_goes_on_with_what_is_over(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    let client = server.visitor();
    let upload = begun(&client, "docs", "a", 10).await;
    send(&client, &upload, 0, b"four").await;
    server.clock().advance(Duration::from_hours(24));
    assert_eq!(head(&client, &upload).await.status, 410);
    patch(&client, &upload, 4).body(STREAM, *b"x").problem(410, "upload_expired").await;
    server.rooms().jobs.run_due().await.unwrap();
    assert_eq!(head(&client, &upload).await.status, 410);
    assert_eq!(server.rooms().files.blobs().sweep(basalt_core::Timestamp::MAX).await.unwrap(), 0, "parts are left");
    server.clock().advance(Duration::from_hours(25));
    assert_eq!(head(&client, &upload).await.status, 404, "it is forgotten");
}

async fn going_on_puts_off_its_end(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    let client = server.visitor();
    let upload = begun(&client, "docs", "a", 3).await;
    for at in 0..3 {
        server.clock().advance(Duration::from_hours(20));
        server.rooms().jobs.run_due().await.unwrap();
        send(&client, &upload, at, b"x").await;
    }
    assert_eq!(bytes(&client, "docs", "a").await, b"xxx");
}

async fn the_same_content_is_kept_once(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    let client = server.visitor();
    let content = noise(11, 100_000);
    for path in ["a", "b", "b"] {
        let upload = begun(&client, "docs", path, content.len()).await;
        send(&client, &upload, 0, &content).await;
    }
    let checked = server.rooms().files.verify().await.unwrap();
    assert_eq!((checked.files, checked.lost.len(), checked.unknown), (2, 0, 0), "{checked:?}");
    let kept = futures_util::StreamExt::count(server.rooms().files.blobs().list()).await;
    assert_eq!(kept, 1);
    assert_eq!(bytes(&client, "docs", "b").await, content);
}
