use basalt_testing::{TestServer, on_both_engines};
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::operations::run;
use crate::support::{aggregate, create, define_open, document, get};

on_both_engines! {
    money_is_neither_made_nor_lost,
    readers_see_all_of_it_or_nothing,
    stock_is_never_sold_twice,
}

async fn money_is_neither_made_nor_lost(server: TestServer) {
    define_open(&server).await;
    for account in 0..5 {
        create(server.service(), "open", json!({"id": format!("a{account}"), "money": 100})).await;
    }
    let moves = (0..100).map(|n| {
        let (from, to) = (n % 5, (n * 3 + 1) % 5);
        run(
            server.service(),
            json!([
                {"op": "patch", "collection": "open", "id": format!("a{from}"),
                 "patch": {"money": {"$increment": -30}}, "where": "doc.money >= 30"},
                {"op": "patch", "collection": "open", "id": format!("a{to}"), "patch": {"money": {"$increment": 30}}},
            ]),
        )
    });
    for answer in join_all(moves).await {
        assert!(answer.status == 200 || answer.code().as_deref() == Some("condition_failed"), "{answer}");
    }
    let body = json!({"measures": {"total": {"sum": "money"}, "least": {"min": "money"}}});
    let answer = server.service().post(&aggregate("open")).json(&body).expect(200).await;
    assert_eq!(answer.at("/items/0/total"), 500, "{answer}");
    assert!(answer.at("/items/0/least").as_i64() >= Some(0), "{answer}");
}

async fn readers_see_all_of_it_or_nothing(server: TestServer) {
    define_open(&server).await;
    for id in ["x", "y"] {
        create(server.service(), "open", json!({"id": id, "n": 0})).await;
    }
    let write = async {
        for n in 1..=40 {
            let answer = run(
                server.service(),
                json!([
                    {"op": "patch", "collection": "open", "id": "x", "patch": {"n": n}},
                    {"op": "patch", "collection": "open", "id": "y", "patch": {"n": n}},
                ]),
            );
            let _ = answer.await.expect(200);
        }
    };
    let read = async {
        for _ in 0..80 {
            let page = server.service().get(&crate::support::documents("open")).expect(200).await.column("n");
            assert_eq!(page[0], page[1], "a list saw half of a transaction");
        }
    };
    tokio::join!(write, read);
    server.service().get(&document("open", "x")).expect(200).await;
}

async fn stock_is_never_sold_twice(server: TestServer) {
    define_open(&server).await;
    create(server.service(), "open", json!({"id": "p", "stock": 7})).await;
    let sales = (0..40).map(|n| {
        run(server.service(), json!([
            {"op": "patch", "collection": "open", "id": "p", "patch": {"stock": {"$increment": -1}}, "where": "doc.stock >= 1"},
            {"op": "create", "collection": "open", "id": format!("sale{n}"), "data": {"sale": true}},
        ]))
    });
    let sold = join_all(sales).await.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(sold, 7);
    assert_eq!(get(server.service(), "open", "p").await["stock"], 0);
    let body: Value = json!({"filter": "sale == true", "measures": {"n": {"count": true}}});
    assert_eq!(server.service().post(&aggregate("open")).json(&body).expect(200).await.at("/items/0/n"), 7);
}
