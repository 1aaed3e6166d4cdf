//! Random expressions on random documents: true, false or an error in memory as in a list, on both engines and whichever
//! fields are indexed.

use std::collections::BTreeSet;
use std::sync::Arc;

use basalt_core::filter::Filter;
use basalt_core::{CollectionName, Document, DocumentId, Rev, Timestamp};
use basalt_expr::testkit::{self, Case, OTHER_COLLECTIONS, Times, World};
use basalt_expr::{Expression, Lowered, Outcome, Scope};
use basalt_store::testkit::TestDb;
use basalt_store::{DocumentWrite, IndexKind, IndexSpec, List, Read, Step, Store, View, Writes};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use serde_json::{Map, Value};

use crate::common::*;

const EXPRESSIONS: usize = 60;
const DOCUMENTS: usize = 30;

/// Documents under one set of bound values for look-ups, and expressions to try on all of them.
struct Batch {
    documents: Vec<Value>,
    cases: Vec<Case>,
    indexes: Vec<IndexSpec>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expression_means_the_same_in_memory_and_in_a_list() {
    let databases = [TestDb::sqlite().await, TestDb::postgres().await];
    let mut runner = TestRunner::deterministic();
    let mut tried = 0;
    let batches = if testkit::longer() > 1 { 120 } else { 6 };
    for number in 0..batches {
        let batch = batch(&mut runner, number);
        for db in &databases {
            fill(db, number, &batch).await;
        }
        for case in &batch.cases {
            tried += usize::from(check(&databases, number, &batch, case).await);
        }
    }
    assert!(tried * 10 > batches * EXPRESSIONS * 7, "only {tried} expressions could be lowered");
}

fn batch(runner: &mut TestRunner, number: usize) -> Batch {
    let strategy = testkit::lowerable();
    let mut draw = || strategy.new_tree(runner).unwrap().current();
    let others = draw().world.others;
    let documents = (0..DOCUMENTS).map(|at| with_id(draw().world.doc, &format!("d{at}"))).collect();
    let cases = (0..EXPRESSIONS)
        .map(|_| {
            let case = draw();
            Case { world: World { others: others.clone(), ..case.world }, ..case }
        })
        .collect();
    let candidates = [
        ordered(&["a"]),
        ordered(&["b", "-n"]),
        ordered(&["n"]),
        ordered(&["s"]),
        ordered(&["flag", "s"]),
        ordered(&["m.x"]),
        ordered(&["m.z.x", "m"]),
        ordered(&["t"]),
        ordered(&["createdAt"]),
        ordered(&["ref", "-createdAt"]),
        contains("l"),
        contains("m.l"),
        contains("refs"),
        contains("o"),
    ];
    // Each set of indexes is another third of them; none in the first batch, but for that which distances need.
    let indexes = candidates.into_iter().enumerate().filter(|(at, _)| number > 0 && (at + number).is_multiple_of(3));
    let indexes = indexes.map(|(_, index)| index).chain([index(IndexKind::Geo, &["p"])]).collect();
    Batch { documents, cases, indexes }
}

fn with_id(mut document: Value, id: &str) -> Value {
    document["id"] = id.into();
    document
}

async fn fill(db: &TestDb, number: usize, batch: &Batch) {
    define(db, &format!("docs{number}"), batch.indexes.clone()).await;
    for document in &batch.documents {
        put_flat(&db.store, &name(&format!("docs{number}")), document).await;
    }
    for other in OTHER_COLLECTIONS {
        if number == 0 {
            define(db, other, vec![ordered(&["n"]), contains("l")]).await;
        }
        for at in ["r1", "u1", "a_u1"] {
            delete(&db.store, other, at).await.unwrap();
        }
    }
    for (collection, _, document) in &batch.cases[0].world.others {
        put_flat(&db.store, collection, document).await;
    }
}

/// Puts a document with the times that it has.
async fn put_flat(store: &Store, collection: &CollectionName, flat: &Value) {
    let text = |name: &str| flat[name].as_str().unwrap();
    let own = basalt_core::document::OWN_FIELDS;
    let data = flat.as_object().unwrap().clone().into_iter().filter(|(name, _)| !own.contains(&name.as_str()));
    let document = Arc::new(Document {
        id: DocumentId::parse(text("id")).unwrap(),
        rev: Rev::parse(text("rev")).unwrap(),
        created_at: Timestamp::parse(text("createdAt")).unwrap(),
        updated_at: Timestamp::parse(text("updatedAt")).unwrap(),
        data: data.collect::<Map<_, _>>(),
    });
    let (collection, id) = (collection.clone(), document.id.clone());
    let put = by(move |view: &View| match view.document(&collection, &id) {
        None => Step::Need(vec![Read::Document { collection: collection.clone(), id: id.clone() }]),
        Some(previous) => {
            let (collection, document) = (collection.clone(), Arc::clone(&document));
            let put = DocumentWrite::Put { collection, document, previous: previous.cloned() };
            Step::Done(Writes { documents: vec![put], ..writes() }, ())
        }
    });
    store.commit(put).await.unwrap();
}

/// `false`: the expression has no form as a filter.
async fn check(databases: &[TestDb; 2], number: usize, batch: &Batch, case: &Case) -> bool {
    let scope =
        Scope { auth: true, request: true, doc: true, vars: true, lookups: true, lowered: true, ..Scope::default() };
    let Ok(expression) = Expression::compile(&case.expression, &scope, &Times) else { return false };
    let filter = match expression.lower(&case.world.env(None)) {
        Ok(Lowered::Filter(filter)) => filter,
        Ok(Lowered::Need(needs)) => panic!("{needs:?} are known"),
        Err(_) => return false,
    };
    let (mut expected_true, mut expected_false) = (BTreeSet::new(), BTreeSet::new());
    for document in &batch.documents {
        let id = document["id"].as_str().unwrap().to_owned();
        match expression.evaluate(&case.world.env(Some(document))) {
            Outcome::True => drop(expected_true.insert(id)),
            Outcome::False => drop(expected_false.insert(id)),
            Outcome::Error(_) => {}
            Outcome::Need(_) | Outcome::Limited => panic!("everything is known"),
        }
    }
    for db in databases {
        let found_true = found(db, number, filter.clone()).await;
        let found_false = found(db, number, Filter::Not(Box::new(filter.clone()))).await;
        let engine = db.engine();
        let what = || format!("{engine:?}, batch {number}: {}\n{:?}\n{filter:?}", case.expression, case.world);
        assert_eq!(found_true, expected_true, "true on {}", what());
        assert_eq!(found_false, expected_false, "false on {}", what());
    }
    true
}

async fn found(db: &TestDb, number: usize, filter: Filter) -> BTreeSet<String> {
    let collection = name(&format!("docs{number}"));
    let list = List { collection, filter, search: None, sort: vec![], limit: 500, after: None, count: true };
    let page = db.store.list(list).await.unwrap();
    assert_eq!(page.total, Some(page.documents.len() as u64));
    page.documents.into_iter().map(|document| document.id.to_string()).collect()
}
