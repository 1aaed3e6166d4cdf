//! Full text through the front door: under the rules, in readable fields alone, highlighted.

use std::collections::BTreeSet;

use basalt_testing::{Client, TestServer, eventually, on_both_engines};
use serde_json::{Value, json};

use crate::support::{create, document, documents, query};

on_both_engines! {
    each_caller_finds_what_is_his,
    characters_words_and_phrases_are_found_and_marked,
    the_url_and_the_query_find_the_same,
    relevance_sorts_unless_a_sort_is_given,
    pages_of_a_search_are_the_whole_search,
    an_unreadable_field_is_never_searched,
    a_field_that_is_read_now_and_then_is_never_searched,
    without_the_option_it_is_refused,
    bad_searches_are_refused,
    search_and_rule_and_filter_are_one_condition,
    the_index_follows_writes_and_transactions,
    an_option_that_comes_later_finds_what_was_there,
    definitions_of_searches_are_checked,
}

async fn define(server: &TestServer) {
    let definition = json!({
        "search": ["title", "text", "comments.text"],
        "rules": {"read": "auth.id == doc.owner || doc.public", "create": "auth.id == next.owner"},
    });
    server.define("posts", &definition).await;
}

/// The ids found, in order.
async fn found(client: &Client, collection: &str, search: &str) -> Vec<String> {
    let page = client.get(&documents(collection)).query(&[("search", search), ("limit", "500")]).expect(200).await;
    page.column("id").iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

async fn each_caller_finds_what_is_his(server: TestServer) {
    define(&server).await;
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    create(server.service(), "posts", json!({"id": "a1", "owner": ann.id, "title": "Ann's shoes"})).await;
    create(server.service(), "posts", json!({"id": "b1", "owner": bob.id, "title": "Bob's shoes"})).await;
    create(server.service(), "posts", json!({"id": "p1", "owner": bob.id, "title": "Public shoes", "public": true}))
        .await;
    assert_eq!(found(&ann, "posts", "shoes").await, ["p1", "a1"]);
    assert_eq!(found(&bob, "posts", "shoes").await, ["p1", "b1"]);
    assert_eq!(found(&server.visitor(), "posts", "shoes").await, ["p1"]);
    assert_eq!(found(server.service(), "posts", "shoes").await, ["p1", "b1", "a1"]);
    let counted = ann.get(&documents("posts")).query(&[("search", "bob"), ("count", "exact"), ("limit", "0")]);
    assert_eq!(counted.expect(200).await.at("/total"), 0);
    server.define("closed", &json!({"search": ["title"]})).await;
    ann.get(&documents("closed")).query(&[("search", "x")]).problem(403, "rule_missing").await;
}

async fn characters_words_and_phrases_are_found_and_marked(server: TestServer) {
    define(&server).await;
    let service = server.service();
    create(
        service,
        "posts",
        json!({
            "id": "p", "title": "新款iPhone手机壳 <b>", "text": 3,
            "comments": [{"text": "nothing here"}, {"text": "東京タワー & Café"}],
        }),
    )
    .await;
    for (search, highlight) in [
        ("手机", json!({"title": "新款iPhone<mark>手机</mark>壳 &lt;b&gt;"})),
        ("机", json!({"title": "新款iPhone手<mark>机</mark>壳 &lt;b&gt;"})),
        ("IPHONE手", json!({"title": "新款<mark>iPhone手</mark>机壳 &lt;b&gt;"})),
        ("iph", json!({"title": "新款<mark>iPhone</mark>手机壳 &lt;b&gt;"})),
        ("cafe\u{301}", json!({"comments.text": "東京タワー &amp; <mark>Café</mark>"})),
        ("京タワ", json!({"comments.text": "東<mark>京タワ</mark>ー &amp; Café"})),
        ("\"nothing here\"", json!({"comments.text": "<mark>nothing here</mark>"})),
        (
            "壳 caf",
            json!({"title": "新款iPhone手机<mark>壳</mark> &lt;b&gt;", "comments.text": "東京タワー &amp; <mark>Café</mark>"}),
        ),
    ] {
        let page = service.get(&documents("posts")).query(&[("search", search)]).expect(200).await;
        assert_eq!(page.at("/items/0/highlight"), highlight, "{search}");
    }
    for search in ["新壳", "tower", "\"here nothing\"", "honey"] {
        assert!(found(service, "posts", search).await.is_empty(), "{search}");
    }
    let page = service.get(&documents("posts")).query(&[("search", "手机"), ("select", "text")]).expect(200).await;
    assert_eq!(page.at("/items/0/text"), 3);
    assert_eq!(page.at("/items/0/title"), Value::Null);
    assert!(page.at("/items/0/highlight/title").is_string(), "{page}");
}

async fn the_url_and_the_query_find_the_same(server: TestServer) {
    define(&server).await;
    let service = server.service();
    for n in 0..5 {
        create(service, "posts", json!({"id": format!("p{n}"), "title": "green tea", "n": n})).await;
    }
    let listed = service
        .get(&documents("posts"))
        .query(&[("search", "tea"), ("filter", "n > 1"), ("limit", "2"), ("count", "exact")])
        .expect(200)
        .await;
    let body = json!({"search": "tea", "filter": "n > vars.n", "vars": {"n": 1}, "limit": 2, "count": "exact"});
    let queried = service.post(&query("posts")).json(&body).expect(200).await;
    assert_eq!(listed.column("id"), queried.column("id"));
    assert_eq!((listed.at("/total"), queried.at("/total")), (json!(3), json!(3)));
}

async fn relevance_sorts_unless_a_sort_is_given(server: TestServer) {
    define(&server).await;
    let service = server.service();
    for (id, title, text) in [("a", "tea", ""), ("b", "coffee", "tea"), ("c", "tea", "tea"), ("d", "teapot", "")] {
        create(service, "posts", json!({"id": id, "title": title, "text": text})).await;
    }
    assert_eq!(found(service, "posts", "tea").await, ["c", "a", "d", "b"]);
    let sorted = service.get(&documents("posts")).query(&[("search", "tea"), ("sort", "-title,id")]).expect(200).await;
    assert_eq!(sorted.column("id"), ["d", "a", "c", "b"]);
}

async fn pages_of_a_search_are_the_whole_search(server: TestServer) {
    define(&server).await;
    let service = server.service();
    for n in 0..23 {
        let (title, text) = if n % 3 == 0 { ("word", "") } else { ("words", "word") };
        create(service, "posts", json!({"id": format!("p{n:02}"), "title": title, "text": text, "n": n % 5})).await;
    }
    for sort in [None, Some("n"), Some("-n")] {
        let parameters = |more: &[(&'static str, &str)]| {
            let mut all: Vec<(String, String)> = vec![("search".into(), "word".into()), ("limit".into(), "4".into())];
            all.extend(sort.map(|sort| ("sort".into(), sort.into())));
            all.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
            all
        };
        let ask = async |more: &[(&'static str, &str)]| {
            let all = parameters(more);
            let pairs: Vec<(&str, &str)> = all.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            service.get(&documents("posts")).query(&pairs).send().await
        };
        let mut ids = Vec::new();
        let mut page = ask(&[]).await.expect(200);
        let first = page.at("/nextCursor");
        loop {
            ids.extend(page.column("id").iter().map(ToString::to_string));
            let Some(cursor) = page.at("/nextCursor").as_str().map(str::to_owned) else { break };
            page = ask(&[("cursor", &cursor)]).await.expect(200);
        }
        assert_eq!(ids.len(), 23);
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 23);
        let cursor = first.as_str().unwrap_or_default();
        let other = service.get(&documents("posts")).query(&[("search", "words"), ("cursor", cursor)]);
        other.problem(400, "bad_cursor").await;
    }
}

async fn an_unreadable_field_is_never_searched(server: TestServer) {
    let definition = json!({
        "search": ["title", "secret", "salary"],
        "hidden": ["secret"],
        "rules": {"read": "auth != null && has(doc.title)", "fields": {"salary": {"read": "'hr' in auth.roles"}}},
    });
    server.define("staff", &definition).await;
    let body = json!({"id": "s", "title": "open word", "secret": "hidden word", "salary": "paid word"});
    create(server.service(), "staff", body).await;
    let eve = server.user("eve").await;
    for search in ["hidden", "paid", "open hidden", "\"word hidden\"", "pa", "open paid"] {
        assert!(found(&eve, "staff", search).await.is_empty(), "{search}");
        assert_eq!(
            found(server.service(), "staff", search).await.len(),
            usize::from(!search.contains('"')),
            "{search}"
        );
    }
    let page = eve.get(&documents("staff")).query(&[("search", "word"), ("count", "exact")]).expect(200).await;
    assert_eq!(page.at("/items/0/highlight"), json!({"title": "open <mark>word</mark>"}));
    let page = server.service().get(&documents("staff")).query(&[("search", "word")]).expect(200).await;
    assert_eq!(page.at("/items/0/highlight/secret"), "hidden <mark>word</mark>");
    server.define("staff", &json!({
        "search": ["secret", "salary"], "hidden": ["secret"],
        "rules": {"read": "auth != null && has(doc.title)", "fields": {"salary": {"read": "'hr' in auth.roles"}}},
    }))
    .await;
    let refused = eve.get(&documents("staff")).query(&[("search", "word")]).problem(400, "bad_filter").await;
    assert_eq!(refused.at("/errors/0/code"), "unknown_field");
}

async fn a_field_that_is_read_now_and_then_is_never_searched(server: TestServer) {
    let definition = json!({
        "search": ["title", "pin"],
        "rules": {"read": "auth != null && has(doc.owner)", "fields": {"pin": {"read": "auth.id == doc.owner"}}},
    });
    server.define("cards", &definition).await;
    let (ann, eve) = (server.user("ann").await, server.user("eve").await);
    create(server.service(), "cards", json!({"id": "c", "owner": ann.id, "title": "card", "pin": "magic"})).await;
    for client in [&ann, &eve] {
        assert!(found(client, "cards", "magic").await.is_empty());
        assert_eq!(found(client, "cards", "card").await, ["c"]);
    }
    assert_eq!(found(server.service(), "cards", "magic").await, ["c"]);
}

async fn without_the_option_it_is_refused(server: TestServer) {
    server.define("plain", &json!({"rules": {"read": "true"}})).await;
    server.visitor().get(&documents("plain")).query(&[("search", "x")]).problem(400, "not_searchable").await;
    server.service().post(&query("plain")).json(&json!({"search": "x"})).problem(400, "not_searchable").await;
}

async fn bad_searches_are_refused(server: TestServer) {
    define(&server).await;
    let many = (0..11).map(|n| format!("w{n}")).collect::<Vec<_>>().join(" ");
    for search in ["", " ", "…", "\"\"", &"x".repeat(257), &many] {
        let call = server.service().get(&documents("posts")).query(&[("search", search)]);
        let refused = call.problem(400, "bad_parameter").await;
        assert_eq!(refused.at("/errors/0/path"), "/search", "{search}");
    }
    server.service().post(&query("posts")).json(&json!({"search": ["x"]})).problem(400, "bad_parameter").await;
    for odd in ["'); DROP TABLE x; --", "a AND NOT b", "* \" x", "f0 : x", "a <-> b & !c", "\u{0}x"] {
        service_answers(&server, odd).await;
    }
}

/// Signs that mean something to an engine are signs that separate.
async fn service_answers(server: &TestServer, search: &str) {
    server.service().get(&documents("posts")).query(&[("search", search)]).expect(200).await;
}

/// Texts of a few words and characters, so that every search has hits that the rule allows and hits that it doesn't.
async fn search_and_rule_and_filter_are_one_condition(server: TestServer) {
    define(&server).await;
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    let mut state = 7_u64;
    let mut dice = |sides: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % sides
    };
    let words = ["red", "blue", "shoe", "手", "机", "壳", "海", "タ"];
    let mut all = Vec::new();
    for n in 0..150 {
        let text: Vec<&str> = (0..=dice(4)).map(|_| words[usize::try_from(dice(8)).unwrap_or_default()]).collect();
        let owner = if dice(2) == 0 { &ann.id } else { &bob.id };
        let body = json!({
            "id": format!("d{n:03}"), "owner": owner, "public": dice(3) == 0, "n": dice(4), "title": text.join(" "),
        });
        all.push(body);
    }
    for chunk in all.chunks(50) {
        let operations: Vec<Value> =
            chunk.iter().map(|data| json!({"op": "create", "collection": "posts", "data": data})).collect();
        server.service().post("/v1/transactions").json(&json!({"operations": operations})).expect(200).await;
    }
    let visitor = server.visitor();
    for (client, id) in [(&*ann, Some(&ann.id)), (&*bob, Some(&bob.id)), (&visitor, None)] {
        for search in words.iter().copied().chain(["red shoe", "手 blue", "壳 机 红", "海 海 タ"]) {
            for (filter, wanted) in [("true", None), ("n == 2", Some(2))] {
                let matches = |body: &&Value| {
                    let title = body["title"].as_str().unwrap_or_default();
                    let has = |term: &str| title.split(' ').any(|word| word == term);
                    let allowed = body["public"] == true || id.is_some_and(|id| body["owner"] == **id);
                    allowed && search.split(' ').all(has) && wanted.is_none_or(|n| body["n"] == n)
                };
                let expected: BTreeSet<&str> =
                    all.iter().filter(matches).filter_map(|body| body["id"].as_str()).collect();
                let call = client.get(&documents("posts")).query(&[
                    ("search", search),
                    ("filter", filter),
                    ("limit", "500"),
                    ("count", "exact"),
                ]);
                let page = call.expect(200).await;
                let items = page.column("id");
                let got: BTreeSet<&str> = items.iter().filter_map(Value::as_str).collect();
                assert_eq!(got, expected, "{search} {filter}");
                assert_eq!(page.at("/total"), expected.len(), "{search} {filter}");
            }
        }
    }
}

async fn the_index_follows_writes_and_transactions(server: TestServer) {
    define(&server).await;
    let service = server.service();
    create(service, "posts", json!({"id": "a", "title": "first 苹果"})).await;
    assert_eq!(found(service, "posts", "苹果").await, ["a"]);
    service.patch(&document("posts", "a")).json(&json!({"title": "second 香蕉"})).expect(200).await;
    assert!(found(service, "posts", "苹果").await.is_empty());
    assert_eq!(found(service, "posts", "蕉").await, ["a"]);
    let operations = json!([
        {"op": "create", "collection": "posts", "id": "b", "data": {"title": "third"}},
        {"op": "patch", "collection": "posts", "id": "b", "patch": {"title": "fourth"}},
        {"op": "delete", "collection": "posts", "id": "a"},
    ]);
    service.post("/v1/transactions").json(&json!({"operations": operations})).expect(200).await;
    assert!(found(service, "posts", "second").await.is_empty());
    assert!(found(service, "posts", "third").await.is_empty());
    assert_eq!(found(service, "posts", "fourth").await, ["b"]);
    let failing = json!([
        {"op": "patch", "collection": "posts", "id": "b", "patch": {"title": "fifth"}},
        {"op": "check", "collection": "posts", "id": "nowhere", "exists": true},
    ]);
    service.post("/v1/transactions").json(&json!({"operations": failing})).send().await;
    assert_eq!(found(service, "posts", "fourth").await, ["b"], "nothing of a refused transaction is found");
    service.delete(&document("posts", "b")).expect(204).await;
    assert!(found(service, "posts", "fourth").await.is_empty());
}

async fn an_option_that_comes_later_finds_what_was_there(server: TestServer) {
    server.define("posts", &json!({"rules": {"read": "true"}})).await;
    for n in 0..20 {
        create(server.service(), "posts", json!({"id": format!("p{n:02}"), "title": format!("旧 old{n}")})).await;
    }
    server.define("posts", &json!({"search": ["title"], "rules": {"read": "true"}})).await;
    eventually("the index", || async {
        let answer = server.visitor().get(&documents("posts")).query(&[("search", "旧")]).send().await;
        if answer.status == 200 {
            assert_eq!(answer.items().len(), 20);
            return Some(());
        }
        assert_eq!(answer.code().as_deref(), Some("unavailable"), "{answer}");
        None
    })
    .await;
    let shown = server.owner().get("/v1/admin/collections/posts").expect(200).await;
    assert!(shown.text().contains("\"search\":[\"title\"]"), "{shown}");
}

async fn definitions_of_searches_are_checked(server: TestServer) {
    let nine: Vec<String> = (0..9).map(|n| format!("f{n}")).collect();
    for search in [
        json!({"title": 2}),
        json!([1]),
        json!(["a", "a"]),
        json!(["createdAt"]),
        json!(["_x"]),
        json!(["a..b"]),
        json!(nine),
    ] {
        let answer = server.owner().put("/v1/admin/collections/posts").json(&json!({"search": search})).send().await;
        assert_eq!(answer.status, 422, "{search}: {answer}");
        answer.assert_is_problem();
    }
}
