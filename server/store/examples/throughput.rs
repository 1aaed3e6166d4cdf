//! How fast the store is on its own: `cargo run --release -p basalt-store --features testkit --example throughput`.
//! (`make bench` measures the server.) Figures are of one run; compare them with one another.

#![allow(clippy::disallowed_methods, reason = "tests are the outside: a task ends with the test that started it")]
#![expect(clippy::unwrap_used, reason = "a benchmark that can't go on ends")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use basalt_core::{Actor, CollectionName, Document, DocumentId, FieldPath, Rev, Timestamp};
use basalt_store::catalog::SortField;
use basalt_store::testkit::TestDb;
use basalt_store::{
    CatalogChange, Decide, DocumentWrite, IndexKind, IndexSpec, Origin, Read, Step, Store, View, Writes,
};
use serde_json::json;

const SPAN: Duration = Duration::from_secs(2);

struct Put {
    collection: CollectionName,
    document: Arc<Document>,
}

impl Decide for Put {
    type Out = ();

    fn epoch(&self) -> Option<u64> {
        None
    }

    fn step(&mut self, view: &View) -> Step<()> {
        let Some(previous) = view.document(&self.collection, &self.document.id) else {
            let (collection, id) = (self.collection.clone(), self.document.id.clone());
            return Step::Need(vec![Read::Document { collection, id }]);
        };
        let (collection, previous) = (self.collection.clone(), previous.cloned());
        let documents = vec![DocumentWrite::Put { collection, document: Arc::clone(&self.document), previous }];
        let origin = Origin { actor: Actor::SYSTEM, request_id: "bench".into(), at: self.document.updated_at };
        Step::Done(Writes { documents, ..Writes::none(origin) }, ())
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let only: Vec<String> = std::env::args().skip(1).collect();
    for engine in
        ["sqlite", "postgres"].into_iter().filter(|engine| only.is_empty() || only.iter().any(|o| o == engine))
    {
        let db = if engine == "sqlite" { TestDb::sqlite().await } else { TestDb::postgres().await };
        let field = |path: &str| SortField { path: FieldPath::parse(path).unwrap(), descending: false };
        let indexes = vec![IndexSpec { kind: IndexKind::Ordered, fields: vec![field("owner"), field("createdAt")] }];
        let put = CatalogChange::Put { name: collection(), definition: json!({}), indexes };
        db.store.define(0, vec![put]).await.unwrap();
        let made = Arc::new(AtomicU64::new(0));
        for waiting in [1, 32, 128] {
            let made = Arc::clone(&made);
            report(engine, "create", waiting, &db.store, move |store, n| {
                let at = made.fetch_add(1, Ordering::Relaxed);
                async move {
                    store.commit(Put { collection: collection(), document: document(at, n) }).await.unwrap();
                }
            })
            .await;
        }
        for waiting in [1, 32] {
            report(engine, "update", waiting, &db.store, |store, n| async move {
                store.commit(Put { collection: collection(), document: document(n % 10_000, n) }).await.unwrap();
            })
            .await;
            report(engine, "document", waiting, &db.store, |store, n| async move {
                assert!(store.document(&collection(), &id(n * 7_919 % 10_000)).await.unwrap().is_some());
            })
            .await;
            report(engine, "inspect", waiting, &db.store, |store, n| async move {
                let at = id(n * 7_919 % 10_000);
                assert!(store.inspect(Look(at)).await.unwrap());
            })
            .await;
        }
        db.store.close().await;
    }
}

struct Look(DocumentId);

impl Decide for Look {
    type Out = bool;

    fn epoch(&self) -> Option<u64> {
        None
    }

    fn step(&mut self, view: &View) -> Step<bool> {
        match view.document(&collection(), &self.0) {
            None => Step::Need(vec![Read::Document { collection: collection(), id: self.0.clone() }]),
            Some(found) => {
                let origin = Origin { actor: Actor::SYSTEM, request_id: String::new(), at: Timestamp::from_millis(0) };
                Step::Done(Writes::none(origin), found.is_some())
            }
        }
    }
}

async fn report<Work, Done>(engine: &str, what: &str, waiting: usize, store: &Store, work: Work)
where
    Work: Fn(Store, u64) -> Done + Clone + Send + Sync + 'static,
    Done: Future<Output = ()> + Send,
{
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let (started, count) = (Instant::now(), Arc::new(AtomicU64::new(0)));
    let tasks: Vec<_> = (0..waiting)
        .map(|_| {
            let (store, work, count) = (store.clone(), work.clone(), Arc::clone(&count));
            tokio::spawn(async move {
                while started.elapsed() < SPAN {
                    work(store.clone(), NEXT.fetch_add(1, Ordering::Relaxed)).await;
                    count.fetch_add(1, Ordering::Relaxed);
                    // Reads answer without waiting; a server's tasks take turns.
                    tokio::task::coop::consume_budget().await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let rate = count.load(Ordering::Relaxed) as f64 / started.elapsed().as_secs_f64();
    #[expect(clippy::print_stdout, reason = "the figures are what it is for")]
    {
        println!("{engine:9} {what:9} {waiting:4} waiting: {rate:9.0}/s");
    }
}

fn collection() -> CollectionName {
    CollectionName::parse("notes").unwrap()
}

fn id(n: u64) -> DocumentId {
    DocumentId::parse(&format!("n{n:012}")).unwrap()
}

/// About 600 bytes.
fn document(n: u64, rev: u64) -> Arc<Document> {
    let now = Timestamp::from_millis(1_767_225_600_000 + i64::try_from(n).unwrap());
    let data = json!({
        "owner": format!("u{}", n % 100), "title": format!("Note {n}"), "n": n, "done": n.is_multiple_of(2),
        "tags": ["one", "two", "three"], "body": "lorem ipsum ".repeat(32),
    });
    let serde_json::Value::Object(data) = data else { unreachable!("an object") };
    let rev = Rev::parse(&format!("{rev:013x}")).unwrap();
    Arc::new(Document { id: id(n), rev, created_at: now, updated_at: now, data })
}
