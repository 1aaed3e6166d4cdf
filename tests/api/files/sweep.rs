//! Bytes that no file has go; those of a file stay. `basalt doctor --files` tells of both: tests/faults/files/doctor.rs.

use std::time::Duration;

use basalt_testing::{TestServer, on_both_stores};
use futures_util::TryStreamExt;

use super::support::{bytes, define_bucket, file, noise, open, put};

on_both_stores! {
    the_same_bytes_are_kept_once,
    what_no_file_has_goes_after_an_hour,
    what_came_back_within_the_hour_stays,
    what_broke_off_is_swept,
}

/// How many blobs are kept.
async fn blobs(server: &TestServer) -> usize {
    let stored: Vec<_> = server.rooms().files.blobs().list().try_collect().await.unwrap();
    stored.len()
}

async fn the_same_bytes_are_kept_once(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    define_bucket(&server, "other", &open()).await;
    let (client, content) = (server.visitor(), noise(1, 50_000));
    for path in ["a", "b", "c"] {
        put(&client, "docs", path, &content).await;
    }
    assert_eq!(blobs(&server).await, 1);
    // Each bucket has its own.
    put(&client, "other", "a", &content).await;
    assert_eq!(blobs(&server).await, 2);
    let verified = server.rooms().files.verify().await.unwrap();
    assert_eq!((verified.files, verified.bytes, verified.unknown), (4, 200_000, 0));
    assert!(verified.lost.is_empty(), "{verified:?}");
}

async fn what_no_file_has_goes_after_an_hour(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    let client = server.visitor();
    put(&client, "docs", "a", &noise(1, 5_000)).await;
    put(&client, "docs", "b", &noise(1, 5_000)).await;
    client.put(&file("docs", "a")).body("application/octet-stream", noise(2, 5_000)).expect(200).await;
    server.clock().advance(Duration::from_hours(2));
    server.rooms().jobs.run_due().await.unwrap();
    assert_eq!(blobs(&server).await, 2, "one of them is still somebody's");
    client.delete(&file("docs", "b")).expect(204).await;
    server.clock().advance(Duration::from_mins(50));
    server.rooms().jobs.run_due().await.unwrap();
    assert_eq!(blobs(&server).await, 2);
    server.clock().advance(Duration::from_mins(20));
    server.rooms().jobs.run_due().await.unwrap();
    assert_eq!(blobs(&server).await, 1);
    assert_eq!(bytes(&client, "docs", "a").await, noise(2, 5_000));
}

async fn what_came_back_within_the_hour_stays(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    let client = server.visitor();
    put(&client, "docs", "a", &noise(1, 5_000)).await;
    client.delete(&file("docs", "a")).expect(204).await;
    server.clock().advance(Duration::from_mins(50));
    put(&client, "docs", "b", &noise(1, 5_000)).await;
    server.clock().advance(Duration::from_hours(2));
    server.rooms().jobs.run_due().await.unwrap();
    assert_eq!(bytes(&client, "docs", "b").await, noise(1, 5_000));
    assert_eq!(blobs(&server).await, 1);
}

/// As a kill leaves it: bytes that are durable, and no document that tells of them.
async fn what_broke_off_is_swept(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    let client = server.visitor();
    put(&client, "docs", "a", &noise(1, 5_000)).await;
    let store = server.rooms().files.blobs();
    let stray = basalt_blob::Key::parse("00/00000000000000000000000000000000").unwrap();
    let mut writing = store.create(&stray).await.unwrap();
    writing.write(noise(2, 100).into()).await.unwrap();
    writing.finish().await.unwrap();
    let parts = store.begin(&basalt_blob::Key::parse("01/11111111111111111111111111111111").unwrap()).await.unwrap();
    let mut appending = store.append(&parts).await.unwrap();
    appending.write(noise(3, 100).into()).await.unwrap();
    appending.save().await.unwrap();
    assert_eq!(server.rooms().files.verify().await.unwrap().unknown, 1);
    server.rooms().files.sweep_bytes().await.unwrap();
    assert_eq!(blobs(&server).await, 2, "what is young may be somebody's soon");
    // Stores say when they took bytes by their own clocks, which are far behind this one then.
    server.clock().advance(Duration::from_hours(24 * 365 * 40));
    server.rooms().files.sweep_bytes().await.unwrap();
    assert_eq!(blobs(&server).await, 1);
    assert_eq!(bytes(&client, "docs", "a").await, noise(1, 5_000));
}
