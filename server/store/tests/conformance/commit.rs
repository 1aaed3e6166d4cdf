//! Decisions: rounds, overlay, atomicity, races.

use std::sync::Arc;

use basalt_core::{ChangeOp, Code, Error};
use basalt_store::testkit::{TestDb, both};
use basalt_store::{DocumentWrite, Read, Step, View, Writes};
use serde_json::json;

use crate::common::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_comes_back_as_it_was_put() {
    both(|db| async move {
        define(&db, "notes", vec![ordered(&["a"])]).await;
        let data = json!({"a": "x", "deep": {"l": [1, 2.5, null, {"é": true}]}, "big": 9_007_199_254_740_993_i64, "f": 1e300, "h": 1.2e19});
        put(&db.store, "notes", "n1", data.clone()).await.unwrap();
        let document = get(&db.store, "notes", "n1").await.unwrap();
        assert_eq!(document.data, fields(data.clone()));
        assert_eq!(document.created_at.to_string(), "2026-01-01T00:00:00.000Z");
        let change = db.store.changes(0, 10).await.unwrap().remove(0);
        assert_eq!(change.op, ChangeOp::Create);
        assert_eq!(change.after, Some(document.to_flat()));
        assert_eq!(change.before, None);
        let seen = db.store.inspect(by(|view: &View| match view.document(&name("notes"), &id("n1")) {
            None => Step::Need(vec![Read::Document { collection: name("notes"), id: id("n1") }]),
            Some(found) => Step::Done(writes(), found.map(|document| document.data.clone())),
        }));
        assert_eq!(seen.await.unwrap(), Some(fields(data)));
        assert!(delete(&db.store, "notes", "n1").await.unwrap());
        assert_eq!(get(&db.store, "notes", "n1").await, None);
        let change = db.store.changes(1, 10).await.unwrap().remove(0);
        assert_eq!((change.op, change.after), (ChangeOp::Delete, None));
        assert_eq!(change.before, Some(document.to_flat()));
    })
    .await;
}
