use std::time::Duration;

use basalt_testing::{TestServer, eventually, on_both_engines};
use serde_json::{Value, json};

use super::define;
use crate::support::{create, document};

on_both_engines! {
    every_change_comes_once_and_in_order,
    a_collection_or_several_can_be_asked_for,
    a_filter_sees_the_event_and_its_place_moves_on,
    waiting_ends_with_the_first_change,
    who_is_no_service_reads_nothing,
    scopes_name_collections,
    system_collections_never_appear,
    places_of_another_log_and_of_the_future_are_refused,
    bad_parameters_are_refused,
    a_place_that_the_log_no_longer_holds_is_expired,
}

const CHANGES: &str = "/v1/changes";

async fn every_change_comes_once_and_in_order(server: TestServer) {
    define(&server, &["notes"]).await;
    let service = server.service();
    let created = service.post("/v1/collections/notes/documents").json(&json!({"id": "n1", "n": 1, "same": 1}));
    let created = created.expect(201).await;
    let path = document("notes", "n1");
    service.patch(&path).json(&json!({"n": 2})).expect(200).await;
    service.delete(&path).expect(204).await;

    let mut items = Vec::new();
    let mut since = "0".to_owned();
    loop {
        let page = service.get(&format!("{CHANGES}?since={since}&limit=2")).expect(200).await;
        items.extend(page.items());
        since = page.text_at("/nextSince");
        if page.at("/more") == false {
            break;
        }
    }
    let ops: Vec<&Value> = items.iter().map(|item| &item["op"]).collect();
    assert_eq!(ops, ["create", "update", "delete"], "{items:?}");
    let [first, second, third] = &items[..] else { panic!("{items:?}") };
    assert_eq!(first["seq"].as_str(), created.header("basalt-seq").as_deref());
    assert_eq!((&first["collection"], &first["id"]), (&json!("notes"), &json!("n1")));
    assert_eq!(first["after"], created.body());
    assert_eq!(first["before"], Value::Null);
    assert_eq!(first["actor"]["type"], "service");
    assert!(first["requestId"].is_string() && first["at"].is_string());
    assert_eq!((&second["after"]["n"], &second["before"]["n"]), (&json!(2), &json!(1)));
    assert!(second["before"].get("same").is_none(), "old values of what changed alone");
    assert_eq!((&third["after"], &third["before"]["n"]), (&Value::Null, &json!(2)));

    // Whoever has read all gets nothing, and goes on from there; a bare place is a cursor, too.
    let end = service.get(&format!("{CHANGES}?since={since}")).expect(200).await;
    assert_eq!((end.items().len(), end.at("/more")), (0, json!(false)));
    let after_first = service.get(&format!("{CHANGES}?since={}", first["seq"].as_str().unwrap())).expect(200).await;
    assert_eq!(after_first.column("op"), ["update", "delete"]);
    let now = service.get(&format!("{CHANGES}?since=now")).expect(200).await;
    assert_eq!((now.items().len(), now.text_at("/nextSince")), (0, since));
}

async fn a_collection_or_several_can_be_asked_for(server: TestServer) {
    define(&server, &["a", "b", "c"]).await;
    let service = server.service();
    for n in 0..3 {
        for name in ["a", "b", "c"] {
            create(service, name, json!({"id": format!("{name}{n}")})).await;
        }
    }
    let ids = async |query: &str| service.get(&format!("{CHANGES}?{query}")).expect(200).await.column("id");
    assert_eq!(ids("collection=b").await, ["b0", "b1", "b2"]);
    assert_eq!(ids("collection=a,c&limit=4").await, ["a0", "c0", "a1", "c1"]);
    assert_eq!(ids("collection=unknown").await, [json!(null); 0]);
    let page = service.get(&format!("{CHANGES}?collection=a")).expect(200).await;
    let all = service.get(CHANGES).expect(200).await;
    assert_eq!(page.text_at("/nextSince"), all.text_at("/nextSince"), "nothing of it is left up to the log's end");
}

async fn a_filter_sees_the_event_and_its_place_moves_on(server: TestServer) {
    define(&server, &["orders"]).await;
    let service = server.service();
    for n in 0..30 {
        create(service, "orders", json!({"id": format!("o{n}"), "status": "open", "n": n})).await;
    }
    service.patch(&document("orders", "o7")).json(&json!({"status": "paid"})).expect(200).await;
    service.delete(&document("orders", "o8")).expect(204).await;
    let get = async |filter: &str| service.get(CHANGES).query(&[("filter", filter)]).expect(200).await;
    let paid = get("collection == 'orders' && doc.status == 'paid' && before.status == 'open'").await;
    assert_eq!(paid.column("id"), ["o7"]);
    assert_eq!(get("op == 'delete' && doc.n == 8").await.column("id"), ["o8"], "a delete's document is what it was");
    assert_eq!(get("doc.n >= 28 && op == 'create'").await.column("id"), ["o28", "o29"]);
    let none = get("doc.nothing == 1").await;
    assert_eq!((none.items().len(), none.at("/more")), (0, json!(false)));
    assert_eq!(none.text_at("/nextSince"), paid.text_at("/nextSince"));
    for bad in ["status == 'paid'", "op ==", "auth.id == 'x'"] {
        let refused = service.get(CHANGES).query(&[("filter", bad)]).problem(400, "bad_filter").await;
        assert!(refused.at("/errors/0/line").is_number(), "{refused}");
    }
}

async fn waiting_ends_with_the_first_change(server: TestServer) {
    define(&server, &["notes"]).await;
    let service = server.service().clone();
    let at_once = service.get(&format!("{CHANGES}?since=now&wait=1ms")).expect(200).await;
    assert!(at_once.items().is_empty());
    let since = at_once.text_at("/nextSince");
    let waits: Vec<_> = (0..20)
        .map(|_| {
            let call = service.get(&format!("{CHANGES}?since={since}&wait=60s&collection=notes"));
            tokio::spawn(call.expect(200))
        })
        .collect();
    create(&service, "notes", json!({"id": "n1"})).await;
    for wait in waits {
        assert_eq!(wait.await.unwrap().column("id"), ["n1"]);
    }
}

async fn who_is_no_service_reads_nothing(server: TestServer) {
    server.visitor().get(CHANGES).problem(401, "unauthenticated").await;
    server.user("ann").await.get(CHANGES).problem(403, "forbidden").await;
    server.key(&["documents:read"]).await.get(CHANGES).problem(403, "scope_missing").await;
    server.key(&["changes:write"]).await.get(CHANGES).problem(403, "scope_missing").await;
    server.key(&["changes:read"]).await.get(CHANGES).expect(200).await;
}

async fn scopes_name_collections(server: TestServer) {
    define(&server, &["a", "b"]).await;
    create(server.service(), "a", json!({"id": "x"})).await;
    let key = server.key(&["changes:read:a"]).await;
    assert_eq!(key.get(&format!("{CHANGES}?collection=a")).expect(200).await.column("id"), ["x"]);
    for query in ["", "?collection=b", "?collection=a,b"] {
        key.get(&format!("{CHANGES}{query}")).problem(403, "scope_missing").await;
    }
}

async fn system_collections_never_appear(server: TestServer) {
    define(&server, &["notes"]).await;
    server.user("ann").await;
    server.key(&["documents:read"]).await;
    create(server.service(), "notes", json!({})).await;
    let page = server.service().get(CHANGES).expect(200).await;
    let collections = page.column("collection");
    assert!(collections.contains(&json!("users")) && collections.contains(&json!("notes")), "{page}");
    assert!(collections.iter().all(|name| !name.as_str().unwrap().starts_with('_')), "{page}");
    server.service().get(&format!("{CHANGES}?collection=_sessions")).expect(404).await;
}

async fn places_of_another_log_and_of_the_future_are_refused(server: TestServer) {
    let service = server.service();
    let since = service.get(CHANGES).expect(200).await.text_at("/nextSince");
    let place = since.split_once('.').unwrap().1;
    service.get(&format!("{CHANGES}?since=another.{place}")).problem(410, "cursor_expired").await;
    for bad in ["x", "1", "-1", "%20"] {
        service.get(&format!("{CHANGES}?since={bad}")).problem(400, "bad_cursor").await;
    }
}

async fn bad_parameters_are_refused(server: TestServer) {
    let service = server.service();
    for bad in ["limit=0", "limit=1001", "wait=1h", "wait=61s", "wait=soon", "consumer=a%2Fb", "consumer=a&since=0"] {
        service.get(&format!("{CHANGES}?{bad}")).problem(400, "bad_parameter").await;
    }
    service.get(&format!("{CHANGES}?sinc=0")).problem(400, "unknown_parameter").await;
    let many = vec!["a"; 21].join(",");
    service.get(&format!("{CHANGES}?collection={many}")).problem(400, "bad_parameter").await;
}

async fn a_place_that_the_log_no_longer_holds_is_expired(server: TestServer) {
    define(&server, &["notes"]).await;
    let service = server.service();
    create(service, "notes", json!({"id": "n1"})).await;
    let since = service.get(CHANGES).expect(200).await.text_at("/nextSince");
    server.clock().advance(Duration::from_hours(24 * 40));
    // The log is trimmed within moments; what was read stays a place.
    eventually("the log is trimmed", || async {
        server.rooms().changes.tail(0).next_if_any().await.is_err().then_some(())
    })
    .await;
    service.get(CHANGES).problem(410, "cursor_expired").await;
    service.get(&format!("{CHANGES}?since={since}")).expect(200).await;
}
