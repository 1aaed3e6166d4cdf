use basalt_testing::{Client, TestServer, User, on_both_engines};
use serde_json::{Value, json};

use crate::support::{create, document, documents, get, query};

on_both_engines! {
    references_lead_to_documents,
    lists_of_ids_and_elements_of_lists_are_followed,
    back_references_show_the_newest_that_refer_here,
    what_is_shown_obeys_the_rules_of_its_own_collection,
    back_references_obey_the_list_rule,
    a_hidden_reference_leads_nowhere,
    a_reference_shown_by_document_is_followed_where_it_is_readable,
    fields_of_what_is_shown_are_masked,
    select_narrows_through_references,
    cycles_end_and_depth_is_bounded,
    what_is_added_is_bounded,
    unknown_references_are_refused,
    lists_and_queries_expand_alike,
    with_expand_there_is_no_304,
}

/// Posts with authors, editors and replies; users name themselves.
async fn define(server: &TestServer) {
    let open = |more: Value| {
        let mut definition = json!({
            "rules": {"read": "true", "write": "true"}, "acknowledge": ["create", "update", "delete"],
        });
        definition.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        definition
    };
    server.define("users", &json!({"rules": {"get": "true"}})).await;
    server.define("images", &open(json!({}))).await;
    server.define("posts", &open(json!({}))).await;
    let replies = json!({"references": {"post": "posts", "author": "users"}});
    server.define("replies", &open(replies)).await;
    let back = json!({
        "references": {"author": "users", "images": "images", "notes.by": "users", "next": "posts"},
        "inverse": {"replies": "replies.post"},
    });
    server.define("posts", &open(back)).await;
}

async fn ann(server: &TestServer) -> User {
    let ann = server.user("ann").await;
    ann.patch("/v1/auth/me").json(&json!({"displayName": "Ann"})).expect(200).await;
    ann
}

async fn expanded(client: &Client, path: &str, expand: &str) -> Value {
    client.get(path).query(&[("expand", expand)]).expect(200).await.body()
}

async fn references_lead_to_documents(server: TestServer) {
    define(&server).await;
    let ann = ann(&server).await;
    create(&ann, "posts", json!({"id": "p", "author": ann.id, "next": "gone"})).await;
    for client in [&*ann, &server.visitor(), server.service()] {
        let post = expanded(client, &document("posts", "p"), "author,next").await;
        assert_eq!(post["author"], json!(ann.id));
        assert_eq!(post["expand"]["author"]["displayName"], "Ann");
        assert_eq!(post["expand"]["author"]["id"], json!(ann.id));
        assert_eq!(post["expand"]["next"], Value::Null);
    }
    create(&ann, "posts", json!({"id": "q", "author": {"odd": true}})).await;
    let post = expanded(&ann, &document("posts", "q"), "author,next").await;
    assert_eq!(post["expand"], json!({"author": null, "next": null}));
}

async fn lists_of_ids_and_elements_of_lists_are_followed(server: TestServer) {
    define(&server).await;
    let ann = ann(&server).await;
    for id in ["i1", "i2"] {
        create(&ann, "images", json!({"id": id})).await;
    }
    let notes = json!([{"by": ann.id, "text": "…"}, {"text": "nobody's"}]);
    create(&ann, "posts", json!({"id": "p", "images": ["i2", "gone", "i1", "i2"], "notes": notes})).await;
    let post = expanded(&ann, &document("posts", "p"), "images,notes.by").await;
    let ids: Vec<&Value> = post["expand"]["images"].as_array().unwrap().iter().map(|image| &image["id"]).collect();
    assert_eq!(ids, ["i2", "i1"]);
    assert_eq!(post["expand"]["notes.by"][0]["displayName"], "Ann");
    assert_eq!(post["expand"]["notes.by"].as_array().unwrap().len(), 1);
}

async fn back_references_show_the_newest_that_refer_here(server: TestServer) {
    define(&server).await;
    let ann = ann(&server).await;
    create(&ann, "posts", json!({"id": "p"})).await;
    create(&ann, "posts", json!({"id": "quiet"})).await;
    for n in 0..3 {
        create(&ann, "replies", json!({"id": format!("r{n}"), "post": "p", "author": ann.id})).await;
    }
    create(&ann, "replies", json!({"id": "both", "post": ["quiet", "p"]})).await;
    let page = expanded(&ann, &documents("posts"), "replies.author").await;
    let by_id = |id: &str| page["items"].as_array().unwrap().iter().find(|item| item["id"] == id).unwrap();
    let ids = |id: &str| -> Vec<&Value> {
        by_id(id)["expand"]["replies"].as_array().unwrap().iter().map(|reply| &reply["id"]).collect()
    };
    assert_eq!(ids("p"), ["both", "r2", "r1", "r0"]);
    assert_eq!(ids("quiet"), ["both"]);
    assert_eq!(by_id("p")["expand"]["replies"][1]["expand"]["author"]["displayName"], "Ann");
    for n in 0..110 {
        create(&ann, "replies", json!({"id": format!("m{n}"), "post": "p"})).await;
    }
    let post = expanded(&ann, &document("posts", "p"), "replies").await;
    assert_eq!(post["expand"]["replies"].as_array().unwrap().len(), 100);
    assert_eq!(post["expand"]["replies"][0]["id"], "m109");
}

async fn what_is_shown_obeys_the_rules_of_its_own_collection(server: TestServer) {
    let read =
        json!({"rules": {"read": "true", "write": "auth != null"}, "references": {"team": "teams", "teams": "teams"}});
    let members = json!({"rules": {"get": "auth.id in doc.members", "write": "auth != null"}});
    server.define("teams", &members).await;
    server.define("posts", &read).await;
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    create(server.service(), "teams", json!({"id": "t", "members": [ann.id], "plan": "secret"})).await;
    create(server.service(), "posts", json!({"id": "p", "team": "t", "teams": ["t"]})).await;
    for path in [document("posts", "p"), documents("posts")] {
        let seen = |client: &Client| {
            let (client, path) = (client.clone(), path.clone());
            async move {
                let body = expanded(&client, &path, "team,teams").await;
                body.pointer("/items/0").unwrap_or(&body)["expand"].clone()
            }
        };
        assert_eq!(seen(&ann).await["team"]["plan"], "secret");
        assert_eq!(seen(&ann).await["teams"][0]["plan"], "secret");
        for client in [&*bob, &server.visitor()] {
            assert_eq!(seen(client).await, json!({"team": null, "teams": []}));
        }
        let narrow = server.key(&["documents:read:posts"]).await;
        assert_eq!(seen(&narrow).await, json!({"team": null, "teams": []}));
    }
}

async fn back_references_obey_the_list_rule(server: TestServer) {
    server.define("posts", &json!({"rules": {"read": "true"}})).await;
    let replies = json!({
        "references": {"post": "posts", "secret": "posts"},
        "rules": {"get": "true", "list": "auth.id == doc.owner", "fields": {"secret": {"read": "false"}}},
    });
    server.define("replies", &replies).await;
    server.define("closed", &json!({"references": {"post": "posts"}, "rules": {"get": "true"}})).await;
    let back = json!({"replies": "replies.post", "secrets": "replies.secret", "closed": "closed.post"});
    server.define("posts", &json!({"rules": {"read": "true"}, "inverse": back})).await;
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    let service = server.service();
    create(service, "posts", json!({"id": "p"})).await;
    create(service, "replies", json!({"id": "r", "post": "p", "secret": "p", "owner": ann.id})).await;
    create(service, "closed", json!({"id": "c", "post": "p"})).await;
    let seen = async |client: &Client| {
        expanded(client, &document("posts", "p"), "replies,secrets,closed").await["expand"].clone()
    };
    let (own, others) = (seen(&ann).await, seen(&bob).await);
    assert_eq!(own["replies"][0]["id"], "r");
    assert!(own["replies"][0].get("secret").is_none());
    assert_eq!(own["secrets"], Value::Null, "a field that can't be read can't be searched");
    assert_eq!(own["closed"], Value::Null, "without a list rule there is no list");
    assert_eq!(others["replies"], json!([]));
    assert_eq!(seen(&server.visitor()).await["replies"], json!([]));
    assert_eq!(seen(service).await["closed"][0]["id"], "c");
}

async fn a_hidden_reference_leads_nowhere(server: TestServer) {
    let definition = json!({
        "rules": {"read": "true"}, "hidden": ["owner"], "references": {"owner": "posts"},
    });
    server.define("posts", &definition).await;
    create(server.service(), "posts", json!({"id": "p", "owner": "p"})).await;
    for path in [document("posts", "p"), documents("posts")] {
        let body = expanded(&server.visitor(), &path, "owner").await;
        let post = body.pointer("/items/0").unwrap_or(&body);
        assert_eq!(post["expand"], json!({"owner": null}));
    }
    let post = expanded(server.service(), &document("posts", "p"), "owner").await;
    assert_eq!(post["expand"]["owner"]["id"], "p");
}

async fn a_reference_shown_by_document_is_followed_where_it_is_readable(server: TestServer) {
    let definition = json!({
        "rules": {"read": "true", "fields": {"reviewer": {"read": "doc.done == true"}}},
        "references": {"reviewer": "users"},
    });
    server.define("users", &json!({"rules": {"get": "true"}})).await;
    server.define("posts", &definition).await;
    let ann = ann(&server).await;
    for (id, done) in [("a", true), ("b", false)] {
        create(server.service(), "posts", json!({"id": id, "done": done, "reviewer": ann.id})).await;
    }
    let page = server.visitor().get(&documents("posts")).query(&[("expand", "reviewer"), ("sort", "id")]);
    let page = page.expect(200).await.body();
    assert_eq!(page["items"][0]["expand"]["reviewer"]["displayName"], "Ann");
    assert_eq!(page["items"][1]["expand"]["reviewer"], Value::Null);
}

async fn fields_of_what_is_shown_are_masked(server: TestServer) {
    define(&server).await;
    let ann = ann(&server).await;
    create(&ann, "posts", json!({"id": "p", "author": ann.id})).await;
    create(&ann, "replies", json!({"id": "r", "post": "p", "author": ann.id})).await;
    for (path, at) in
        [(document("posts", "p"), "/expand/author"), (document("posts", "p"), "/expand/replies/0/expand/author")]
    {
        let own = expanded(&ann, &path, "author,replies.author").await;
        assert_eq!(own.pointer(at).unwrap()["email"], json!(ann.email));
        let others = expanded(&server.visitor(), &path, "author,replies.author").await;
        assert_eq!(others.pointer(at).unwrap()["displayName"], "Ann");
        assert!(others.pointer(at).unwrap().get("email").is_none(), "{others}");
        assert!(others.pointer(at).unwrap().get("roles").is_none(), "{others}");
    }
}

async fn select_narrows_through_references(server: TestServer) {
    define(&server).await;
    let ann = ann(&server).await;
    let post = create(&ann, "posts", json!({"id": "p", "title": "T", "body": "…", "author": ann.id})).await;
    create(&ann, "replies", json!({"id": "r", "post": "p", "author": ann.id, "text": "…", "more": 1})).await;
    let select = "title,author.displayName,replies.text,replies.author.displayName";
    let shown = ann.get(&document("posts", "p")).query(&[("select", select)]).expect(200).await.body();
    let author = &shown["expand"]["author"];
    let user = json!({"id": ann.id, "rev": author["rev"], "displayName": "Ann"});
    let reply = &shown["expand"]["replies"][0];
    let replies = json!([{"id": "r", "rev": reply["rev"], "text": "…", "expand": {"author": user}}]);
    let expected = json!({
        "id": "p", "rev": post["rev"], "title": "T", "expand": {"author": user, "replies": replies},
    });
    assert_eq!(shown, expected);
    let both = ann.get(&document("posts", "p")).query(&[("select", "title"), ("expand", "author")]);
    let both = both.expect(200).await.body();
    assert_eq!(both["title"], "T");
    assert!(both.get("body").is_none() && both["expand"]["author"]["email"] == json!(ann.email), "{both}");
}

async fn cycles_end_and_depth_is_bounded(server: TestServer) {
    define(&server).await;
    let visitor = server.visitor();
    create(&visitor, "posts", json!({"id": "p", "next": "p"})).await;
    let post = expanded(&visitor, &document("posts", "p"), "next.next.next").await;
    assert_eq!(post["expand"]["next"]["expand"]["next"]["expand"]["next"]["id"], "p");
    assert!(post.pointer("/expand/next/expand/next/expand/next/expand").is_none());
    let call = visitor.get(&document("posts", "p")).query(&[("expand", "next.next.next.next")]);
    call.problem(400, "bad_parameter").await;
    let many: Vec<String> = (0..31).map(|n| format!("next{n}")).collect();
    visitor.get(&document("posts", "p")).query(&[("expand", &many.join(","))]).problem(400, "bad_parameter").await;
}

/// A hundred replies, each of which shows its post with its hundred replies: ten thousand.
async fn what_is_added_is_bounded(server: TestServer) {
    define(&server).await;
    let service = server.service();
    create(service, "posts", json!({"id": "p"})).await;
    let operations: Vec<Value> =
        (0..100).map(|_| json!({"op": "create", "collection": "replies", "data": {"post": "p"}})).collect();
    service.post("/v1/transactions").json(&json!({"operations": operations})).expect(200).await;
    let call = service.get(&document("posts", "p")).query(&[("expand", "replies.post.replies")]);
    call.problem(413, "too_large").await;
    let post = expanded(service, &document("posts", "p"), "replies.post").await;
    assert_eq!(post["expand"]["replies"].as_array().unwrap().len(), 100);
}

async fn unknown_references_are_refused(server: TestServer) {
    define(&server).await;
    create(server.service(), "posts", json!({"id": "p", "title": "T"})).await;
    for expand in ["title", "author.title", "authors", "replies.more", "a..b", "$x", "expand"] {
        for path in [document("posts", "p"), documents("posts")] {
            let call = server.service().get(&path).query(&[("expand", expand)]);
            let answer = call.problem(400, "bad_parameter").await;
            assert_eq!(answer.at("/errors/0/path"), "/expand", "{expand}: {answer}");
        }
    }
}

async fn lists_and_queries_expand_alike(server: TestServer) {
    define(&server).await;
    let ann = ann(&server).await;
    for n in 0..5 {
        create(&ann, "posts", json!({"id": format!("p{n}"), "n": n, "author": ann.id})).await;
    }
    let pairs = [("sort", "-n"), ("expand", "author"), ("limit", "2")];
    let list = ann.get(&documents("posts")).query(&pairs).expect(200).await;
    assert_eq!(list.column("id"), ["p4", "p3"]);
    for body in [
        json!({"sort": "-n", "expand": "author", "limit": 2}),
        json!({"sort": ["-n"], "expand": ["author"], "limit": 2}),
    ] {
        let page = ann.post(&query("posts")).json(&body).expect(200).await;
        assert_eq!(page.body()["items"], list.body()["items"]);
    }
    assert!(get(&ann, "posts", "p1").await.get("expand").is_none());
}

async fn with_expand_there_is_no_304(server: TestServer) {
    define(&server).await;
    let ann = ann(&server).await;
    let post = create(&ann, "posts", json!({"id": "p", "author": ann.id})).await;
    let tag = format!("\"{}\"", post["rev"].as_str().unwrap());
    ann.get(&document("posts", "p")).header("If-None-Match", &tag).expect(304).await;
    let call = ann.get(&document("posts", "p")).header("If-None-Match", &tag).query(&[("expand", "author")]);
    call.expect(200).await;
}
