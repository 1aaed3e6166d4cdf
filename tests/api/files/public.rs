//! Public buckets: everybody gets their files, and caches on the way may keep them.

use basalt_testing::{TestServer, on_both_engines};
use serde_json::{Value, json};

use super::support::{PNG, bytes, call, define_bucket, etag, file, files, metadata, paths, put};

on_both_engines! {
    everybody_reads_and_caches_may_keep_it,
    writing_stays_with_the_rules,
    listing_stays_with_the_rules,
    only_declared_sizes_are_served,
}

fn public() -> Value {
    json!({
        "public": true,
        "rules": {
            "list": "auth.id == doc.owner",
            "create": "auth.id == next.owner",
            "update": "auth.id == doc.owner",
            "delete": "auth.id == doc.owner",
        },
        "presets": {"thumb": {"width": 10, "format": "png"}},
    })
}

async fn everybody_reads_and_caches_may_keep_it(server: TestServer) {
    define_bucket(&server, "site", &public()).await;
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    put(&ann, "site", "a", b"for all").await;
    for client in [&*ann, &*bob, &server.visitor()] {
        let answer = client.get(&file("site", "a")).expect(200).await;
        assert_eq!(answer.bytes, b"for all");
        let caching = answer.header("cache-control").unwrap_or_default();
        assert!(caching.starts_with("public, max-age="), "{caching}");
        let known = client.get(&file("site", "a")).header("If-None-Match", &etag(b"for all")).expect(304).await;
        assert!(known.header("cache-control").unwrap_or_default().starts_with("public"));
    }
    // Its answer names nobody.
    let answer = server.visitor().get(&file("site", "a")).expect(200).await;
    assert!(answer.header("set-cookie").is_none());
    // Pages of any origin may show it.
    let foreign =
        server.visitor().get(&file("site", "a")).header("Origin", "https://elsewhere.example").expect(200).await;
    assert_eq!(foreign.bytes, b"for all");
}

async fn writing_stays_with_the_rules(server: TestServer) {
    define_bucket(&server, "site", &public()).await;
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    put(&ann, "site", "a", b"ann's").await;
    let visitor = server.visitor();
    visitor.put(&file("site", "b")).body("text/plain", *b"x").problem(401, "unauthenticated").await;
    visitor.delete(&file("site", "a")).problem(401, "unauthenticated").await;
    visitor.patch(&metadata("site", "a")).json(&json!({"data": {}})).problem(401, "unauthenticated").await;
    bob.put(&file("site", "a")).body("text/plain", *b"x").problem(403, "rule_denied").await;
    bob.delete(&file("site", "a")).problem(403, "rule_denied").await;
    bob.post(&call("site", "move")).json(&json!({"from": "a", "to": "b"})).problem(403, "rule_denied").await;
    assert_eq!(bytes(&visitor, "site", "a").await, b"ann's");
}

async fn listing_stays_with_the_rules(server: TestServer) {
    define_bucket(&server, "site", &public()).await;
    let ann = server.user("ann").await;
    put(&ann, "site", "a", b"ann's").await;
    assert!(server.visitor().get(&files("site")).expect(200).await.items().is_empty());
    assert_eq!(paths(&ann, "site", &[]).await, ["a"]);
}

async fn only_declared_sizes_are_served(server: TestServer) {
    define_bucket(&server, "site", &public()).await;
    let ann = server.user("ann").await;
    ann.put(&file("site", "a.png")).body("image/png", PNG).expect(201).await;
    let visitor = server.visitor();
    let preset = visitor.get(&format!("{}?preset=thumb", file("site", "a.png"))).expect(200).await;
    assert_eq!(preset.header("content-type").as_deref(), Some("image/png"));
    visitor.get(&format!("{}?width=11", file("site", "a.png"))).problem(403, "size_not_allowed").await;
    visitor.get(&format!("{}?width=10&format=png", file("site", "a.png"))).problem(403, "size_not_allowed").await;
    let unknown = visitor.get(&format!("{}?preset=huge", file("site", "a.png"))).send().await;
    assert!([400, 403, 404].contains(&unknown.status), "{unknown}");
}
