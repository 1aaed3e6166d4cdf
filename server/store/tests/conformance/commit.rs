//! Decisions: rounds, overlay, atomicity, races, bounds.

use std::collections::BTreeSet;
use std::sync::Arc;

use basalt_core::{ChangeOp, Code, Error};
use basalt_store::decide::is_stale_epoch;
use basalt_store::testkit::both;
use basalt_store::{CellKey, CellWrite, Decide, DocumentWrite, Read, Step, View, Writes, catalog};
use serde_json::json;

use crate::common::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_comes_back_as_it_was_put() {
    both(|db| async move {
        define(&db, "notes", vec![ordered(&["a"])]).await;
        let data = json!({
            "a": "x", "deep": {"l": [1, 2.5, null, {"é": true}]}, "big": 9_007_199_254_740_993_i64,
            "float": 1e300, "beyond": 1.2e19, "tiny": 5e-324, "quote": "\"\\\u{1}\u{10ffff}"
        });
        put(&db.store, "notes", "n1", data.clone()).await.unwrap();
        let document = get(&db.store, "notes", "n1").await.unwrap();
        assert_eq!(document.data, fields(data.clone()));
        assert_eq!(document.created_at.to_string(), "2026-01-01T00:00:00.000Z");

        let change = db.store.changes(0, 10).await.unwrap().remove(0);
        assert_eq!((change.op, change.before), (ChangeOp::Create, None));
        assert_eq!(change.after, Some(document.to_flat().into()));
        assert_eq!(change.request_id, "test");

        assert!(delete(&db.store, "notes", "n1").await.unwrap());
        assert_eq!(get(&db.store, "notes", "n1").await, None);
        let deletion = db.store.changes(change.seq, 10).await.unwrap().remove(0);
        assert_eq!((deletion.op, deletion.after), (ChangeOp::Delete, None));
        assert_eq!(deletion.before, Some(document.to_flat().into()));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_update_logs_the_old_values_of_what_changed() {
    both(|db| async move {
        define(&db, "notes", vec![]).await;
        put(&db.store, "notes", "n1", json!({"same": 1, "other": 1, "gone": [1]})).await.unwrap();
        let first = get(&db.store, "notes", "n1").await.unwrap();
        put(&db.store, "notes", "n1", json!({"same": 1, "other": 2, "new": 3})).await.unwrap();
        let change = db.store.changes(0, 10).await.unwrap().remove(1);
        assert_eq!(change.op, ChangeOp::Update);
        assert_eq!(change.before, Some(fields(json!({"other": 1, "gone": [1], "rev": first.rev.as_str()})).into()));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_of_system_collections_have_no_bodies() {
    both(|db| async move {
        define(&db, "_secrets", vec![]).await;
        put(&db.store, "_secrets", "s", json!({"hash": "x"})).await.unwrap();
        put(&db.store, "_secrets", "s", json!({"hash": "y"})).await.unwrap();
        delete(&db.store, "_secrets", "s").await.unwrap();
        let changes = db.store.changes(0, 10).await.unwrap();
        assert_eq!(changes.len(), 3);
        assert!(changes.iter().all(|change| change.before.is_none() && change.after.is_none()));
    })
    .await;
}

/// Creates a document whose id is said to be drawn for it.
fn create_new(at: &str, data: serde_json::Value) -> impl Decide<Out = ()> {
    let document = Arc::new(document(at, &next_rev(), data));
    by(move |view: &View| match view.document(&name("notes"), &document.id) {
        None => Step::Need(vec![Read::New { collection: name("notes"), id: document.id.clone() }]),
        Some(found) => {
            assert_eq!(found, None, "known to be absent");
            let put = DocumentWrite::Put { collection: name("notes"), document: Arc::clone(&document), previous: None };
            Step::Done(Writes { documents: vec![put], ..writes() }, ())
        }
    })
}

/// Which can't happen by chance: what is there stays, and others don't suffer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_document_whose_id_is_taken_fails_alone() {
    both(|db| async move {
        define(&db, "notes", vec![]).await;
        db.store.commit(create_new("n1", json!({"a": 1}))).await.unwrap();
        let tasks = (0..20).map(|n| {
            let at = if n == 7 { "n1".to_owned() } else { format!("other{n}") };
            let store = db.store.clone();
            tokio::spawn(async move { store.commit(create_new(&at, json!({"a": 2}))).await.map(|_| ()) })
        });
        for (n, task) in tasks.collect::<Vec<_>>().into_iter().enumerate() {
            let done = task.await.unwrap();
            assert_eq!(done.is_err(), n == 7, "{n}: {done:?}");
        }
        assert_eq!(get(&db.store, "notes", "n1").await.unwrap().data, fields(json!({"a": 1})));
        assert_eq!(db.store.changes(0, 100).await.unwrap().len(), 20);
        assert!(db.store.inspect(is_absent("n2")).await.unwrap());
    })
    .await;
}

fn is_absent(at: &str) -> impl Decide<Out = bool> {
    let at = id(at);
    by(move |view: &View| match view.document(&name("notes"), &at) {
        None => Step::Need(vec![Read::New { collection: name("notes"), id: at.clone() }]),
        Some(found) => Step::Done(writes(), found.is_none()),
    })
}

/// Reads a chain of `length` documents, each of which names the next; answers the last name.
fn follow(length: usize) -> impl Decide<Out = String> {
    by(move |view: &View| {
        let mut at = "d0".to_owned();
        for _ in 0..length {
            match view.document(&name("chain"), &id(&at)) {
                None => return Step::Need(vec![Read::Document { collection: name("chain"), id: id(&at) }]),
                Some(found) => found.unwrap().data["next"].as_str().unwrap().clone_into(&mut at),
            }
        }
        Step::Done(writes(), at)
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_rounds_of_reading_are_enough_and_five_too_many() {
    both(|db| async move {
        define(&db, "chain", vec![]).await;
        for n in 0..6 {
            put(&db.store, "chain", &format!("d{n}"), json!({"next": format!("d{}", n + 1)})).await.unwrap();
        }
        assert_eq!(db.store.commit(follow(4)).await.unwrap().0, "d4");
        assert_eq!(db.store.inspect(follow(4)).await.unwrap(), "d4");
        assert_eq!(db.store.commit(follow(5)).await.unwrap_err().code(), Code::Internal);
        assert_eq!(db.store.inspect(follow(5)).await.unwrap_err().code(), Code::Internal);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_is_the_answer_and_leaves_nothing() {
    both(|db| async move {
        define(&db, "notes", vec![]).await;
        let refused = by(|_: &View| Step::<()>::Refuse(Error::new(Code::RuleDenied, "no")));
        assert_eq!(db.store.commit(refused).await.unwrap_err().code(), Code::RuleDenied);
        assert!(db.store.changes(0, 10).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn increments_at_once_are_all_counted() {
    both(|db| async move {
        define(&db, "counters", vec![]).await;
        let tasks = (0..64).map(|_| {
            let store = db.store.clone();
            tokio::spawn(async move {
                let mut seen = Vec::new();
                for _ in 0..10 {
                    seen.push(store.commit(increment("counters", "c")).await.unwrap().0);
                }
                seen
            })
        });
        let mut seen = BTreeSet::new();
        for task in tasks.collect::<Vec<_>>() {
            let mine = task.await.unwrap();
            assert!(mine.windows(2).all(|pair| pair[0] < pair[1]), "a caller's own writes are in order");
            seen.extend(mine);
        }
        assert_eq!(seen, (1..=640).collect(), "each answer was given once");
        assert_eq!(get(&db.store, "counters", "c").await.unwrap().data["n"], json!(640));
        let logged: Vec<i64> = db
            .store
            .changes(0, 10_000)
            .await
            .unwrap()
            .into_iter()
            .map(|change| change.after.unwrap()["n"].as_i64().unwrap())
            .collect();
        assert_eq!(logged, (1..=640).collect::<Vec<_>>(), "the log has them in the order of their effect");
    })
    .await;
}

/// Signs up an e-mail: looks for its holder first.
fn sign_up(at: &str, email: &str) -> impl Decide<Out = ()> {
    let (at, email, rev) = (id(at), email.to_owned(), next_rev());
    let spec = unique(&["email"]);
    by(move |view: &View| {
        let data = json!({"email": email});
        let key = catalog::unique_key(&spec, &fields(data.clone())).unwrap();
        let place = Read::Document { collection: name("users"), id: at.clone() };
        let holder = Read::Unique { collection: name("users"), index: "i_1_0".into(), key: key.clone() };
        match (view.document(&name("users"), &at), view.unique(&name("users"), "i_1_0", &key)) {
            (Some(previous), Some(None)) => {
                let document = Arc::new(document(at.as_str(), &rev, data));
                let put = DocumentWrite::Put { collection: name("users"), document, previous: previous.cloned() };
                Step::Done(Writes { documents: vec![put], ..writes() }, ())
            }
            (Some(_), Some(Some(_))) => Step::Refuse(Error::new(Code::UniqueConflict, "taken")),
            _ => Step::Need(vec![place, holder]),
        }
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_those_who_want_a_unique_value_exactly_one_gets_it() {
    both(|db| async move {
        define(&db, "users", vec![unique(&["email"])]).await;
        for round in 0..10 {
            let tasks: Vec<_> = (0..32)
                .map(|n| {
                    let (store, email) = (db.store.clone(), format!("a{round}@example.org"));
                    tokio::spawn(async move { store.commit(sign_up(&format!("u{round}_{n}"), &email)).await })
                })
                .collect();
            let mut won = 0;
            for task in tasks {
                match task.await.unwrap() {
                    Ok(((), _)) => won += 1,
                    Err(error) => assert_eq!(error.code(), Code::UniqueConflict, "{error:?}"),
                }
            }
            assert_eq!(won, 1);
        }
        assert_eq!(db.store.changes(0, 1_000).await.unwrap().len(), 10);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_commit_itself_refuses_a_unique_value_that_is_taken() {
    both(|db| async move {
        define(&db, "users", vec![unique(&["email", "team"])]).await;
        put(&db.store, "users", "u1", json!({"email": "a", "team": 1})).await.unwrap();
        let error = put(&db.store, "users", "u2", json!({"email": "a", "team": 1})).await.unwrap_err();
        assert_eq!(error.code(), Code::UniqueConflict);
        assert_eq!(error.errors()[0].path, "/email");
        put(&db.store, "users", "u2", json!({"email": "a", "team": 2})).await.unwrap();
        // What lacks a field or has null there conflicts with none.
        for (at, data) in [("u3", json!({"email": "a"})), ("u4", json!({"email": "a", "team": null}))] {
            put(&db.store, "users", at, data.clone()).await.unwrap();
            put(&db.store, "users", &format!("{at}b"), data).await.unwrap();
        }
        // Its own value doesn't stand in a document's way, and a deleted one's is free.
        put(&db.store, "users", "u1", json!({"email": "a", "team": 1, "more": true})).await.unwrap();
        delete(&db.store, "users", "u1").await.unwrap();
        put(&db.store, "users", "u5", json!({"email": "a", "team": 1})).await.unwrap();
    })
    .await;
}

/// Puts several documents in one batch.
fn put_all(collection: &'static str, puts: Vec<(&'static str, serde_json::Value)>) -> impl Decide<Out = ()> {
    let puts: Vec<_> = puts.into_iter().map(|(at, data)| (at, data, next_rev())).collect();
    by(move |view: &View| {
        let mut last = std::collections::HashMap::new();
        let mut documents = Vec::new();
        for (at, data, rev) in &puts {
            let previous = match view.document(&name(collection), &id(at)) {
                None => {
                    let read = |(at, ..): &(&str, _, _)| Read::Document { collection: name(collection), id: id(at) };
                    return Step::Need(puts.iter().map(read).collect());
                }
                Some(previous) => last.get(at).cloned().or(previous.cloned()),
            };
            let document = Arc::new(document(at, rev, data.clone()));
            last.insert(*at, Arc::clone(&document));
            documents.push(DocumentWrite::Put { collection: name(collection), document, previous });
        }
        Step::Done(Writes { documents, ..writes() }, ())
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documents_may_swap_their_unique_values_in_one_batch() {
    both(|db| async move {
        define(&db, "seats", vec![unique(&["n"])]).await;
        db.store.commit(put_all("seats", vec![("a", json!({"n": 1})), ("b", json!({"n": 2}))])).await.unwrap();
        db.store.commit(put_all("seats", vec![("a", json!({"n": 2})), ("b", json!({"n": 1}))])).await.unwrap();
        assert_eq!(get(&db.store, "seats", "a").await.unwrap().data["n"], json!(2));
        assert_eq!(get(&db.store, "seats", "b").await.unwrap().data["n"], json!(1));
        let both_same = put_all("seats", vec![("c", json!({"n": 9})), ("d", json!({"n": 9}))]);
        assert_eq!(db.store.commit(both_same).await.unwrap_err().code(), Code::UniqueConflict);
        assert_eq!(get(&db.store, "seats", "c").await, None);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_of_one_document_in_a_batch_are_each_logged_and_the_last_holds() {
    both(|db| async move {
        define(&db, "notes", vec![ordered(&["n"])]).await;
        let twice = put_all("notes", vec![("a", json!({"n": 1})), ("a", json!({"n": 2}))]);
        let ((), committed) = db.store.commit(twice).await.unwrap();
        assert_eq!(committed.seqs.len(), 2);
        assert_eq!(get(&db.store, "notes", "a").await.unwrap().data["n"], json!(2));
        let changes = db.store.changes(0, 10).await.unwrap();
        let ops: Vec<_> = changes.iter().map(|change| (change.op, change.seq)).collect();
        assert_eq!(ops, [(ChangeOp::Create, committed.seqs[0]), (ChangeOp::Update, committed.seqs[1])]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_is_bounded_and_a_large_one_goes_alone() {
    both(|db| async move {
        define(&db, "blobs", vec![]).await;
        let large = |bytes: usize| json!({"x": "x".repeat(bytes)});
        let tasks: Vec<_> = (0..12)
            .map(|n| {
                let (store, data) = (db.store.clone(), large(if n % 3 == 0 { 600_000 } else { 1_000 }));
                tokio::spawn(async move { put(&store, "blobs", &format!("b{n}"), data).await })
            })
            .collect();
        for task in tasks {
            task.await.unwrap().unwrap();
        }
        assert_eq!(db.store.changes(0, 100).await.unwrap().len(), 12);
        let error = put(&db.store, "blobs", "huge", large(5_000_000)).await.unwrap_err();
        assert_eq!(error.code(), Code::TooLarge);
        assert_eq!(get(&db.store, "blobs", "huge").await, None);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_room_at_fault_harms_itself_alone() {
    both(|db| async move {
        define(&db, "notes", vec![]).await;
        let unread = || {
            by(|_: &View| {
                let document = Arc::new(document("n", "r1", json!({})));
                let put = DocumentWrite::Put { collection: name("notes"), document, previous: None };
                Step::Done(Writes { documents: vec![put], ..writes() }, ())
            })
        };
        let endless = || by(|_: &View| Step::<()>::Need(vec![Read::Cell(CellKey::new("a", "b"))]));
        let panics = || by(|_: &View| -> Step<()> { panic!("a room's fault") });
        let nowhere =
            || by(|_: &View| Step::<()>::Need(vec![Read::Document { collection: name("nowhere"), id: id("x") }]));
        let mut tasks = Vec::new();
        for n in 0..20 {
            let store = db.store.clone();
            tasks.push(tokio::spawn(async move {
                let code = match n % 5 {
                    0 => store.commit(unread()).await.unwrap_err().code(),
                    1 => store.commit(endless()).await.unwrap_err().code(),
                    2 => store.commit(panics()).await.unwrap_err().code(),
                    3 => {
                        assert_eq!(store.commit(nowhere()).await.unwrap_err().code(), Code::CollectionNotFound);
                        Code::Internal
                    }
                    _ => {
                        put(&store, "notes", &format!("n{n}"), json!({})).await.unwrap();
                        Code::Internal
                    }
                };
                assert_eq!(code, Code::Internal);
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(db.store.changes(0, 100).await.unwrap().len(), 4);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documents_cells_and_jobs_come_together_or_not_at_all() {
    both(|db| async move {
        define(&db, "users", vec![unique(&["email"])]).await;
        let batch = |at: &'static str, email: &'static str| {
            let rev = next_rev();
            by(move |view: &View| match view.document(&name("users"), &id(at)) {
                None => Step::Need(vec![Read::Document { collection: name("users"), id: id(at) }]),
                Some(previous) => {
                    let document = Arc::new(document(at, &rev, json!({"email": email})));
                    let put = DocumentWrite::Put { collection: name("users"), document, previous: previous.cloned() };
                    let cell = CellWrite::Put { key: CellKey::new("seen", at), value: json!(at), expires_at: None };
                    let jobs = vec![job("welcome", Some(at), None)];
                    Step::Done(Writes { documents: vec![put], cells: vec![cell], jobs, ..writes() }, ())
                }
            })
        };
        db.store.commit(batch("u1", "a")).await.unwrap();
        assert_eq!(db.store.commit(batch("u2", "a")).await.unwrap_err().code(), Code::UniqueConflict);
        assert!(db.store.cell(&CellKey::new("seen", "u1")).await.unwrap().is_some());
        assert!(db.store.cell(&CellKey::new("seen", "u2")).await.unwrap().is_none());
        let jobs = db.store.claim_jobs(&["welcome"], 10, std::time::Duration::from_mins(1)).await.unwrap();
        assert_eq!(jobs.len(), 1);
        assert_eq!(jobs[0].payload, json!({"n": "u1"}));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_decision_under_another_epoch_is_not_made() {
    both(|db| async move {
        define(&db, "notes", vec![]).await;
        let old = db.store.catalog().epoch;
        define(&db, "others", vec![]).await;
        let under = |epoch| By { epoch: Some(epoch), step: |_: &View| Step::Done(writes(), ()) };
        assert!(is_stale_epoch(&db.store.commit(under(old)).await.unwrap_err()));
        assert!(is_stale_epoch(&db.store.inspect(under(old)).await.unwrap_err()));
        db.store.commit(under(db.store.catalog().epoch)).await.unwrap();
    })
    .await;
}
