use std::sync::Arc;

use basalt_core::change::{ActorKind, seq_from_text};
use basalt_core::{Change, ChangeOp};
use basalt_testing::{Client, TestServer, on_both_engines};
use serde_json::{Value, json};

use crate::support::{create, document, documents, get};

on_both_engines! {
    kept_references_stay,
    cleared_references_go,
    cascades_go_all_the_way_down,
    what_is_restricted_cannot_be_deleted,
    a_transaction_may_free_what_it_deletes,
    restrict_holds_whoever_writes_meanwhile,
    deleting_a_user_obeys_references_too,
    a_document_that_came_back_keeps_its_references,
    what_cannot_be_kept_to_is_refused,
}

/// Authors, and books that refer to them.
async fn define(server: &TestServer, on_delete: &str) {
    server.define("authors", &open(&json!({}))).await;
    let references = json!({
        "author": {"to": "authors", "onDelete": on_delete}, "editors": {"to": "authors", "onDelete": on_delete},
    });
    server.define("books", &open(&json!({"references": references}))).await;
}

fn open(more: &Value) -> Value {
    let mut definition = json!({
        "rules": {"read": "true", "write": "true"}, "acknowledge": ["create", "update", "delete"],
    });
    definition.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    definition
}

/// Reads the log on until `done` is true of a change.
async fn until(server: &TestServer, done: impl Fn(&Change) -> bool) -> Arc<Change> {
    let mut tail = server.rooms().changes.tail(0);
    loop {
        if let Some(found) = tail.next().await.unwrap().into_iter().find(|change| done(change)) {
            return found;
        }
    }
}

async fn deleted(server: &TestServer, collection: &str, id: &str) -> Arc<Change> {
    until(server, |it| it.op == ChangeOp::Delete && it.collection.as_str() == collection && it.id.as_str() == id).await
}

async fn kept_references_stay(server: TestServer) {
    define(&server, "keep").await;
    let visitor = server.visitor();
    create(&visitor, "authors", json!({"id": "a"})).await;
    create(&visitor, "books", json!({"id": "b", "author": "a"})).await;
    visitor.delete(&document("authors", "a")).expect(204).await;
    server.rooms().jobs.run_due().await.unwrap();
    assert_eq!(get(&visitor, "books", "b").await["author"], "a");
}

async fn cleared_references_go(server: TestServer) {
    define(&server, "clear").await;
    let visitor = server.visitor();
    create(&visitor, "authors", json!({"id": "a"})).await;
    create(&visitor, "books", json!({"id": "b", "author": "a", "editors": ["x", "a", "y"], "title": "T"})).await;
    create(&visitor, "books", json!({"id": "other", "author": "x"})).await;
    visitor.delete(&document("authors", "a")).expect(204).await;
    let holds = |change: &basalt_core::Change| {
        let after = change.after.as_ref();
        change.op == ChangeOp::Update
            && after.is_some_and(|it| !it.contains_key("author") && it["editors"] == json!(["x", "y"]))
    };
    let change = until(&server, holds).await;
    assert_eq!(change.actor.kind, ActorKind::System);
    let book = get(&visitor, "books", "b").await;
    assert_eq!((&book["title"], &book["editors"]), (&json!("T"), &json!(["x", "y"])));
    assert_eq!(get(&visitor, "books", "other").await["author"], "x");
}

async fn cascades_go_all_the_way_down(server: TestServer) {
    define(&server, "cascade").await;
    let pages = json!({"references": {"book": {"to": "books", "onDelete": "cascade"}}});
    server.define("pages", &open(&pages)).await;
    let visitor = server.visitor();
    create(&visitor, "authors", json!({"id": "a"})).await;
    let mut operations = Vec::new();
    for n in 0..120 {
        operations.push(json!({"op": "create", "collection": "books", "id": format!("b{n}"), "data": {"author": "a"}}));
        operations.push(
            json!({"op": "create", "collection": "pages", "id": format!("p{n}"), "data": {"book": format!("b{n}")}}),
        );
    }
    visitor.post("/v1/transactions").json(&json!({"operations": operations})).expect(200).await;
    create(&visitor, "books", json!({"id": "kept", "author": "b"})).await;
    visitor.delete(&document("authors", "a")).expect(204).await;
    for n in 0..120 {
        deleted(&server, "pages", &format!("p{n}")).await;
    }
    let left = visitor.get(&documents("books")).query(&[("count", "exact")]).expect(200).await;
    assert_eq!(left.column("id"), ["kept"]);
    assert_eq!(deleted(&server, "books", "b0").await.actor.kind, ActorKind::System);
}

async fn what_is_restricted_cannot_be_deleted(server: TestServer) {
    define(&server, "restrict").await;
    let visitor = server.visitor();
    for id in ["a", "b"] {
        create(&visitor, "authors", json!({"id": id})).await;
    }
    create(&visitor, "books", json!({"id": "book1", "author": "a"})).await;
    create(&visitor, "books", json!({"id": "two", "editors": ["x", "b"]})).await;
    for client in [&visitor, server.service()] {
        for id in ["a", "b"] {
            let answer = client.delete(&document("authors", id)).problem(409, "referenced").await;
            assert!(!answer.to_string().contains("book1") && !answer.to_string().contains("books"), "{answer}");
        }
    }
    visitor.patch(&document("books", "two")).json(&json!({"editors": {"$remove": ["b"]}})).expect(200).await;
    visitor.delete(&document("authors", "b")).expect(204).await;
    visitor.delete(&document("books", "book1")).expect(204).await;
    visitor.delete(&document("authors", "a")).expect(204).await;
}

async fn a_transaction_may_free_what_it_deletes(server: TestServer) {
    define(&server, "restrict").await;
    let visitor = server.visitor();
    create(&visitor, "authors", json!({"id": "a"})).await;
    create(&visitor, "books", json!({"id": "b", "author": "a"})).await;
    let book = json!({"op": "delete", "collection": "books", "id": "b"});
    let author = json!({"op": "delete", "collection": "authors", "id": "a"});
    let run = |operations: Value| visitor.post("/v1/transactions").json(&json!({"operations": operations}));
    let answer = run(json!([author, book])).problem(409, "referenced").await;
    assert_eq!(answer.at("/operation"), 0);
    let again = json!({"op": "create", "collection": "books", "id": "c", "data": {"author": "a"}});
    run(json!([book, again, author])).problem(409, "referenced").await;
    run(json!([book, author])).expect(200).await;
}

/// Of a reference and the deletion of what it leads to that come at once, either the reference comes after the
/// deletion, or there is none.
async fn restrict_holds_whoever_writes_meanwhile(server: TestServer) {
    define(&server, "restrict").await;
    let (visitor, mut refused) = (Arc::new(server.visitor()), 0);
    for round in 0..30 {
        let author = format!("a{round}");
        create(&visitor, "authors", json!({"id": author})).await;
        let refer = |n: usize| {
            let (visitor, body) = (Arc::clone(&visitor), json!({"author": author, "n": n}));
            tokio::spawn(async move { visitor.post(&documents("books")).json(&body).expect(201).await })
        };
        let first: Vec<_> = (0..3).map(refer).collect();
        let (deleter, path) = (Arc::clone(&visitor), document("authors", &author));
        let deletion = tokio::spawn(async move { deleter.delete(&path).send().await });
        let second: Vec<_> = (3..6).map(refer).collect();
        let deletion = deletion.await.unwrap();
        let mut places = Vec::new();
        for created in first.into_iter().chain(second) {
            places.push(seq(&created.await.unwrap()));
        }
        match deletion.status {
            204 => assert!(places.iter().all(|place| *place > seq(&deletion)), "{places:?} {deletion}"),
            409 => refused += 1,
            _ => panic!("{deletion}"),
        }
    }
    assert!(refused > 0, "never at once");
}

fn seq(answer: &basalt_testing::Answer) -> basalt_core::Seq {
    let text = answer.header("basalt-seq").unwrap_or_else(|| panic!("{answer}: no place"));
    seq_from_text(&text).unwrap()
}

async fn deleting_a_user_obeys_references_too(server: TestServer) {
    let orders = json!({"references": {"buyer": {"to": "users", "onDelete": "restrict"}}});
    let notes = json!({"references": {"owner": {"to": "users", "onDelete": "cascade"}}});
    server.define("orders", &open(&orders)).await;
    server.define("notes", &open(&notes)).await;
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    let me = "/v1/auth/me";
    create(&ann, "orders", json!({"id": "o", "buyer": ann.id})).await;
    create(&ann, "notes", json!({"id": "n", "owner": ann.id})).await;
    create(&bob, "notes", json!({"id": "m", "owner": bob.id})).await;
    ann.delete(me).problem(409, "referenced").await;
    server.owner().delete(&format!("/v1/admin/users/{}", ann.id)).problem(409, "referenced").await;
    ann.get(me).expect(200).await;
    bob.delete(me).expect(204).await;
    deleted(&server, "notes", "m").await;
    ann.delete(&document("orders", "o")).expect(204).await;
    server.owner().delete(&format!("/v1/admin/users/{}", ann.id)).expect(204).await;
    deleted(&server, "notes", "n").await;
}

/// Deleted and made anew in one batch, so that the job finds it there.
async fn a_document_that_came_back_keeps_its_references(server: TestServer) {
    define(&server, "cascade").await;
    let visitor: Client = server.visitor();
    create(&visitor, "authors", json!({"id": "a"})).await;
    create(&visitor, "books", json!({"id": "b", "author": "a"})).await;
    let operations = json!([
        {"op": "delete", "collection": "authors", "id": "a"},
        {"op": "create", "collection": "authors", "id": "a", "data": {}},
    ]);
    visitor.post("/v1/transactions").json(&json!({"operations": operations})).expect(200).await;
    create(&visitor, "authors", json!({"id": "z"})).await;
    create(&visitor, "books", json!({"id": "c", "author": "z"})).await;
    visitor.delete(&document("authors", "z")).expect(204).await;
    deleted(&server, "books", "c").await;
    server.rooms().jobs.run_due().await.unwrap();
    assert_eq!(get(&visitor, "books", "b").await["author"], "a");
}

async fn what_cannot_be_kept_to_is_refused(server: TestServer) {
    server.define("authors", &open(&json!({}))).await;
    let put =
        |path: &str, definition: Value| server.owner().put(&format!("/v1/admin/collections/{path}")).json(&definition);
    let to = |action: &str| json!({"to": "authors", "onDelete": action});
    let elements = json!({"properties": {"notes": {"type": "array"}}});
    let required = json!({"properties": {"author": {"type": "string"}}, "required": ["author"]});
    for definition in [
        json!({"references": {"notes.by": to("clear")}}),
        json!({"references": {"notes.by": to("restrict")}, "schema": elements}),
        json!({"references": {"author": to("clear")}, "schema": required}),
        json!({"references": {"author": to("explode")}}),
    ] {
        put("books", definition).problem(422, "invalid_definition").await;
    }
    put("users", json!({"references": {"author": to("cascade")}})).problem(422, "invalid_definition").await;
    let maps = json!({"properties": {"meta": {"type": "object", "properties": {"by": {"type": "string"}}}}});
    put("books", json!({"references": {"meta.by": to("clear")}, "schema": maps})).expect(200).await;
}
