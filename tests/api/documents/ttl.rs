use std::time::Duration;

use basalt_core::change::ActorKind;
use basalt_testing::{TestServer, on_both_engines};
use serde_json::json;

use crate::support::{create, document, documents, get};

on_both_engines! {
    what_is_over_is_swept,
    what_is_put_off_stays,
    what_is_no_time_is_refused_or_stays,
    what_is_referred_to_stays_and_holds_nobody_up,
    the_field_counts_as_a_time,
    bad_options_are_refused,
}

async fn define(server: &TestServer) {
    let definition = json!({
        "ttl": "expiresAt", "rules": {"read": "true", "create": "auth != null", "update": "auth != null"},
    });
    server.define("codes", &definition).await;
}

async fn what_is_over_is_swept(server: TestServer) {
    define(&server).await;
    let ann = server.user("ann").await;
    for (id, at) in [
        ("soon", "2026-11-22T08:30:00+00:00"),
        ("east", "2026-11-22T16:30:00+08:00"),
        ("later", "2026-11-22T12:00:00Z"),
    ] {
        create(&ann, "codes", json!({"id": id, "expiresAt": at})).await;
    }
    create(&ann, "codes", json!({"id": "ever"})).await;
    assert_eq!(get(&ann, "codes", "east").await["expiresAt"], "2026-11-22T08:30:00.000Z");
    server.rooms().documents.sweep_expired().await.unwrap();
    assert_eq!(ann.get(&documents("codes")).expect(200).await.items().len(), 4);
    server.clock().advance(Duration::from_mins(31));
    server.rooms().documents.sweep_expired().await.unwrap();
    let left = server.service().get(&documents("codes")).query(&[("sort", "id")]).expect(200).await;
    assert_eq!(left.column("id"), ["ever", "later"]);
    let changes = server.rooms().store.changes(0, 1_000).await.unwrap();
    let swept = changes.iter().find(|it| it.id.as_str() == "soon" && it.after.is_none()).unwrap();
    assert_eq!(swept.actor.kind, ActorKind::System);
}

async fn what_is_put_off_stays(server: TestServer) {
    define(&server).await;
    let ann = server.user("ann").await;
    create(&ann, "codes", json!({"id": "c", "expiresAt": "2026-11-22T08:30:00Z"})).await;
    let later = json!({"expiresAt": "2026-11-23T08:30:00Z"});
    ann.patch(&document("codes", "c")).json(&later).expect(200).await;
    server.clock().advance(Duration::from_hours(1));
    server.rooms().documents.sweep_expired().await.unwrap();
    get(server.service(), "codes", "c").await;
    server.clock().advance(Duration::from_hours(24));
    server.rooms().documents.sweep_expired().await.unwrap();
    server.service().get(&document("codes", "c")).problem(404, "document_not_found").await;
}

async fn what_is_no_time_is_refused_or_stays(server: TestServer) {
    server.define("codes", &json!({})).await;
    let service = server.service();
    for (id, at) in [("old", json!("")), ("odd", json!("1999")), ("number", json!(0)), ("null", json!(null))] {
        create(service, "codes", json!({"id": id, "expiresAt": at})).await;
    }
    create(service, "codes", json!({"id": "good", "expiresAt": "2020-01-01T00:00:00.000Z"})).await;
    define(&server).await;
    server.rooms().store.indexes_built().await.unwrap();
    server.rooms().documents.sweep_expired().await.unwrap();
    let left = service.get(&documents("codes")).query(&[("sort", "id")]).expect(200).await;
    assert_eq!(left.column("id"), ["null", "number", "odd", "old"]);
    let call = service.post(&documents("codes")).json(&json!({"expiresAt": "soon"}));
    call.problem(422, "schema_violation").await;
}

async fn what_is_referred_to_stays_and_holds_nobody_up(server: TestServer) {
    define(&server).await;
    let uses = json!({"references": {"code": {"to": "codes", "onDelete": "restrict"}}});
    server.define("uses", &uses).await;
    let service = server.service();
    for id in ["a", "b"] {
        create(service, "codes", json!({"id": id, "expiresAt": "2026-11-22T08:00:00Z"})).await;
    }
    create(service, "uses", json!({"code": "a"})).await;
    server.clock().advance(Duration::from_mins(1));
    server.rooms().documents.sweep_expired().await.unwrap();
    assert_eq!(service.get(&documents("codes")).expect(200).await.column("id"), ["a"]);
}

async fn the_field_counts_as_a_time(server: TestServer) {
    define(&server).await;
    let service = server.service();
    create(service, "codes", json!({"id": "c", "expiresAt": "2026-11-23T00:00:00+02:00"})).await;
    let filter = "timestamp(expiresAt) == timestamp('2026-11-22T22:00:00Z')";
    assert_eq!(service.get(&documents("codes")).query(&[("filter", filter)]).expect(200).await.column("id"), ["c"]);
}

async fn bad_options_are_refused(server: TestServer) {
    for definition in [json!({"ttl": "createdAt"}), json!({"ttl": "a..b"}), json!({"ttl": 7})] {
        server.owner().put("/v1/admin/collections/codes").json(&definition).problem(422, "invalid_definition").await;
    }
    let users = server.owner().put("/v1/admin/collections/users").json(&json!({"ttl": "until"}));
    users.problem(422, "invalid_definition").await;
}
