//! Which documents hold an id: asked for within a decision, the answer is exact whoever writes meanwhile.

use std::sync::Arc;

use basalt_core::FieldPath;
use basalt_store::decide::{HOLDERS_MAX, HeldAs};
use basalt_store::testkit::{TestDb, both};
use basalt_store::{DocumentWrite, IndexSpec, Read, Step, View, Writes};
use futures_util::future::join_all;
use serde_json::json;

use crate::common::*;

const HELD: [HeldAs; 3] = [HeldAs::Value, HeldAs::Element, HeldAs::Either];

fn read(path: &str, held: HeldAs, at: &str) -> Read {
    Read::Holders { collection: name("replies"), path: FieldPath::parse(path).unwrap(), held, id: id(at) }
}

async fn holders(db: &TestDb, read: Read) -> Vec<String> {
    let ask = by(move |view: &View| match view.holders(&read) {
        None => Step::Need(vec![read.clone()]),
        Some(holders) => Step::Done(writes(), holders.iter().map(ToString::to_string).collect::<Vec<_>>()),
    });
    let mut found = db.store.commit(ask).await.unwrap().0;
    found.sort();
    found
}

async fn define_replies(db: &TestDb, indexes: Vec<IndexSpec>) {
    define(db, "notes", vec![]).await;
    define(db, "replies", indexes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_is_found_however_it_is_held() {
    both(|db| async move {
        define_replies(&db, vec![ordered(&["to"]), contains("to")]).await;
        let values =
            [json!("p"), json!(["x", "p"]), json!("q"), json!(null), json!(["P"]), json!("pp"), json!([["p"]])];
        for (n, to) in values.into_iter().enumerate() {
            put(&db.store, "replies", &format!("r{n}"), json!({"to": to, "deep": {"to": to}})).await.unwrap();
        }
        put(&db.store, "replies", "none", json!({})).await.unwrap();
        // By an index, and without one.
        for path in ["to", "deep.to"] {
            let mut found = Vec::new();
            for held in HELD {
                found.push(holders(&db, read(path, held, "p")).await);
            }
            assert_eq!(found, [vec!["r0"], vec!["r1"], vec!["r0", "r1"]], "{path}");
            assert!(holders(&db, read(path, HeldAs::Either, "nobody")).await.is_empty());
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_very_many_as_many_are_told_as_are_asked_about() {
    both(|db| async move {
        define_replies(&db, vec![ordered(&["to"])]).await;
        let puts = (0..HOLDERS_MAX + 20).map(|n| {
            let store = db.store.clone();
            async move { put(&store, "replies", &format!("r{n}"), json!({"to": "p"})).await }
        });
        assert!(join_all(puts).await.iter().all(Result::is_ok));
        assert_eq!(holders(&db, read("to", HeldAs::Value, "p")).await.len(), HOLDERS_MAX);
    })
    .await;
}

/// Refers to a note if it is there.
async fn refer(db: &TestDb, at: String) {
    let rev = next_rev();
    let refer = by(move |view: &View| {
        let (note, reply) = ((name("notes"), id(&at)), (name("replies"), id(&at)));
        let (Some(note_there), Some(reply_there)) =
            (view.document(&note.0, &note.1), view.document(&reply.0, &reply.1))
        else {
            let document = |(collection, id)| Read::Document { collection, id };
            return Step::Need(vec![document(note), document(reply)]);
        };
        if note_there.is_none() {
            return Step::Done(writes(), ());
        }
        let document = Arc::new(document(&at, &rev, json!({"to": at})));
        let put = DocumentWrite::Put { collection: reply.0, document, previous: reply_there.cloned() };
        Step::Done(Writes { documents: vec![put], ..writes() }, ())
    });
    db.store.commit(refer).await.unwrap();
}

/// Deletes a note that nobody refers to.
async fn release(db: &TestDb, at: String) {
    let release = by(move |view: &View| {
        let (collection, at_id, asked) = (name("notes"), id(&at), read("to", HeldAs::Value, &at));
        let (Some(note), Some(holders)) = (view.document(&collection, &at_id), view.holders(&asked)) else {
            return Step::Need(vec![Read::Document { collection, id: at_id }, asked]);
        };
        let free = note.filter(|_| holders.is_empty()).cloned();
        let deleted = free.map(|previous| DocumentWrite::Delete { collection, previous });
        Step::Done(Writes { documents: deleted.into_iter().collect(), ..writes() }, ())
    });
    db.store.commit(release).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_slips_in_while_it_is_decided() {
    both(|db| async move {
        define_replies(&db, vec![ordered(&["to"])]).await;
        let notes: Vec<String> = (0..60).map(|n| format!("n{n}")).collect();
        for note in &notes {
            put(&db.store, "notes", note, json!({})).await.unwrap();
        }
        let race = async |note: &String| {
            tokio::join!(refer(&db, note.clone()), release(&db, note.clone()));
            (get(&db.store, "notes", note).await.is_some(), get(&db.store, "replies", note).await.is_some())
        };
        for ((note_stays, reply_stays), note) in join_all(notes.iter().map(race)).await.into_iter().zip(&notes) {
            assert_eq!(note_stays, reply_stays, "{note}: a reply leads nowhere, or its note stayed for nobody");
        }
    })
    .await;
}
