//! Rules that look up other documents: when those change, so does what is watched.

use basalt_testing::{TestServer, on_both_engines};
use serde_json::{Value, json};

use crate::support::{create, document};

on_both_engines!(
    who_leaves_a_room_hears_its_messages_no_more,
    a_document_that_decides_for_everybody_counts_at_once,
    the_time_in_a_rule_goes_on,
);

async fn who_leaves_a_room_hears_its_messages_no_more(server: TestServer) {
    server.define("rooms", &json!({"rules": {"read": "auth.id in doc.members"}})).await;
    server.define("messages", &json!({"rules": {"read": "auth.id in get('rooms', doc.room).members"}})).await;
    let service = server.service();
    let (ann, ben) = (server.user("ann").await, server.user("ben").await);
    create(service, "rooms", json!({"id": "r1", "members": [ann.id, ben.id]})).await;
    create(service, "rooms", json!({"id": "r2", "members": [ann.id]})).await;
    let (mut anns, mut bens) = (ann.socket().await, ben.socket().await);
    let subscription = json!({"id": "s", "collection": "messages", "filter": "room == 'r1'", "sort": "n", "limit": 50});
    let mut of_ann = anns.subscribe(subscription.clone()).await;
    let mut of_ben = bens.subscribe(subscription).await;
    let mut all_of_ben = bens.subscribe(json!({"id": "all", "collection": "messages", "sort": "n"})).await;
    let mut messages = Vec::new();
    for n in 0..5 {
        messages.push(create(service, "messages", json!({"room": "r1", "n": n})).await);
        create(service, "messages", json!({"room": "r2", "n": n})).await;
        create(service, "messages", json!({"room": "gone", "n": n})).await;
    }
    anns.until(&mut of_ann, &messages).await;
    while of_ben.docs != messages || all_of_ben.docs != messages {
        let frame = bens.next().await;
        of_ben.apply(&frame);
        all_of_ben.apply(&frame);
    }
    let patch = json!({"members": {"$remove": [ben.id]}});
    service.patch(&document("rooms", "r1")).json(&patch).expect(200).await;
    while !of_ben.docs.is_empty() || !all_of_ben.docs.is_empty() {
        let frame = bens.next().await;
        of_ben.apply(&frame);
        all_of_ben.apply(&frame);
    }
    messages.push(create(service, "messages", json!({"room": "r1", "n": 9})).await);
    anns.until(&mut of_ann, &messages).await;
    bens.expect_silence().await;
    // And in again: also what was written meanwhile.
    let patch = json!({"members": {"$union": [ben.id]}});
    service.patch(&document("rooms", "r1")).json(&patch).expect(200).await;
    while of_ben.docs != messages || all_of_ben.docs != messages {
        let frame = bens.next().await;
        of_ben.apply(&frame);
        all_of_ben.apply(&frame);
    }
}

async fn a_document_that_decides_for_everybody_counts_at_once(server: TestServer) {
    server.define("flags", &json!({})).await;
    server.define("posts", &json!({"rules": {"read": "get('flags', 'posts').open == true"}})).await;
    let service = server.service();
    let post = create(service, "posts", json!({"id": "p"})).await;
    let mut socket = server.visitor().socket().await;
    let mut list = socket.subscribe(json!({"id": "s", "collection": "posts"})).await;
    assert_eq!(list.docs, Vec::<Value>::new(), "the flag isn't there");
    for open in [true, false, true] {
        service.put(&document("flags", "posts")).json(&json!({"open": open})).send().await;
        let wanted = if open { vec![post.clone()] } else { Vec::new() };
        socket.until(&mut list, &wanted).await;
    }
    // What decides nothing isn't told.
    service.patch(&document("flags", "posts")).json(&json!({"note": 1})).expect(200).await;
    service.delete(&document("flags", "posts")).expect(204).await;
    socket.until(&mut list, &[]).await;
}

async fn the_time_in_a_rule_goes_on(server: TestServer) {
    let definition = json!({
        "schema": {"properties": {"endsAt": {"type": "string", "format": "date-time"}}},
        "rules": {"read": "timestamp(doc.endsAt) > request.time"},
    });
    server.define("offers", &definition).await;
    let service = server.service();
    let soon = json!({"id": "soon", "endsAt": "2026-11-22T08:10:00Z"});
    let late = json!({"id": "late", "endsAt": "2026-11-22T09:00:00Z"});
    create(service, "offers", soon).await;
    create(service, "offers", late).await;
    let mut socket = server.visitor().socket().await;
    let mut list = socket.subscribe(json!({"id": "s", "collection": "offers"})).await;
    assert_eq!(list.docs.len(), 2);
    server.clock().advance(std::time::Duration::from_mins(15));
    list.apply(&socket.next().await);
    assert_eq!(list.ids(), ["late"]);
}
