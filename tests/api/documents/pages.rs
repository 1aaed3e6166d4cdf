use std::collections::BTreeSet;

use basalt_testing::{Client, TestServer, on_both_engines};
use serde_json::{Value, json};

use crate::support::{create, define_open, document, documents};

on_both_engines! {
    pages_cover_everything_once,
    pages_stay_right_while_rows_come_and_go,
    a_cursor_of_another_query_is_refused,
    a_forged_cursor_is_refused,
}

/// Follows the cursors to the end.
async fn walk(client: &Client, parameters: &[(&str, &str)]) -> Vec<Value> {
    let mut items = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let mut all = parameters.to_vec();
        if let Some(cursor) = &cursor {
            all.push(("cursor", cursor));
        }
        let page = client.get(&documents("open")).query(&all).expect(200).await;
        items.extend(page.items());
        match page.at("/nextCursor") {
            Value::String(next) => cursor = Some(next),
            _ => return items,
        }
    }
}

async fn pages_cover_everything_once(server: TestServer) {
    define_open(&server).await;
    let values = [json!(1), json!(2), json!("a"), json!(null), json!(true), json!(2.5)];
    for n in 0..41 {
        let mut body = json!({"n": n});
        if n % 7 != 0 {
            body["v"] = values[n % values.len()].clone();
        }
        create(server.service(), "open", body).await;
    }
    for sort in ["", "v", "-v", "v,-n", "-v,n", "n", "-n", "createdAt", "-id"] {
        for limit in ["1", "7", "40", "41", "42"] {
            let mut parameters = vec![("limit", limit)];
            if !sort.is_empty() {
                parameters.push(("sort", sort));
            }
            let walked = walk(server.service(), &parameters).await;
            let ids: BTreeSet<String> = walked.iter().map(|item| item["id"].to_string()).collect();
            assert_eq!((walked.len(), ids.len()), (41, 41), "sort {sort}, limit {limit}");
            let mut whole = vec![("limit", "500")];
            whole.extend(parameters.iter().filter(|(name, _)| *name == "sort"));
            let whole = server.service().get(&documents("open")).query(&whole).expect(200).await.items();
            assert_eq!(walked, whole, "sort {sort}, limit {limit}");
        }
    }
    let walked = walk(server.service(), &[("filter", "n >= 20"), ("sort", "-n"), ("limit", "4")]).await;
    let expected: Vec<i64> = (20..41).rev().collect();
    assert_eq!(walked.iter().filter_map(|item| item["n"].as_i64()).collect::<Vec<_>>(), expected);
}

async fn pages_stay_right_while_rows_come_and_go(server: TestServer) {
    define_open(&server).await;
    for n in 0..20 {
        create(server.service(), "open", json!({"id": format!("d{n:02}"), "n": n * 10})).await;
    }
    let page = server.service().get(&documents("open")).query(&[("sort", "n"), ("limit", "5")]).expect(200).await;
    assert_eq!(page.column("n"), [0, 10, 20, 30, 40]);
    // Before the cursor, at it, and after it.
    create(server.service(), "open", json!({"n": 5})).await;
    server.service().delete(&document("open", "d04")).expect(204).await;
    server.service().delete(&document("open", "d05")).expect(204).await;
    create(server.service(), "open", json!({"n": 65})).await;
    let cursor = page.text_at("/nextCursor");
    let next = server.service().get(&documents("open")).query(&[("sort", "n"), ("limit", "4"), ("cursor", &cursor)]);
    assert_eq!(next.expect(200).await.column("n"), [60, 65, 70, 80]);
}

async fn a_cursor_of_another_query_is_refused(server: TestServer) {
    define_open(&server).await;
    for n in 0..5 {
        create(server.service(), "open", json!({"n": n})).await;
    }
    let ann = server.user("ann").await;
    let page = ann.get(&documents("open")).query(&[("sort", "n"), ("limit", "2"), ("filter", "n >= 0")]);
    let cursor = page.expect(200).await.text_at("/nextCursor");
    let with = |client: &Client, sort: &str, filter: &str| {
        client.get(&documents("open")).query(&[("sort", sort), ("filter", filter), ("limit", "2"), ("cursor", &cursor)])
    };
    with(&ann, "n", "n >= 0").expect(200).await;
    with(&ann, "-n", "n >= 0").problem(400, "bad_cursor").await;
    with(&ann, "n", "n >= 1").problem(400, "bad_cursor").await;
    with(server.service(), "n", "n >= 0").problem(400, "bad_cursor").await;
    with(&server.visitor(), "n", "n >= 0").problem(400, "bad_cursor").await;
}

async fn a_forged_cursor_is_refused(server: TestServer) {
    define_open(&server).await;
    for n in 0..5 {
        create(server.service(), "open", json!({"n": n})).await;
    }
    let page = server.service().get(&documents("open")).query(&[("limit", "2")]).expect(200).await;
    let good = page.text_at("/nextCursor");
    let mut cut = good.clone();
    cut.pop();
    for cursor in ["x", "", "....", "AAAA", "null", "-1", "%00", &format!("{good}A"), &cut, &"A".repeat(5_000)] {
        let answer = server.service().get(&documents("open")).query(&[("limit", "2"), ("cursor", cursor)]).send().await;
        let _ = answer.problem(400, "bad_cursor");
    }
}
