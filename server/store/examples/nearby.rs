//! How fast points and vectors are found: `cargo run --release -p basalt-store --features testkit --example nearby`, with
//! 100,000 points and 10,000 vectors of 384 numbers on each engine. Figures are of one run.

#![expect(clippy::unwrap_used, reason = "a benchmark that can't go on ends")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use basalt_core::filter::{Filter, Leaf, Order, Place, Scalar};
use basalt_core::geo::Point;
use basalt_core::vector::Metric;
use basalt_core::{Actor, CollectionName, Document, DocumentId, FieldPath, Rev, Timestamp};
use basalt_store::catalog::SortField;
use basalt_store::testkit::TestDb;
use basalt_store::{
    CatalogChange, Decide, DocumentWrite, IndexKind, IndexSpec, List, Near, Nearest, Origin, Read, Step, Store, View,
    Writes,
};
use serde_json::{Value, json};

const POINTS: u64 = 100_000;
const VECTORS: u64 = 10_000;
const DIMENSIONS: usize = 384;
const BATCH: u64 = 250;
const RUNS: u32 = 20;

struct Put(Vec<Arc<Document>>, CollectionName);

impl Decide for Put {
    type Out = ();

    fn epoch(&self) -> Option<u64> {
        None
    }

    fn step(&mut self, view: &View) -> Step<()> {
        let read = |document: &Arc<Document>| Read::Document { collection: self.1.clone(), id: document.id.clone() };
        if view.document(&self.1, &self.0[0].id).is_none() {
            return Step::Need(self.0.iter().map(read).collect());
        }
        let put = |document: &Arc<Document>| DocumentWrite::Put {
            collection: self.1.clone(),
            document: Arc::clone(document),
            previous: None,
        };
        let origin = Origin { actor: Actor::SYSTEM, request_id: "bench".into(), at: Timestamp::from_millis(0) };
        Step::Done(Writes { documents: self.0.iter().map(put).collect(), ..Writes::none(origin) }, ())
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let mut seed = 1_u64;
    let mut draw = move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 11) as f64 / (1_u64 << 53) as f64 * 2.0 - 1.0
    };
    for engine in ["sqlite", "postgres"] {
        let db = if engine == "sqlite" { TestDb::sqlite().await } else { TestDb::postgres().await };
        let points = collection("places", &[(IndexKind::Geo, "at")], &db.store).await;
        // A city's worth: 100 by 100 kilometres.
        let point =
            |_| json!({"at": {"lat": 35.7 + 0.45 * draw(), "lng": 139.7 + 0.55 * draw()}, "name": "x".repeat(200)});
        fill(&db.store, &points, (0..POINTS).map(point).collect()).await;
        let indexes = [(IndexKind::Vector, "at"), (IndexKind::Ordered, "owner")];
        let vectors = collection("articles", &indexes, &db.store).await;
        let mut vector = || -> Vec<f64> { (0..DIMENSIONS).map(|_| draw()).collect() };
        fill(&db.store, &vectors, (0..VECTORS).map(|n| json!({"at": vector(), "n": n, "owner": "ann"})).collect())
            .await;
        if engine == "postgres" {
            // As PostgreSQL does by itself within a minute.
            db.execute("ANALYZE").await;
        }

        let here = Point::new(35.68, 139.76).unwrap();
        for metres in [500.0, 5_000.0] {
            let leaf = Leaf::Distance { place: Place::document(at()), point: here, order: Order::Lt, metres };
            let list = list(&points, Filter::Leaf(leaf));
            report(engine, &format!("within {metres} m"), || db.store.list(list.clone())).await;
        }
        let near = Near { list: list(&points, Filter::True), path: at(), point: here };
        report(engine, "nearest 30 points", || db.store.near(near.clone())).await;
        let query = vector().into_iter().map(|number| json!(number)).collect::<Value>();
        let nearest = Nearest {
            collection: vectors.clone(),
            filter: Filter::True,
            path: at(),
            vector: basalt_core::vector::read(&query).unwrap(),
            metric: Metric::Cosine,
            k: 10,
        };
        report(engine, "nearest 10 vectors", || db.store.nearest(nearest.clone())).await;
        let place = |name| Place::document(FieldPath::parse(name).unwrap());
        let owned = Filter::Leaf(Leaf::Equal { place: place("owner"), value: Scalar::Text("ann".into()) });
        let owned = Nearest { filter: owned, ..nearest };
        report(engine, "under an owner's rule", || db.store.nearest(owned.clone())).await;
        let filtered = Nearest { filter: Filter::Leaf(Leaf::Has { place: place("n") }), ..owned };
        report(engine, "by an unindexed field", || db.store.nearest(filtered.clone())).await;
        db.store.close().await;
    }
}

fn at() -> FieldPath {
    FieldPath::parse("at").unwrap()
}

fn list(collection: &CollectionName, filter: Filter) -> List {
    List {
        collection: collection.clone(),
        filter,
        search: None,
        sort: Vec::new(),
        limit: 30,
        after: None,
        count: false,
    }
}

async fn collection(name: &str, indexes: &[(IndexKind, &str)], store: &Store) -> CollectionName {
    let name = CollectionName::parse(name).unwrap();
    let field = |path: &str| SortField { path: FieldPath::parse(path).unwrap(), descending: false };
    let indexes = indexes.iter().map(|(kind, path)| IndexSpec { kind: *kind, fields: vec![field(path)] }).collect();
    let put = CatalogChange::Put { name: name.clone(), definition: json!({}), indexes };
    store.define(store.catalog().epoch, vec![put]).await.unwrap();
    name
}

async fn fill(store: &Store, collection: &CollectionName, bodies: Vec<Value>) {
    let mut documents = Vec::new();
    for (n, body) in bodies.into_iter().enumerate() {
        let Value::Object(data) = body else { unreachable!("an object") };
        let (id, rev) = (DocumentId::parse(&format!("d{n:08}")).unwrap(), Rev::parse("0000000000001").unwrap());
        let now = Timestamp::from_millis(0);
        documents.push(Arc::new(Document { id, rev, created_at: now, updated_at: now, data }));
    }
    for chunk in documents.chunks(usize::try_from(BATCH).unwrap()) {
        store.commit(Put(chunk.to_vec(), collection.clone())).await.unwrap();
    }
}

async fn report<T, Done>(engine: &str, what: &str, work: impl Fn() -> Done)
where
    Done: Future<Output = basalt_core::Result<T>>,
{
    work().await.unwrap();
    let started = Instant::now();
    for _ in 0..RUNS {
        work().await.unwrap();
    }
    let each: Duration = started.elapsed() / RUNS;
    #[expect(clippy::print_stdout, reason = "the figures are what it is for")]
    {
        println!("{engine:9} {what:22} {:8.2} ms", each.as_secs_f64() * 1_000.0);
    }
}
