use basalt_testing::{TestServer, on_both_engines};
use serde_json::json;

use crate::support::{create, define_notes, document};

on_both_engines! {
    the_owner_deletes_it_for_good,
    who_reads_but_may_not_delete_is_refused,
    who_may_not_read_finds_nothing,
    an_id_can_be_used_again,
}

async fn the_owner_deletes_it_for_good(server: TestServer) {
    define_notes(&server).await;
    let ann = server.user("ann").await;
    create(&ann, "notes", json!({"id": "n1", "owner": ann.id})).await;
    let answer = ann.delete(&document("notes", "n1")).expect(204).await;
    assert!(answer.bytes.is_empty());
    assert!(answer.header("basalt-seq").is_some(), "{answer}");
    ann.get(&document("notes", "n1")).problem(404, "document_not_found").await;
    ann.delete(&document("notes", "n1")).problem(404, "document_not_found").await;
}

async fn who_reads_but_may_not_delete_is_refused(server: TestServer) {
    define_notes(&server).await;
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    create(&ann, "notes", json!({"id": "n1", "owner": ann.id, "members": [bob.id]})).await;
    bob.delete(&document("notes", "n1")).problem(403, "rule_denied").await;
    bob.patch(&document("notes", "n1")).json(&json!({"title": "x"})).problem(403, "rule_denied").await;
    bob.get(&document("notes", "n1")).expect(200).await;
}

async fn who_may_not_read_finds_nothing(server: TestServer) {
    define_notes(&server).await;
    let (ann, eve) = (server.user("ann").await, server.user("eve").await);
    create(&ann, "notes", json!({"id": "n1", "owner": ann.id})).await;
    eve.delete(&document("notes", "n1")).problem(404, "document_not_found").await;
    let answer = server.visitor().delete(&document("notes", "n1")).send().await;
    assert!([401, 404].contains(&answer.status), "{answer}");
    ann.get(&document("notes", "n1")).expect(200).await;
}

async fn an_id_can_be_used_again(server: TestServer) {
    define_notes(&server).await;
    let ann = server.user("ann").await;
    for n in 0..3 {
        create(&ann, "notes", json!({"id": "n1", "owner": ann.id, "slug": "s", "n": n})).await;
        ann.delete(&document("notes", "n1")).expect(204).await;
    }
}
