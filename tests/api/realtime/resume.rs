//! Going on from a place in the log.

use basalt_testing::{List, Socket, TestServer, on_both_engines};
use serde_json::{Value, json};

use crate::support::{create, define_notes, define_open, document, query};

on_both_engines!(
    who_comes_back_gets_what_he_missed,
    nothing_of_others_is_told,
    other_rights_begin_anew,
    what_cannot_be_gone_on_with_begins_anew,
);

/// Subscribes with what the list knows; hands back the first answer.
async fn resume(socket: &mut Socket, list: &List, subscription: &Value) -> Value {
    socket.send(&list.resume(subscription)).await;
    socket.next().await
}

async fn who_comes_back_gets_what_he_missed(server: TestServer) {
    define_open(&server).await;
    let visitor = server.visitor();
    let subscription = json!({"id": "s", "collection": "open", "filter": "n > 0", "sort": "n"});
    for n in 0..20 {
        create(&visitor, "open", json!({"id": format!("d{n:02}"), "n": n % 10})).await;
    }
    let mut socket = visitor.socket().await;
    let mut list = socket.subscribe(subscription.clone()).await;
    for round in 0..5 {
        drop(socket);
        for step in 0..round * 2 {
            let id = format!("d{:02}", (round * 3 + step) % 20);
            match step % 4 {
                0 => drop(visitor.delete(&document("open", &id)).send().await),
                1 => drop(visitor.patch(&document("open", &id)).json(&json!({"n": step - 1})).send().await),
                2 => drop(visitor.put(&document("open", &id)).json(&json!({"n": 9 - step})).send().await),
                _ => drop(create(&visitor, "open", json!({"n": step})).await),
            }
        }
        socket = visitor.socket().await;
        assert_eq!(resume(&mut socket, &list, &subscription).await, json!({"type": "ok", "id": "s"}));
        let asked = json!({"filter": "n > 0", "sort": "n", "limit": 500});
        let wanted = visitor.post(&query("open")).json(&asked).expect(200).await.items();
        socket.until(&mut list, &wanted).await;
        socket.expect_silence().await;
    }
}

async fn nothing_of_others_is_told(server: TestServer) {
    define_notes(&server).await;
    let (ann, ben) = (server.user("ann").await, server.user("ben").await);
    create(&ann, "notes", json!({"id": "hers", "owner": ann.id, "rank": 1})).await;
    create(&ben, "notes", json!({"id": "his", "owner": ben.id, "rank": 1})).await;
    let subscription = json!({"id": "s", "collection": "notes"});
    let mut socket = ann.socket().await;
    let list = socket.subscribe(subscription.clone()).await;
    drop(socket);
    ben.patch(&document("notes", "his")).json(&json!({"rank": 2})).expect(200).await;
    create(&ben, "notes", json!({"id": "new", "owner": ben.id})).await;
    ben.delete(&document("notes", "new")).expect(204).await;
    let mut socket = ann.socket().await;
    assert_eq!(resume(&mut socket, &list, &subscription).await["type"], "ok");
    socket.expect_silence().await;
}

async fn other_rights_begin_anew(server: TestServer) {
    server.define("plans", &json!({"rules": {"read": "'editor' in auth.roles || doc.open"}})).await;
    let service = server.service();
    create(service, "plans", json!({"id": "open", "open": true})).await;
    create(service, "plans", json!({"id": "closed", "open": false})).await;
    let ann = server.user("ann").await;
    let subscription = json!({"id": "s", "collection": "plans"});
    let mut list = ann.socket().await.subscribe(subscription.clone()).await;
    assert_eq!(list.ids(), ["open"]);
    let path = format!("/v1/admin/users/{}", ann.id);
    server.owner().put("/v1/admin/roles/editor").json(&json!({})).send().await;
    server.owner().patch(&path).json(&json!({"roles": ["editor"]})).expect(200).await;
    let mut socket = ann.socket().await;
    let frame = resume(&mut socket, &list, &subscription).await;
    assert_eq!((&frame["type"], frame["docs"].as_array().map(Vec::len)), (&json!("snapshot"), Some(2)));
    list.apply(&frame);
    server.define("plans", &json!({"rules": {"read": "doc.open"}})).await;
    let mut socket = ann.socket().await;
    let frame = resume(&mut socket, &list, &subscription).await;
    assert_eq!((&frame["type"], frame["docs"].as_array().map(Vec::len)), (&json!("snapshot"), Some(1)));
    // The place of one query is none of another.
    let other = json!({"id": "s2", "collection": "plans", "filter": "open"});
    assert_eq!(resume(&mut socket, &list, &other).await["type"], "snapshot");
}

async fn what_cannot_be_gone_on_with_begins_anew(server: TestServer) {
    define_open(&server).await;
    let visitor = server.visitor();
    create(&visitor, "open", json!({"n": 1})).await;
    let mut socket = visitor.socket().await;
    for (n, since) in ["", "0", "x", "ffffffffffffffff.0000000000000000", "0000000000000000"].into_iter().enumerate() {
        let id = format!("s{n}");
        socket.send(&json!({"type": "subscribe", "id": id, "collection": "open", "since": since})).await;
        assert_eq!(socket.next().await["type"], "snapshot", "{since}");
    }
    let windowed = json!({"id": "w", "collection": "open", "limit": 5});
    let list = socket.subscribe(windowed.clone()).await;
    drop(socket);
    let mut socket = visitor.socket().await;
    assert_eq!(resume(&mut socket, &list, &windowed).await["type"], "snapshot");
}
