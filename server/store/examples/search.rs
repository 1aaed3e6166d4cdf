//! How fast full text is on 100,000 documents:
//! `tests/cluster cargo run --release -p basalt-store --features testkit --example search`. Figures are of one run.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark that can't go on ends, and says its figures"
)]

use std::sync::Arc;
use std::time::Instant;

use basalt_core::filter::Filter;
use basalt_core::text::Query;
use basalt_core::{Actor, CollectionName, Document, DocumentId, FieldPath, Rev, Timestamp};
use basalt_store::catalog::SortField;
use basalt_store::testkit::TestDb;
use basalt_store::{
    CatalogChange, Decide, DocumentWrite, IndexKind, IndexSpec, List, Origin, Read, Search, Step, Store, View, Writes,
};
use serde_json::json;

const DOCUMENTS: usize = 100_000;
const BATCH: usize = 500;
const REPEATS: u32 = 20;
const CORPUS: &str = include_str!("../../../tests/corpus/search.txt");

struct Put(Vec<Arc<Document>>);

impl Decide for Put {
    type Out = ();

    fn epoch(&self) -> Option<u64> {
        None
    }

    fn step(&mut self, view: &View) -> Step<()> {
        let unread = self.0.iter().filter(|document| view.document(&collection(), &document.id).is_none());
        let reads: Vec<Read> =
            unread.map(|document| Read::Document { collection: collection(), id: document.id.clone() }).collect();
        if !reads.is_empty() {
            return Step::Need(reads);
        }
        let put = |document: &Arc<Document>| DocumentWrite::Put {
            collection: collection(),
            document: Arc::clone(document),
            previous: None,
        };
        let origin = Origin { actor: Actor::SYSTEM, request_id: "bench".into(), at: Timestamp::from_millis(0) };
        Step::Done(Writes { documents: self.0.iter().map(put).collect(), ..Writes::none(origin) }, ())
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let lines: Vec<&str> = CORPUS.lines().collect();
    for engine in ["sqlite", "postgres"] {
        let db = if engine == "sqlite" { TestDb::sqlite().await } else { TestDb::postgres().await };
        for (name, searched) in [("without an index", false), ("with an index", true)] {
            let drop = CatalogChange::Drop { name: collection() };
            if db.store.catalog().collection(&collection()).is_some() {
                db.store.define(db.store.catalog().epoch, vec![drop]).await.unwrap();
            }
            let field = |path: &str| SortField { path: FieldPath::parse(path).unwrap(), descending: false };
            let index = IndexSpec { kind: IndexKind::Search, fields: vec![field("title"), field("text")] };
            let indexes = if searched { vec![index] } else { Vec::new() };
            let put = CatalogChange::Put { name: collection(), definition: json!({}), indexes };
            db.store.define(db.store.catalog().epoch, vec![put]).await.unwrap();
            let began = Instant::now();
            for start in (0..DOCUMENTS).step_by(BATCH) {
                let documents = (start..start + BATCH).map(|n| Arc::new(document(&lines, n))).collect();
                db.store.commit(Put(documents)).await.unwrap();
            }
            println!("{engine}: {DOCUMENTS} documents written {name} in {:.1} s", began.elapsed().as_secs_f64());
        }
        for text in
            ["n31337", "手机壳", "机", "的", "apple", "a", "\"quick brown\"", "手机 充电", "东京 n4", "search in"]
        {
            measure(engine, &db.store, text).await;
        }
    }
}

async fn measure(engine: &str, store: &Store, text: &str) {
    let fields = ["title", "text"].map(|field| FieldPath::parse(field).unwrap()).to_vec();
    let search = Search { query: Query::parse(text).unwrap(), fields };
    let list = |search: &Search, count, limit| List {
        collection: collection(),
        filter: Filter::True,
        search: Some(search.clone()),
        sort: Vec::new(),
        limit,
        after: None,
        count,
    };
    let counted = store.list(list(&search, true, 30)).await.unwrap();
    let began = Instant::now();
    for _ in 0..REPEATS {
        store.list(list(&search, false, 30)).await.unwrap();
    }
    let each = began.elapsed() / REPEATS;
    println!(
        "{engine}: {text:?}: {:.2} ms a page, {} hits",
        each.as_secs_f64() * 1e3,
        counted.total.unwrap_or_default()
    );
}

/// A title of one line and a text of three, with a word of its own.
fn document(lines: &[&str], n: usize) -> Document {
    let line = |k: usize| lines[(n * 7_919 + k * 104_729 + n / 347) % lines.len()];
    let text = [line(1), line(2), line(3)].join(" ");
    let data = json!({"title": format!("{} n{n}", line(0)), "text": text, "n": n});
    let now = Timestamp::from_millis(0);
    Document {
        id: DocumentId::parse(&format!("d{n:06}")).unwrap(),
        rev: Rev::parse("r1").unwrap(),
        created_at: now,
        updated_at: now,
        data: data.as_object().cloned().unwrap(),
    }
}

fn collection() -> CollectionName {
    CollectionName::parse("notes").unwrap()
}
