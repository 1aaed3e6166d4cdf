use basalt_testing::{TestServer, on_both_engines};
use serde_json::json;

use crate::support::{create, define_notes, define_open, documents, query};

on_both_engines! {
    it_takes_what_the_url_takes,
    vars_bind_values_and_never_text,
    a_stranger_finds_nothing,
    unknown_and_later_members_are_refused,
    wrong_types_are_refused,
    a_list_of_a_thousand_is_the_most_for_in,
}

async fn it_takes_what_the_url_takes(server: TestServer) {
    define_open(&server).await;
    for n in 0..9 {
        create(server.service(), "open", json!({"n": n, "even": n % 2 == 0})).await;
    }
    let url = server.service().get(&documents("open")).query(&[
        ("filter", "even == true"),
        ("sort", "-n"),
        ("limit", "2"),
        ("select", "n"),
        ("count", "exact"),
    ]);
    let url = url.expect(200).await.body();
    for sort in [json!("-n"), json!(["-n"])] {
        let body = json!({"filter": "even == true", "sort": sort, "limit": 2, "select": ["n"], "count": "exact"});
        let answer = server.service().post(&query("open")).json(&body).expect(200).await;
        assert_eq!(answer.at("/items"), url["items"]);
        assert_eq!(answer.at("/total"), 5);
        let body = json!({"filter": "even == true", "sort": "-n", "limit": 2, "cursor": answer.at("/nextCursor")});
        assert_eq!(server.service().post(&query("open")).json(&body).expect(200).await.column("n"), [4, 2]);
    }
}

async fn vars_bind_values_and_never_text(server: TestServer) {
    define_open(&server).await;
    for value in ["a", "' || true || '", "b"] {
        create(server.service(), "open", json!({"s": value})).await;
    }
    let ask = |filter: &str, vars: serde_json::Value| {
        server.service().post(&query("open")).json(&json!({"filter": filter, "vars": vars, "sort": "s"}))
    };
    let answer = ask("s == vars.s", json!({"s": "' || true || '"})).expect(200).await;
    assert_eq!(answer.column("s"), ["' || true || '"]);
    assert_eq!(ask("s in vars.all", json!({"all": ["a", "b"]})).expect(200).await.column("s"), ["a", "b"]);
    assert_eq!(ask("s in vars.all", json!({"all": []})).expect(200).await.items().len(), 0);
    let answer = ask("s == vars.absent", json!({})).send().await;
    assert!(answer.status == 400 || (answer.status == 200 && answer.items().is_empty()), "{answer}");
}

async fn a_stranger_finds_nothing(server: TestServer) {
    define_notes(&server).await;
    let (ann, eve) = (server.user("ann").await, server.user("eve").await);
    create(&ann, "notes", json!({"owner": ann.id})).await;
    let body = json!({"filter": "owner == vars.o", "vars": {"o": ann.id}, "count": "exact"});
    assert_eq!(ann.post(&query("notes")).json(&body).expect(200).await.at("/total"), 1);
    assert_eq!(eve.post(&query("notes")).json(&body).expect(200).await.at("/total"), 0);
    assert_eq!(server.visitor().post(&query("notes")).json(&body).expect(200).await.at("/total"), 0);
}

async fn unknown_and_later_members_are_refused(server: TestServer) {
    define_open(&server).await;
    let ask = |body| server.service().post(&query("open")).json(&body);
    ask(json!({"where": "true"})).problem(400, "unknown_field").await;
}

async fn wrong_types_are_refused(server: TestServer) {
    define_open(&server).await;
    for body in [
        json!({"filter": 1}),
        json!({"vars": []}),
        json!({"sort": 1}),
        json!({"sort": [1]}),
        json!({"limit": "2"}),
        json!({"limit": 1.5}),
        json!({"limit": -1}),
        json!({"cursor": 1}),
        json!({"select": {}}),
        json!({"count": true}),
        json!([]),
    ] {
        let answer = server.service().post(&query("open")).json(&body).send().await;
        assert_eq!(answer.status, 400, "{body}: {answer}");
        answer.assert_is_problem();
    }
}

async fn a_list_of_a_thousand_is_the_most_for_in(server: TestServer) {
    define_open(&server).await;
    create(server.service(), "open", json!({"n": 999})).await;
    let ask = |size: usize| {
        let all: Vec<usize> = (0..size).collect();
        server.service().post(&query("open")).json(&json!({"filter": "n in vars.all", "vars": {"all": all}}))
    };
    assert_eq!(ask(1_000).expect(200).await.items().len(), 1);
    ask(1_001).problem(400, "bad_filter").await;
}
