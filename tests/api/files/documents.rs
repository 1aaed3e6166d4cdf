//! Metadata are documents of the collection `files`: by every door that reads documents, and by none that writes them.

use basalt_testing::{TestServer, on_both_engines};
use serde_json::{Value, json};

use super::support::{bytes, call, define_bucket, file, metadata, open, owned, put};
use crate::support::{aggregate, create, document, documents, query};

on_both_engines! {
    it_is_read_as_a_document,
    each_bucket_has_its_own_rules,
    writing_is_for_the_buckets_doors,
    a_live_list_follows_files,
    every_change_is_in_the_feed,
    it_has_a_history,
    documents_refer_to_files,
}

async fn it_is_read_as_a_document(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    let client = server.visitor();
    let made = put(&client, "docs", "a", b"x").await.body();
    let id = made["id"].as_str().unwrap();
    assert_eq!(client.get(&document("files", id)).expect(200).await.body(), made);
    assert_eq!(client.get(&documents("files")).expect(200).await.items(), std::slice::from_ref(&made));
    let asked = json!({"filter": "bucket == 'docs' && size == 1"});
    assert_eq!(client.post(&query("files")).json(&asked).expect(200).await.items(), [made]);
    let counted = json!({"groupBy": ["bucket"], "measures": {"bytes": {"sum": "size"}}});
    let answer = client.post(&aggregate("files")).json(&counted).expect(200).await;
    assert_eq!(answer.items(), [json!({"bucket": "docs", "bytes": 1})]);
}

async fn each_bucket_has_its_own_rules(server: TestServer) {
    define_bucket(&server, "mine", &owned()).await;
    define_bucket(&server, "all", &open()).await;
    let hidden = json!({"rules": {"get": "true", "create": "true"}, "acknowledge": ["create"]});
    define_bucket(&server, "unlisted", &hidden).await;
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    for bucket in ["mine", "all", "unlisted"] {
        for user in [&ann, &bob] {
            put(user, bucket, &format!("{}/{bucket}", user.email), b"x").await;
        }
    }
    let seen = async |client: &basalt_testing::Client| {
        let answer = client.get(&documents("files")).query(&[("sort", "path")]).expect(200).await;
        answer.column("path").iter().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>()
    };
    let all = ["ann@example.com/all", "bob@example.com/all"];
    assert_eq!(seen(&server.visitor()).await, all);
    assert_eq!(seen(&ann).await, [all[0], "ann@example.com/mine", all[1]]);
    assert_eq!(seen(server.service()).await.len(), 6);
    // What is in no list can be got by who knows where it is.
    let id = bob.get(&metadata("unlisted", "ann@example.com/unlisted")).expect(200).await.text_at("/id");
    bob.get(&document("files", &id)).expect(200).await;
    let id = ann.get(&metadata("mine", "ann@example.com/mine")).expect(200).await.text_at("/id");
    bob.get(&document("files", &id)).problem(404, "document_not_found").await;
}

async fn writing_is_for_the_buckets_doors(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    let client = server.visitor();
    let before = put(&client, "docs", "a", b"x").await.body();
    let id = before["id"].as_str().unwrap();
    let body = json!({"bucket": "docs", "path": "b", "size": 1});
    for caller in [&*server.user("ann").await, server.service()] {
        caller.post(&documents("files")).json(&body).problem(405, "method_not_allowed").await;
        caller.put(&document("files", id)).json(&body).problem(405, "method_not_allowed").await;
        caller.patch(&document("files", id)).json(&json!({"data": {}})).problem(405, "method_not_allowed").await;
        caller.delete(&document("files", id)).problem(405, "method_not_allowed").await;
        let import = caller.post("/v1/collections/files/import").body("application/x-ndjson", format!("{body}\n"));
        let answer = import.send().await;
        assert!(answer.status == 403 || answer.text().contains("method_not_allowed"), "{answer}");
        for operation in [
            json!({"op": "create", "collection": "files", "data": body}),
            json!({"op": "patch", "collection": "files", "id": id, "patch": {"size": 9}}),
            json!({"op": "replace", "collection": "files", "id": id, "data": body}),
            json!({"op": "delete", "collection": "files", "id": id}),
        ] {
            let answer = caller.post("/v1/transactions").json(&json!({"operations": [operation]})).send().await;
            assert!([403, 405].contains(&answer.status), "{operation}: {answer}");
        }
    }
    assert_eq!(client.get(&metadata("docs", "a")).expect(200).await.body(), before);
    assert_eq!(bytes(&client, "docs", "a").await, b"x");
}

async fn a_live_list_follows_files(server: TestServer) {
    define_bucket(&server, "docs", &owned()).await;
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    let subscription = json!({"id": "s", "collection": "files", "filter": "bucket == 'docs'", "sort": "path"});
    let (mut of_ann, mut of_bob) = (ann.socket().await, bob.socket().await);
    let mut list = of_ann.subscribe(subscription.clone()).await;
    of_bob.subscribe(subscription).await;
    let first = put(&ann, "docs", "a", b"one").await.body();
    of_ann.until(&mut list, &[first]).await;
    let replaced = ann.put(&file("docs", "a")).body("text/plain", *b"two").expect(200).await.body();
    of_ann.until(&mut list, &[replaced]).await;
    let patched = ann.patch(&metadata("docs", "a")).json(&json!({"data": {"n": 1}})).expect(200).await.body();
    of_ann.until(&mut list, &[patched]).await;
    let moved = ann.post(&call("docs", "move")).json(&json!({"from": "a", "to": "b"})).expect(200).await.body();
    of_ann.until(&mut list, &[moved]).await;
    ann.delete(&file("docs", "b")).expect(204).await;
    of_ann.until(&mut list, &[]).await;
    of_bob.expect_silence().await;
}

async fn every_change_is_in_the_feed(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    let client = server.visitor();
    let made = put(&client, "docs", "a", b"one").await;
    client.put(&file("docs", "a")).body("text/plain", *b"two").expect(200).await;
    let gone = client.delete(&file("docs", "a")).expect(204).await;
    let feed = server.service().get("/v1/changes?since=0&collection=files").expect(200).await;
    assert_eq!(feed.column("id"), vec![made.at("/id"); 3]);
    assert_eq!(feed.column("op"), ["create", "update", "delete"]);
    let places: Vec<Option<String>> = feed
        .column("seq")
        .iter()
        .map(|seq| seq.as_str().map(str::to_owned).or(seq.as_u64().map(|n| n.to_string())))
        .collect();
    assert_eq!((places[0].clone(), places[2].clone()), (made.header("basalt-seq"), gone.header("basalt-seq")));
}

async fn it_has_a_history(server: TestServer) {
    server.define("files", &json!({"history": true})).await;
    define_bucket(&server, "docs", &owned()).await;
    let ann = server.user("ann").await;
    let id = put(&ann, "docs", "a", b"one").await.text_at("/id");
    ann.put(&file("docs", "a")).body("text/plain", *b"three").expect(200).await;
    let history = ann.get(&format!("{}/history", document("files", &id))).expect(200).await;
    let sizes: Vec<Value> = history.items().iter().map(|item| item["document"]["size"].clone()).collect();
    assert_eq!(sizes, [json!(5), json!(3)]);
    let bob = server.user("bob").await;
    bob.get(&format!("{}/history", document("files", &id))).problem(404, "document_not_found").await;
    // What was can't be brought back by the door of documents: its bytes may be gone.
    let seq = history.items()[1]["seq"].to_string().trim_matches('"').to_owned();
    let restored = ann.post(&format!("{}/history/{seq}/restore", document("files", &id))).send().await;
    assert!([403, 405].contains(&restored.status), "{restored}");
}

async fn documents_refer_to_files(server: TestServer) {
    define_bucket(&server, "docs", &owned()).await;
    let notes = json!({
        "references": {"cover": {"to": "files", "onDelete": "restrict"}, "images": "files"},
        "rules": {"read": "true", "write": "true"}, "acknowledge": ["create", "update", "delete"],
    });
    server.define("notes", &notes).await;
    let ann = server.user("ann").await;
    let cover = put(&ann, "docs", "cover", b"x").await.text_at("/id");
    create(&ann, "notes", json!({"id": "n", "cover": cover})).await;
    let expanded = ann.get(&document("notes", "n")).query(&[("expand", "cover")]).expect(200).await;
    assert_eq!(expanded.at("/expand/cover/path"), "cover");
    // Another's file isn't shown through it.
    let bob = server.user("bob").await;
    let hidden = bob.get(&document("notes", "n")).query(&[("expand", "cover")]).expect(200).await;
    assert!(hidden.at("/expand/cover").is_null(), "{hidden}");
    ann.delete(&file("docs", "cover")).problem(409, "referenced").await;
    assert_eq!(bytes(&ann, "docs", "cover").await, b"x");
    // A moved file is still the one that is meant.
    ann.post(&call("docs", "move")).json(&json!({"from": "cover", "to": "moved"})).expect(200).await;
    let expanded = ann.get(&document("notes", "n")).query(&[("expand", "cover")]).expect(200).await;
    assert_eq!(expanded.at("/expand/cover/path"), "moved");
    ann.delete(&document("notes", "n")).expect(204).await;
    ann.delete(&file("docs", "moved")).expect(204).await;
}
