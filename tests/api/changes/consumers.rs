use std::time::Duration;

use basalt_testing::{TestServer, eventually, on_both_engines};
use serde_json::json;

use super::define;
use crate::support::create;

on_both_engines! {
    a_consumer_goes_on_where_it_stands,
    it_moves_forward_unless_forced,
    places_that_are_none_are_refused,
    who_may_not_write_moves_nothing,
    one_that_is_not_there_is_not_found,
    one_that_is_silent_for_long_is_no_longer_waited_for,
    the_metrics_tell_of_the_log_and_its_readers,
}

const CONSUMERS: &str = "/v1/changes/consumers";

async fn a_consumer_goes_on_where_it_stands(server: TestServer) {
    define(&server, &["notes"]).await;
    let service = server.service();
    let crm = format!("{CONSUMERS}/crm");
    let made = service.put(&crm).json(&json!({"since": "now"})).expect(200).await;
    assert_eq!((made.at("/name"), made.at("/state")), (json!("crm"), json!("active")));
    assert_eq!(made.at("/lag/changes"), 0);
    for id in ["n1", "n2", "n3"] {
        create(service, "notes", json!({"id": id})).await;
    }
    let read = async || service.get("/v1/changes?consumer=crm&limit=2").expect(200).await;
    let page = read().await;
    assert_eq!(page.column("id"), ["n1", "n2"]);
    assert_eq!(read().await.column("id"), ["n1", "n2"], "reading alone moves nothing");
    let moved = service.put(&crm).json(&json!({"since": page.at("/nextSince")})).expect(200).await;
    assert!(moved.at("/lag/changes").as_u64() >= Some(1), "{moved}");
    let page = read().await;
    assert_eq!(page.column("id"), ["n3"]);
    // A place within a page is one, too.
    service.put(&crm).json(&json!({"since": page.at("/items/0/seq")})).expect(200).await;
    assert!(read().await.items().is_empty());
    let listed = service.get(CONSUMERS).expect(200).await;
    assert_eq!(listed.column("name"), ["crm"]);
    assert_eq!(service.get(&crm).expect(200).await.body(), listed.items()[0]);
    service.delete(&crm).expect(204).await;
    assert!(service.get(CONSUMERS).expect(200).await.items().is_empty());
}

async fn it_moves_forward_unless_forced(server: TestServer) {
    define(&server, &["notes"]).await;
    let service = server.service();
    create(service, "notes", json!({"id": "n1"})).await;
    let path = format!("{CONSUMERS}/crm");
    service.put(&path).json(&json!({"since": "now"})).expect(200).await;
    service.put(&path).json(&json!({"since": "0"})).problem(409, "condition_failed").await;
    assert!(service.get("/v1/changes?consumer=crm&collection=notes").expect(200).await.items().is_empty());
    service.put(&path).json(&json!({"since": "0", "force": true})).expect(200).await;
    let again = service.get("/v1/changes?consumer=crm&collection=notes").expect(200).await;
    assert_eq!(again.column("id"), ["n1"]);
}

async fn places_that_are_none_are_refused(server: TestServer) {
    let service = server.service();
    let path = format!("{CONSUMERS}/crm");
    service.put(&path).json(&json!({"since": "000000000000ffff"})).problem(400, "bad_cursor").await;
    service.put(&path).json(&json!({"since": "x"})).problem(400, "bad_cursor").await;
    let other = json!({"since": "another.0000000000000001"});
    service.put(&path).json(&other).problem(410, "cursor_expired").await;
    service.put(&path).json(&json!({})).problem(400, "bad_json").await;
    service.put(&path).json(&json!({"since": "0", "x": 1})).problem(400, "unknown_field").await;
}

async fn who_may_not_write_moves_nothing(server: TestServer) {
    let path = format!("{CONSUMERS}/crm");
    let body = json!({"since": "0"});
    for door in [CONSUMERS, path.as_str()] {
        server.visitor().get(door).problem(401, "unauthenticated").await;
        server.user(&format!("ann{}", door.len())).await.get(door).problem(403, "forbidden").await;
        server.key(&["changes:write"]).await.get(door).problem(403, "scope_missing").await;
    }
    server.visitor().put(&path).json(&body).problem(401, "unauthenticated").await;
    server.visitor().delete(&path).problem(401, "unauthenticated").await;
    let ann = server.user("ann").await;
    ann.put(&path).json(&body).problem(403, "forbidden").await;
    ann.delete(&path).problem(403, "forbidden").await;
    let reader = server.key(&["changes:read"]).await;
    reader.put(&path).json(&body).problem(403, "scope_missing").await;
    reader.delete(&path).problem(403, "scope_missing").await;
    let writer = server.key(&["changes:write"]).await;
    writer.put(&path).json(&body).expect(200).await;
    assert_eq!(reader.get(CONSUMERS).expect(200).await.column("name"), ["crm"]);
    writer.delete(&path).expect(204).await;
}

async fn one_that_is_not_there_is_not_found(server: TestServer) {
    let service = server.service();
    service.get("/v1/changes?consumer=nobody").problem(404, "consumer_not_found").await;
    service.get(&format!("{CONSUMERS}/nobody")).problem(404, "consumer_not_found").await;
    service.delete(&format!("{CONSUMERS}/nobody")).problem(404, "consumer_not_found").await;
    // The server's own readers are not among them.
    service.get(&format!("{CONSUMERS}/audit")).problem(404, "consumer_not_found").await;
}

async fn one_that_is_silent_for_long_is_no_longer_waited_for(server: TestServer) {
    define(&server, &["notes"]).await;
    let service = server.service();
    let path = format!("{CONSUMERS}/crm");
    service.put(&path).json(&json!({"since": "0"})).expect(200).await;
    server.clock().advance(Duration::from_hours(24 * 20));
    assert_eq!(service.get(&path).expect(200).await.at("/state"), "active");
    server.clock().advance(Duration::from_hours(24 * 20));
    // The log is older than it is kept, and its reader silent: it is trimmed within moments.
    eventually("the reader is left behind", || async {
        (service.get(&path).expect(200).await.at("/state") == "broken").then_some(())
    })
    .await;
    service.get("/v1/changes?consumer=crm").problem(410, "cursor_expired").await;
    service.put(&path).json(&json!({"since": "0", "force": true})).problem(410, "cursor_expired").await;
    let anew = service.put(&path).json(&json!({"since": "now", "force": true})).expect(200).await;
    assert_eq!(anew.at("/state"), "active");
    service.get("/v1/changes?consumer=crm").expect(200).await;
}

async fn the_metrics_tell_of_the_log_and_its_readers(server: TestServer) {
    let service = server.service();
    service.put(&format!("{CONSUMERS}/crm")).json(&json!({"since": "0"})).expect(200).await;
    let rooms = server.rooms();
    rooms.changes.measure(basalt_core::Clock::now(&*rooms.clock)).await.unwrap();
    let text = service.get("/metrics").expect(200).await.text();
    for name in ["basalt_log_bytes ", "basalt_log_age_seconds ", "basalt_log_reader_behind{reader=\"feed/crm\"}"] {
        assert!(text.contains(name), "{name} is missing");
    }
}
