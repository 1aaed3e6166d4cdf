//! Lists, counts and aggregates of documents that others write meanwhile.

use std::collections::BTreeSet;

use basalt_core::filter::{Filter, Leaf, Order, Place, Scalar};
use basalt_core::{Code, FieldPath};
use basalt_store::testkit::{TestDb, both};
use basalt_store::{Aggregate, Count, GroupKey, IndexState, List, Measure, MeasureOp};
use serde_json::{Value, json};

use crate::common::*;

fn path(text: &str) -> FieldPath {
    FieldPath::parse(text).unwrap()
}

fn place(text: &str) -> Place {
    Place::document(path(text))
}

fn equal(field: &str, value: Scalar) -> Filter {
    Filter::Leaf(Leaf::Equal { place: place(field), value })
}

fn list(filter: Filter, sort: &[&str], limit: u32) -> List {
    let sort = index(basalt_store::IndexKind::Ordered, sort).fields;
    List { collection: name("notes"), filter, search: None, sort, limit, after: None, count: false }
}

async fn ids(db: &TestDb, list: &List) -> Vec<String> {
    let page = db.store.list(list.clone()).await.unwrap();
    page.documents.into_iter().map(|document| document.id.to_string()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_is_of_one_moment_of_the_log() {
    both(|db| async move {
        define(&db, "notes", vec![ordered(&["n"])]).await;
        let (empty, before) = db.store.list_with_end(list(Filter::True, &["n"], 2)).await.unwrap();
        assert!(empty.documents.is_empty() && empty.next.is_none() && empty.total.is_none());
        for n in 0..5 {
            put(&db.store, "notes", &format!("n{n}"), json!({"n": n})).await.unwrap();
        }
        let above = Filter::Leaf(Leaf::Order { place: place("n"), order: Order::Ge, value: Scalar::Int(1) });
        let mut asked = list(above.clone(), &["-n"], 3);
        asked.count = true;
        let (page, end) = db.store.list_with_end(asked.clone()).await.unwrap();
        let found: Vec<&str> = page.documents.iter().map(|document| document.id.as_str()).collect();
        assert_eq!(found, ["n4", "n3", "n2"]);
        assert_eq!(page.documents[0], get(&db.store, "notes", "n4").await.unwrap());
        assert_eq!(page.total, Some(4));
        assert_eq!(end, before + 5);
        asked.after = page.next;
        let last = db.store.list(asked.clone()).await.unwrap();
        assert_eq!((last.documents.len(), last.next, last.total), (1, None, Some(4)));
        asked.limit = 0;
        let counted = db.store.list(asked).await.unwrap();
        assert_eq!((counted.documents.len(), counted.next, counted.total), (0, None, Some(4)));
        assert_eq!(db.store.count(Count { collection: name("notes"), filter: above, search: None }).await.unwrap(), 4);
        let nowhere = Count { collection: name("nowhere"), filter: Filter::True, search: None };
        assert_eq!(db.store.count(nowhere).await.unwrap_err().code(), Code::CollectionNotFound);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_have_each_document_once_while_others_are_written() {
    both(|db| async move {
        define(&db, "notes", vec![ordered(&["group", "-n"])]).await;
        for n in 0..120 {
            let data = json!({"group": (["a", "b"][n % 2]), "n": n % 10, "x": n % 3});
            put(&db.store, "notes", &format!("old{n:03}"), data).await.unwrap();
        }
        let store = db.store.clone();
        let (stop, mut stopped) = tokio::sync::oneshot::channel::<()>();
        let writer = tokio::spawn(async move {
            for n in 0.. {
                let at = format!("new{:02}", n % 40);
                match n % 3 {
                    2 => drop(delete(&store, "notes", &at).await.unwrap()),
                    _ => put(&store, "notes", &at, json!({"group": "a", "n": n % 13, "x": n % 5})).await.unwrap(),
                }
                if stopped.try_recv().is_ok() {
                    return;
                }
            }
        });
        for sort in [&["-n"][..], &["x", "-n"], &["group", "-n"], &[]] {
            let mut asked = list(Filter::True, sort, 7);
            let mut seen = Vec::new();
            loop {
                let page = db.store.list(asked.clone()).await.unwrap();
                let old = page.documents.iter().filter(|document| document.id.as_str().starts_with("old"));
                seen.extend(old.map(|document| document.id.to_string()));
                match page.next {
                    Some(next) => asked.after = Some(next),
                    None => break,
                }
            }
            let distinct: BTreeSet<&String> = seen.iter().collect();
            assert_eq!((seen.len(), distinct.len()), (120, 120), "{sort:?}");
        }
        stop.send(()).unwrap();
        writer.await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_are_right_before_while_and_after_an_index_is_built() {
    both(|db| async move {
        define(&db, "notes", vec![]).await;
        for n in 0..700_usize {
            let data = json!({"owner": format!("u{}", n % 9), "tags": [n % 4], "n": n});
            put(&db.store, "notes", &format!("n{n:03}"), data).await.unwrap();
        }
        let mine = equal("owner", Scalar::Text("u3".into()));
        let tagged = Filter::Leaf(Leaf::Contains { place: place("tags"), value: Scalar::Float(1.0) });
        let asked = [
            list(Filter::And(vec![mine.clone(), tagged.clone()]), &["-n"], 30),
            list(Filter::Or(vec![mine.clone(), tagged.clone()]), &["n"], 100),
            list(Filter::Not(Box::new(Filter::Or(vec![mine, tagged]))), &["owner", "-n"], 100),
        ];
        let mut before = Vec::new();
        for list in &asked {
            before.push(ids(&db, list).await);
        }
        assert!(before.iter().all(|ids| ids.len() >= 19), "{before:?}");
        let indexes = vec![ordered(&["owner", "-n"]), ordered(&["n"]), contains("tags")];
        define(&db, "notes", indexes).await;
        let is_ready = || {
            let catalog = db.store.catalog();
            catalog.collections[&name("notes")].indexes.iter().all(|index| index.state == IndexState::Ready)
        };
        let mut rounds = 0;
        while !is_ready() || rounds == 0 {
            for (list, before) in asked.iter().zip(&before) {
                assert_eq!(ids(&db, list).await, *before, "round {rounds}");
            }
            rounds += 1;
        }
        db.store.indexes_built().await.unwrap();
        for (list, before) in asked.iter().zip(&before) {
            assert_eq!(ids(&db, list).await, *before, "with indexes");
        }
    })
    .await;
}

fn measure(name: &str, op: MeasureOp, field: Option<&str>) -> Measure {
    Measure { name: name.to_owned(), op, path: field.map(path) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn aggregates_group_measure_sort_and_page() {
    both(|db| async move {
        define(&db, "notes", vec![ordered(&["genre"])]).await;
        let movies = [
            json!({"genre": "Drama", "rating": 7, "year": 1994}),
            json!({"genre": "Drama", "rating": 8.5}),
            json!({"genre": "Drama", "rating": "unrated"}),
            json!({"genre": "Comedy", "rating": 5}),
            json!({"genre": null, "rating": 1}),
            json!({"rating": 3}),
            json!({"genre": ["Drama"], "rating": i64::MAX}),
        ];
        for (n, movie) in movies.into_iter().enumerate() {
            put(&db.store, "notes", &format!("m{n}"), movie).await.unwrap();
        }
        let mut asked = Aggregate {
            collection: name("notes"),
            filter: Filter::True,
            group_by: vec![GroupKey { name: "genre".into(), path: path("genre"), bucket: None }],
            measures: vec![
                measure("n", MeasureOp::Count, None),
                measure("years", MeasureOp::Count, Some("year")),
                measure("total", MeasureOp::Sum, Some("rating")),
                measure("mean", MeasureOp::Avg, Some("rating")),
                measure("least", MeasureOp::Min, Some("rating")),
                measure("most", MeasureOp::Max, Some("rating")),
                measure("ratings", MeasureOp::CountDistinct, Some("rating")),
            ],
            having: Filter::True,
            sort: vec![("n".into(), true)],
            limit: 2,
            offset: 0,
        };
        let page = db.store.aggregate(asked.clone()).await.unwrap();
        let drama = json!({"genre": "Drama", "n": 3, "years": 1, "total": 15.5, "mean": 7.75, "least": 7,
                           "most": "unrated", "ratings": 3});
        let none = json!({"genre": null, "n": 2, "years": 0, "total": 4, "mean": 2, "least": 1, "most": 3,
                          "ratings": 2});
        assert_eq!(page.items.into_iter().map(Value::Object).collect::<Vec<_>>(), [drama, none]);
        assert!(page.more);
        asked.offset = 2;
        let page = db.store.aggregate(asked.clone()).await.unwrap();
        let genres: Vec<Value> = page.items.iter().map(|item| item["genre"].clone()).collect();
        assert_eq!((genres, page.more), (vec![json!("Comedy"), json!(["Drama"])], false));

        put(&db.store, "notes", "more", json!({"genre": ["Drama"], "rating": 1})).await.unwrap();
        let error = db.store.aggregate(asked.clone()).await.unwrap_err();
        assert_eq!(error.code(), Code::Overflow);
        asked.filter = equal("genre", Scalar::Text("Western".into()));
        assert!(db.store.aggregate(asked.clone()).await.unwrap().items.is_empty());
        (asked.group_by, asked.sort, asked.offset) = (vec![], vec![], 0);
        let page = db.store.aggregate(asked).await.unwrap();
        let nothing = json!({"n": 0, "years": 0, "total": 0, "mean": null, "least": null, "most": null, "ratings": 0});
        assert_eq!(page.items.into_iter().map(Value::Object).collect::<Vec<_>>(), [nothing]);
    })
    .await;
}
