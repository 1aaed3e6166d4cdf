//! Small decisions and builders that the suite's tests speak in.

use std::sync::Arc;

use basalt_core::{Actor, CollectionName, Document, DocumentId, FieldPath, Rev, Timestamp};
use basalt_store::catalog::SortField;
use basalt_store::decide::is_stale_epoch;
use basalt_store::testkit::TestDb;
use basalt_store::{
    CatalogChange, CellKey, CellWrite, Decide, DocumentWrite, IndexKind, IndexSpec, NewJob, Origin, Read, Step, Store,
    View, Writes,
};
use serde_json::{Map, Value, json};

pub(crate) fn name(text: &str) -> CollectionName {
    CollectionName::parse(text).unwrap()
}

pub(crate) fn id(text: &str) -> DocumentId {
    DocumentId::parse(text).unwrap()
}

pub(crate) fn fields(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("not an object: {other}"),
    }
}

pub(crate) fn origin() -> Origin {
    Origin { actor: Actor::SYSTEM, request_id: "test".into(), at: Timestamp::from_millis(1_767_225_600_000) }
}

pub(crate) fn writes() -> Writes {
    Writes::none(origin())
}

/// A decision by a closure, without an epoch of its own unless given one.
pub(crate) struct By<F> {
    pub(crate) epoch: Option<u64>,
    pub(crate) step: F,
}

impl<Out: Send + 'static, F: FnMut(&View) -> Step<Out> + Send + 'static> Decide for By<F> {
    type Out = Out;

    fn epoch(&self) -> Option<u64> {
        self.epoch
    }

    fn step(&mut self, view: &View) -> Step<Out> {
        (self.step)(view)
    }
}

pub(crate) fn by<Out: Send + 'static, F: FnMut(&View) -> Step<Out> + Send + 'static>(step: F) -> By<F> {
    By { epoch: None, step }
}

pub(crate) fn document(at: &str, rev: &str, data: Value) -> Document {
    let now = Timestamp::from_millis(1_767_225_600_000);
    Document { id: id(at), rev: Rev::parse(rev).unwrap(), created_at: now, updated_at: now, data: fields(data) }
}

/// Puts a document, whatever was there before.
pub(crate) async fn put(store: &Store, collection: &str, at: &str, data: Value) -> basalt_core::Result<()> {
    let (collection, at, rev) = (name(collection), id(at), next_rev());
    let put = by(move |view: &View| match view.document(&collection, &at) {
        None => Step::Need(vec![Read::Document { collection: collection.clone(), id: at.clone() }]),
        Some(previous) => {
            let document = Arc::new(document(at.as_str(), &rev, data.clone()));
            let put = DocumentWrite::Put { collection: collection.clone(), document, previous: previous.cloned() };
            Step::Done(Writes { documents: vec![put], ..writes() }, ())
        }
    });
    store.commit(put).await.map(|_| ())
}

pub(crate) async fn delete(store: &Store, collection: &str, at: &str) -> basalt_core::Result<bool> {
    let (collection, at) = (name(collection), id(at));
    let delete = by(move |view: &View| match view.document(&collection, &at) {
        None => Step::Need(vec![Read::Document { collection: collection.clone(), id: at.clone() }]),
        Some(None) => Step::Done(writes(), false),
        Some(Some(previous)) => {
            let delete = DocumentWrite::Delete { collection: collection.clone(), previous: previous.clone() };
            Step::Done(Writes { documents: vec![delete], ..writes() }, true)
        }
    });
    store.commit(delete).await.map(|(there, _)| there)
}

/// Adds one to the number `n` of a document; answers the new value.
pub(crate) fn increment(collection: &str, at: &str) -> impl Decide<Out = i64> {
    let (collection, at, rev) = (name(collection), id(at), next_rev());
    by(move |view: &View| match view.document(&collection, &at) {
        None => Step::Need(vec![Read::Document { collection: collection.clone(), id: at.clone() }]),
        Some(previous) => {
            let n = previous.and_then(|document| document.data.get("n")).and_then(Value::as_i64).unwrap_or(0) + 1;
            let document = Arc::new(document(at.as_str(), &rev, json!({ "n": n })));
            let put = DocumentWrite::Put { collection: collection.clone(), document, previous: previous.cloned() };
            Step::Done(Writes { documents: vec![put], ..writes() }, n)
        }
    })
}

pub(crate) async fn get(store: &Store, collection: &str, at: &str) -> Option<Document> {
    store.document(&name(collection), &id(at)).await.unwrap()
}

/// Puts or removes a cell without looking.
pub(crate) async fn set_cell(store: &Store, key: CellKey, value: Option<Value>, expires_at: Option<Timestamp>) {
    let write = by(move |_: &View| {
        let cell = match value.clone() {
            Some(value) => CellWrite::Put { key: key.clone(), value, expires_at },
            None => CellWrite::Delete { key: key.clone() },
        };
        Step::Done(Writes { cells: vec![cell], ..writes() }, ())
    });
    store.commit(write).await.unwrap();
}

pub(crate) async fn enqueue(store: &Store, jobs: Vec<NewJob>) {
    store.commit(by(move |_: &View| Step::Done(Writes { jobs: jobs.clone(), ..writes() }, ()))).await.unwrap();
}

pub(crate) fn next_rev() -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("{:013x}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Defines, whatever index is being made ready meanwhile.
pub(crate) async fn define(db: &TestDb, collection: &str, indexes: Vec<IndexSpec>) {
    let put = CatalogChange::Put { name: name(collection), definition: json!({"of": collection}), indexes };
    loop {
        match db.store.define(db.store.catalog().epoch, vec![put.clone()]).await {
            Err(error) if is_stale_epoch(&error) => tokio::task::yield_now().await,
            result => return result.map(|_| ()).unwrap(),
        }
    }
}

pub(crate) fn index(kind: IndexKind, paths: &[&str]) -> IndexSpec {
    let field = |text: &&str| {
        let (descending, path) = text.strip_prefix('-').map_or((false, *text), |path| (true, path));
        SortField { path: FieldPath::parse(path).unwrap(), descending }
    };
    IndexSpec { kind, fields: paths.iter().map(field).collect() }
}

pub(crate) fn ordered(paths: &[&str]) -> IndexSpec {
    index(IndexKind::Ordered, paths)
}

pub(crate) fn unique(paths: &[&str]) -> IndexSpec {
    index(IndexKind::Unique, paths)
}

pub(crate) fn contains(path: &str) -> IndexSpec {
    index(IndexKind::Contains, &[path])
}

/// A due job that carries its key's name.
pub(crate) fn job(kind: &'static str, key: Option<&str>, order: Option<&str>) -> NewJob {
    NewJob {
        kind: kind.into(),
        key: key.map(str::to_owned),
        order_key: order.map(str::to_owned),
        payload: json!({"n": key}),
        run_at: origin().at,
    }
}

/// Compares a key column with what the documents hold.
pub(crate) async fn check_keys(db: &TestDb, table: &str, column: &str, path: &str) {
    let rows = db.select(&format!("SELECT id, rev, {column}, data FROM {table}")).await;
    assert!(!rows.is_empty());
    for row in rows {
        let mut parts = row.splitn(4, '|');
        let mut next = || parts.next().unwrap().to_owned();
        let (at, rev, key, data) = (next(), next(), next(), next());
        let flat = document(&at, &rev, serde_json::from_str(&data).unwrap()).to_flat();
        let value = basalt_core::key::at(&flat, &FieldPath::parse(path).unwrap());
        assert_eq!(key, format!("Bytes({:?})", basalt_core::key::of(value)), "{at}");
    }
}
