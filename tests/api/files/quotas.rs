//! A bucket's quota holds however many come at once.

use basalt_testing::{TestServer, on_both_stores};
use futures_util::future::join_all;
use serde_json::json;

use super::support::{admin, call, define_bucket, file, noise, open, paths, put, with};

on_both_stores! {
    of_fifty_at_once_as_many_fit_as_there_is_room,
    what_goes_makes_room,
    a_smaller_quota_stops_only_what_comes,
}

/// Room for five files of this size.
const SIZE: usize = 200;

async fn define(server: &TestServer) {
    define_bucket(server, "docs", &with(open(), &json!({"quota": "1KB"}))).await;
}

async fn of_fifty_at_once_as_many_fit_as_there_is_room(server: TestServer) {
    define(&server).await;
    let client = server.visitor();
    let room = paths_that_fit(&server).await;
    let answers =
        join_all((0..50_u64).map(|n| {
            client.put(&file("docs", &format!("f{n}"))).body("application/octet-stream", noise(n, SIZE)).send()
        }))
        .await;
    let made = answers.iter().filter(|answer| answer.status == 201).count();
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        assert_eq!((answer.status, answer.code().as_deref()), (413, Some("bucket_full")), "{answer}");
    }
    assert_eq!(made, room);
    assert_eq!(paths(&client, "docs", &[]).await.len(), room);
    // The same bytes count for each file that has them.
    let copies = client.post(&call("docs", "copy")).json(&json!({"from": first(&server).await, "to": "copy"}));
    copies.problem(413, "bucket_full").await;
}

/// How many fit, one after the other; they are deleted again.
async fn paths_that_fit(server: &TestServer) -> usize {
    let client = server.visitor();
    let mut room = 0;
    while client
        .put(&file("docs", &format!("t{room}")))
        .body("text/plain", noise(room as u64, SIZE))
        .send()
        .await
        .status
        == 201
    {
        room += 1;
    }
    for n in 0..room {
        client.delete(&file("docs", &format!("t{n}"))).expect(204).await;
    }
    assert_eq!(room, 5);
    room
}

async fn first(server: &TestServer) -> String {
    paths(&server.visitor(), "docs", &[("limit", "1")]).await.remove(0)
}

async fn what_goes_makes_room(server: TestServer) {
    define(&server).await;
    let client = server.visitor();
    put(&client, "docs", "a", &noise(1, 900)).await;
    let second = || client.put(&file("docs", "b")).body("application/octet-stream", noise(2, 600));
    second().problem(413, "bucket_full").await;
    // What replaces a file only counts for what it is more.
    client.put(&file("docs", "a")).body("application/octet-stream", noise(3, 1_000)).expect(200).await;
    let larger = client.put(&file("docs", "a")).body("application/octet-stream", noise(4, 1_100));
    larger.problem(413, "bucket_full").await;
    client.put(&file("docs", "a")).body("application/octet-stream", noise(5, 400)).expect(200).await;
    second().expect(201).await;
    client.delete(&file("docs", "b")).expect(204).await;
    second().expect(201).await;
}

async fn a_smaller_quota_stops_only_what_comes(server: TestServer) {
    define(&server).await;
    let client = server.visitor();
    put(&client, "docs", "a", &noise(1, 900)).await;
    server.owner().put(&admin("docs")).json(&with(open(), &json!({"quota": "500B"}))).expect(200).await;
    client.get(&file("docs", "a")).expect(200).await;
    let more = client.put(&file("docs", "b")).body("application/octet-stream", noise(2, 10));
    more.problem(413, "bucket_full").await;
    // What gets smaller is no harm.
    client.put(&file("docs", "a")).body("application/octet-stream", noise(3, 600)).expect(200).await;
}
