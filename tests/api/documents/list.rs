use basalt_testing::{TestServer, on_both_engines};
use serde_json::{Value, json};

use crate::support::{create, define_notes, define_open, documents};

on_both_engines! {
    each_caller_sees_what_is_his,
    a_filter_cannot_reach_beyond_the_rule,
    without_a_rule_it_is_refused,
    a_rule_that_is_false_gives_no_items,
    sorting_orders_types_and_values,
    the_limit_is_kept,
    count_exact_counts_what_the_caller_may_see,
    select_narrows_each_document,
    bad_parameters_are_refused,
    bad_filters_name_line_and_column,
    filters_mean_what_cel_means,
    a_write_is_seen_by_the_next_list,
}

async fn fill(server: &TestServer) -> (basalt_testing::User, basalt_testing::User) {
    define_notes(server).await;
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    for n in 0..6 {
        create(&ann, "notes", json!({"id": format!("a{n}"), "owner": ann.id, "rank": n, "even": n % 2 == 0})).await;
    }
    create(&bob, "notes", json!({"id": "b0", "owner": bob.id, "rank": 10})).await;
    create(&ann, "notes", json!({"id": "shared", "owner": ann.id, "rank": 11, "members": [bob.id]})).await;
    (ann, bob)
}

async fn each_caller_sees_what_is_his(server: TestServer) {
    let (ann, bob) = fill(&server).await;
    let page = bob.get(&documents("notes")).query(&[("sort", "rank")]).expect(200).await;
    assert_eq!(page.column("id"), ["b0", "shared"]);
    assert_eq!(page.at("/nextCursor"), Value::Null);
    assert_eq!(ann.get(&documents("notes")).expect(200).await.items().len(), 7);
    assert_eq!(server.visitor().get(&documents("notes")).expect(200).await.items().len(), 0);
    assert_eq!(server.service().get(&documents("notes")).expect(200).await.items().len(), 8);
}

async fn a_filter_cannot_reach_beyond_the_rule(server: TestServer) {
    let (ann, bob) = fill(&server).await;
    for filter in [
        "true",
        "rank >= 0 || true",
        &format!("owner == '{}'", ann.id),
        &format!("owner == '{}' || owner == '{}'", ann.id, bob.id),
        "!(owner == 'x')",
        "true || rank / 0 == 1",
    ] {
        let answer = bob.get(&documents("notes")).query(&[("filter", filter)]).send().await;
        if answer.status == 200 {
            for id in answer.column("id") {
                assert!(id == "b0" || id == "shared", "{filter}: {answer}");
            }
        } else {
            assert_eq!(answer.status, 400, "{filter}: {answer}");
        }
    }
}

async fn without_a_rule_it_is_refused(server: TestServer) {
    server.define("closed", &json!({"rules": {"get": "auth != null"}})).await;
    let ann = server.user("ann").await;
    for client in [&*ann, &server.visitor()] {
        client.get(&documents("closed")).problem(403, "rule_missing").await;
        client.post(&crate::support::query("closed")).json(&json!({})).problem(403, "rule_missing").await;
        let body = json!({"measures": {"n": {"count": true}}});
        client.post(&crate::support::aggregate("closed")).json(&body).problem(403, "rule_missing").await;
    }
    server.service().get(&documents("closed")).expect(200).await;
}

async fn a_rule_that_is_false_gives_no_items(server: TestServer) {
    server.define("staff", &json!({"rules": {"list": "'staff' in auth.roles"}})).await;
    create(server.service(), "staff", json!({"n": 1})).await;
    let ann = server.user("ann").await;
    let page = ann.get(&documents("staff")).query(&[("count", "exact")]).expect(200).await;
    assert_eq!(page.body(), json!({"items": [], "nextCursor": null, "total": 0}));
}

async fn sorting_orders_types_and_values(server: TestServer) {
    define_open(&server).await;
    let values =
        [json!(3), json!(-1), json!(2.5), json!("b"), json!("a"), json!("ä"), json!(true), json!(false), json!(null)];
    for (n, value) in values.iter().enumerate() {
        create(server.service(), "open", json!({"id": format!("d{n}"), "v": value})).await;
    }
    create(server.service(), "open", json!({"id": "missing"})).await;
    let order = async |sort: &str| {
        let page = server.service().get(&documents("open")).query(&[("sort", sort)]).expect(200).await;
        page.column("v")
    };
    let numbers = |column: &[Value]| column.iter().filter(|v| v.is_number()).cloned().collect::<Vec<_>>();
    let texts = |column: &[Value]| column.iter().filter(|v| v.is_string()).cloned().collect::<Vec<_>>();
    let up = order("v").await;
    assert_eq!(numbers(&up), [json!(-1), json!(2.5), json!(3)]);
    assert_eq!(texts(&up), [json!("a"), json!("b"), json!("ä")]);
    let mut down = order("-v").await;
    down.reverse();
    assert_eq!(down, up, "descending is the mirror of ascending");
    assert_eq!(up.len(), 10);
}

async fn the_limit_is_kept(server: TestServer) {
    let (ann, _) = fill(&server).await;
    let list = |limit: &str| ann.get(&documents("notes")).query(&[("limit", limit)]);
    assert_eq!(list("2").expect(200).await.items().len(), 2);
    assert_eq!(list("500").expect(200).await.items().len(), 7);
    for bad in ["0", "501", "-1", "x", "1.5", ""] {
        let answer = list(bad).send().await;
        assert_eq!(answer.status, 400, "{bad}: {answer}");
        answer.assert_is_problem();
    }
    let counted = ann.get(&documents("notes")).query(&[("limit", "0"), ("count", "exact")]).expect(200).await;
    assert_eq!(counted.at("/total"), 7);
    assert_eq!(counted.items().len(), 0);
}

async fn count_exact_counts_what_the_caller_may_see(server: TestServer) {
    let (_, bob) = fill(&server).await;
    let page = bob.get(&documents("notes")).query(&[("count", "exact"), ("limit", "1")]).expect(200).await;
    assert_eq!((page.at("/total"), page.items().len()), (json!(2), 1));
    bob.get(&documents("notes")).query(&[("count", "roughly")]).problem(400, "bad_parameter").await;
}

async fn select_narrows_each_document(server: TestServer) {
    let (_, bob) = fill(&server).await;
    let page = bob.get(&documents("notes")).query(&[("select", "rank"), ("sort", "rank")]).expect(200).await;
    let mut first = page.items()[0].clone();
    assert!(first["rev"].is_string());
    first.as_object_mut().unwrap().remove("rev");
    assert_eq!(first, json!({"id": "b0", "rank": 10}));
}

async fn bad_parameters_are_refused(server: TestServer) {
    let (ann, _) = fill(&server).await;
    for (name, value, code) in [
        ("page", "2", "unknown_parameter"),
        ("offset", "10", "unknown_parameter"),
        ("expand", "owner", "bad_parameter"),
        ("search", "x", "not_searchable"),
    ] {
        ann.get(&documents("notes")).query(&[(name, value)]).problem(400, code).await;
    }
    for sort in ["-", "$x", ".", "a..b", "n,n,n,n,n,n,n,n,n,n"] {
        let answer = ann.get(&documents("notes")).query(&[("sort", sort)]).send().await;
        assert_eq!(answer.status, 400, "{sort:?}: {answer}");
        answer.assert_is_problem();
    }
    // Odd, but names that a field may have: a name is never part of a statement.
    for sort in ["a b", "a;drop table x", "\"x\"", "a'b", "é", "-\u{1f600}"] {
        assert_eq!(
            ann.get(&documents("notes")).query(&[("sort", sort)]).expect(200).await.items().len(),
            7,
            "{sort:?}"
        );
    }
}

async fn bad_filters_name_line_and_column(server: TestServer) {
    let (ann, _) = fill(&server).await;
    for filter in [
        "rank ==",
        "rank == 'a",
        "\n\n  rank @ 1",
        "nosuch(rank)",
        "rank + 1 == owner",
        "rank.matches('a+')",
        "get('notes', id).rank == 1",
        "auth.id == owner",
        &"(".repeat(200),
        &"x".repeat(9_000),
        &format!("{}true", "!".repeat(500)),
    ] {
        let answer = ann.get(&documents("notes")).query(&[("filter", filter)]).send().await;
        assert_eq!(answer.code().as_deref(), Some("bad_filter"), "{filter}: {answer}");
        let answer = answer.problem(400, "bad_filter");
        assert!(answer.at("/errors/0/line").as_u64() >= Some(1), "{filter}: {answer}");
        assert!(answer.at("/errors/0/column").as_u64() >= Some(1), "{filter}: {answer}");
    }
    let answer = ann.get(&documents("notes")).query(&[("filter", "rank == 1 &&\n  rank @ 2")]).send().await;
    assert_eq!(answer.at("/errors/0/line"), 2, "{answer}");
}

async fn filters_mean_what_cel_means(server: TestServer) {
    define_open(&server).await;
    let service = server.service();
    for body in [
        json!({"id": "a", "n": 1, "s": "x", "l": ["p", "q"], "m": {"k": 1}, "f": true}),
        json!({"id": "b", "n": 2.5, "s": "X", "l": "p", "m": null, "f": false}),
        json!({"id": "c", "n": "1", "s": "x%", "l": [], "m": {"k": "1"}}),
        json!({"id": "d", "n": null, "s": null, "l": [{"r": "p"}], "f": 1}),
        json!({"id": "e"}),
    ] {
        create(service, "open", body).await;
    }
    for (filter, expected) in [
        ("n == 1", "a"),
        ("n == 1.0", "a"),
        ("n != 1", "bcd"),
        ("n > 1", "b"),
        ("n >= 1", "ab"),
        ("!(n > 1)", "a"),
        ("n == null", "d"),
        ("has(doc.n)", "abcd"),
        ("!has(doc.n)", "e"),
        ("f == true", "a"),
        ("f", "a"),
        ("f == 1", "d"),
        ("s == 'x'", "a"),
        ("s.startsWith('x')", "ac"),
        ("s.contains('%')", "c"),
        ("s.endsWith('X')", "b"),
        ("'p' in l", "a"),
        ("!('p' in l)", "cd"),
        ("size(l) == 2", "a"),
        ("l.exists(e, e == 'q')", "a"),
        ("m.k == 1", "a"),
        ("has(doc.m.k)", "ac"),
        ("n in [1, 'x', null]", "ad"),
        ("n == 1 || s == 'X'", "ab"),
        ("n > 0 && n < 2", "a"),
        ("n > 0 || true", "abcde"),
        ("doc['s'] == 'x'", "a"),
        ("id == 'e'", "e"),
    ] {
        let call = service.get(&documents("open")).query(&[("filter", filter), ("sort", "id")]);
        let ids: String = call.expect(200).await.column("id").iter().filter_map(Value::as_str).collect();
        assert_eq!(ids, expected, "{filter}");
    }
}

async fn a_write_is_seen_by_the_next_list(server: TestServer) {
    define_open(&server).await;
    for n in 0..30 {
        create(server.service(), "open", json!({"n": n})).await;
        let page = server.service().get(&documents("open")).query(&[("count", "exact"), ("limit", "1")]);
        assert_eq!(page.expect(200).await.at("/total"), n + 1);
    }
}
