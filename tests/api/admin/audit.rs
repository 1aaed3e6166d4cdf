use std::time::Duration;

use basalt_testing::{TestServer, on_both_engines};
use serde_json::json;

on_both_engines! {
    it_says_who_changed_what_newest_first,
    pages_follow_one_another,
    who_is_no_operator_does_not_see_it,
}

/// Entries of one moment have no order.
const SECOND: Duration = Duration::from_secs(1);
const AUDIT: &str = "/v1/admin/audit";

async fn it_says_who_changed_what_newest_first(server: TestServer) {
    let owner = server.owner();
    let definition = json!({"rules": {"read": "auth != null"}});
    owner.put("/v1/admin/collections/notes").json(&definition).expect(200).await;
    server.clock().advance(SECOND);
    // The same content changes nothing, and so is no entry.
    owner.put("/v1/admin/collections/notes").json(&definition).expect(200).await;
    let key = json!({"name": "importer", "scopes": ["documents:write"]});
    let secret = owner.post("/v1/admin/keys").json(&key).expect(201).await.text_at("/key");
    server.clock().advance(SECOND);
    owner.delete("/v1/admin/collections/notes?confirm=notes").expect(204).await;

    let answer = owner.get(AUDIT).expect(200).await;
    let entries = answer.items();
    let told: Vec<&str> = entries.iter().filter_map(|entry| entry["action"].as_str()).collect();
    assert_eq!(told[..3], ["collections.drop", "keys.create", "collections.put"], "{answer}");
    assert_eq!(told.iter().filter(|action| **action == "collections.put").count(), 1);
    assert_eq!(entries[2]["actor"]["type"], "operator");
    assert_eq!(entries[2]["target"], json!({"type": "collection", "id": "notes"}));
    assert_eq!(entries[2]["after"]["rules"]["list"], "auth != null");
    assert_eq!(entries[0]["before"]["rules"]["list"], "auth != null");
    assert!(!answer.body().to_string().contains(&secret), "a secret is in the audit");
}

async fn pages_follow_one_another(server: TestServer) {
    let owner = server.owner();
    for n in 0..3 {
        owner.put(&format!("/v1/admin/collections/c{n}")).json(&json!({})).expect(200).await;
        server.clock().advance(SECOND);
    }
    let first = owner.get(&format!("{AUDIT}?limit=2")).expect(200).await;
    let cursor = first.text_at("/nextCursor");
    let second = owner.get(&format!("{AUDIT}?limit=2&cursor={cursor}")).expect(200).await;
    let target = |answer: &basalt_testing::Answer, n: usize| answer.items()[n]["target"]["id"].clone();
    assert_eq!([target(&first, 0), target(&first, 1), target(&second, 0)], ["c2", "c1", "c0"]);
    owner.get(&format!("{AUDIT}?cursor=nonsense")).problem(400, "bad_cursor").await;
    owner.get(&format!("{AUDIT}?limit=501")).problem(400, "bad_parameter").await;
}

async fn who_is_no_operator_does_not_see_it(server: TestServer) {
    server.visitor().get(AUDIT).problem(401, "unauthenticated").await;
    server.user("ann").await.get(AUDIT).expect(403).await;
    server.key(&["documents:read"]).await.get(AUDIT).problem(403, "scope_missing").await;
}
