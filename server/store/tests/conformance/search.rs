//! Full text: what is found, and that the index is true of the documents whatever happens to them.

use basalt_core::filter::{Filter, Leaf, Order, Place, Scalar};
use basalt_core::text::Query;
use basalt_core::{Code, FieldPath};
use basalt_store::testkit::{TestDb, both};
use basalt_store::{
    CatalogChange, Count, DocumentWrite, IndexKind, IndexSpec, IndexState, List, Read, Search, Step, View, Writes,
};
use serde_json::{Value, json};

use crate::common::*;

fn searched(fields: &[&str]) -> IndexSpec {
    index(IndexKind::Search, fields)
}

fn search(text: &str, fields: &[&str]) -> List {
    let fields = fields.iter().map(|field| FieldPath::parse(field).unwrap()).collect();
    let search = Search { query: Query::parse(text).unwrap(), fields };
    let collection = name("notes");
    List {
        collection,
        filter: Filter::True,
        search: Some(search),
        sort: Vec::new(),
        limit: 500,
        after: None,
        count: false,
    }
}

async fn ids(db: &TestDb, list: List) -> Vec<String> {
    let page = db.store.list(list).await.unwrap();
    page.documents.into_iter().map(|document| document.id.to_string()).collect()
}

/// In the order of ids.
async fn found(db: &TestDb, text: &str) -> String {
    let mut ids = ids(db, search(text, &["title", "tags", "comments.text"])).await;
    ids.sort();
    ids.concat()
}

async fn filled(db: &TestDb) {
    define(db, "notes", vec![searched(&["title", "tags", "comments.text"])]).await;
    for (at, data) in [
        ("a", json!({"title": "Red shoes, size 42", "tags": ["iPhone手机壳", "東京タワー"]})),
        ("b", json!({"title": "Redder shoelaces", "comments": [{"text": "size 42"}, {"text": "nothing"}]})),
        ("c", json!({"title": "手机", "tags": "壳", "other": "Red shoes"})),
        ("d", json!({"title": 42, "tags": [["대한민국"], {"red": "red"}]})),
        ("e", json!({"tags": ["one red", "shoes two"]})),
        ("f", json!({})),
    ] {
        put(&db.store, "notes", at, data).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn words_beginnings_phrases_and_characters_are_found() {
    both(|db| async move {
        filled(&db).await;
        for (text, expected) in [
            ("red", "abe"),
            ("red shoes", "ae"),
            ("shoes red", "ae"),
            ("\"red\"", "ae"),
            ("\"red shoes\"", "a"),
            ("\"shoes red\"", ""),
            ("SHO", "abe"),
            ("sho* size", "ab"),
            ("42", "ab"),
            ("手机壳", "a"),
            ("手机", "ac"),
            ("机", "ac"),
            ("壳", "ac"),
            ("手机 壳", "ac"),
            ("手壳", ""),
            ("iphone手", "a"),
            ("タワ", "a"),
            ("ー", "a"),
            ("京タ", "a"),
            ("한민", "d"),
            ("국", "d"),
            ("size nothing", "b"),
            ("\"42 nothing\"", ""),
            ("nowhere", ""),
        ] {
            assert_eq!(found(&db, text).await, expected, "{text}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_fields_asked_for_are_looked_through() {
    both(|db| async move {
        filled(&db).await;
        assert_eq!(ids(&db, search("手机", &["title"])).await, ["c"]);
        assert_eq!(ids(&db, search("手机", &["tags"])).await, ["a"]);
        assert_eq!(ids(&db, search("手机 壳", &["title"])).await, Vec::<String>::new());
        assert_eq!(ids(&db, search("size", &["comments.text"])).await, ["b"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_best_come_first_and_pages_go_on_where_they_ended() {
    both(|db| async move {
        define(&db, "notes", vec![searched(&["title", "text"])]).await;
        for (at, title, text) in [
            ("a", "car", ""),
            ("b", "carpet", "carpet"),
            ("c", "carpet", ""),
            ("d", "", "car"),
            ("e", "car", "car"),
            ("f", "", "carpet"),
            ("g", "car", ""),
        ] {
            put(&db.store, "notes", at, json!({"title": title, "text": text, "n": 1})).await.unwrap();
        }
        let all = ["e", "g", "a", "b", "d", "c", "f"];
        assert_eq!(ids(&db, search("car", &["title", "text"])).await, all);
        for limit in 1..4 {
            let mut list = List { limit, count: true, ..search("car", &["title", "text"]) };
            let mut got = Vec::new();
            loop {
                let page = db.store.list(list.clone()).await.unwrap();
                assert_eq!(page.total, Some(7));
                got.extend(page.documents.into_iter().map(|document| document.id.to_string()));
                let Some(next) = page.next else { break };
                list.after = Some(next);
            }
            assert_eq!(got, all, "{limit}");
        }
        let sorted = List { sort: ordered(&["-title", "text"]).fields, ..search("car", &["title", "text"]) };
        assert_eq!(ids(&db, sorted).await, ["c", "b", "a", "g", "e", "d", "f"].map(str::to_owned)[..]);
        let mut foreign = search("car", &["title", "text"]);
        foreign.after = Some(basalt_store::Keyset { values: vec![json!("x")], id: "a".into() });
        assert_eq!(db.store.list(foreign).await.unwrap_err().code(), Code::BadCursor);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn filter_and_search_are_both_true_of_each_hit() {
    both(|db| async move {
        define(&db, "notes", vec![searched(&["title"]), ordered(&["n"])]).await;
        for n in 0..40 {
            let title = if n % 2 == 0 { "even number" } else { "odd number" };
            put(&db.store, "notes", &format!("n{n:02}"), json!({"title": title, "n": n % 10})).await.unwrap();
        }
        let below = Leaf::Order {
            place: Place::document(FieldPath::parse("n").unwrap()),
            order: Order::Lt,
            value: Scalar::Int(3),
        };
        let filter = Filter::Leaf(below);
        let list = List { filter: filter.clone(), ..search("even num", &["title"]) };
        let expected = ["n32", "n30", "n22", "n20", "n12", "n10", "n02", "n00"];
        assert_eq!(ids(&db, list.clone()).await, expected);
        let count = Count { collection: name("notes"), filter, search: list.search };
        assert_eq!(db.store.count(count).await.unwrap(), 8);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_index_follows_every_write() {
    both(|db| async move {
        define(&db, "notes", vec![searched(&["title", "text"])]).await;
        let hits = async |text: &str| ids(&db, search(text, &["title", "text"])).await.concat();
        put(&db.store, "notes", "a", json!({"title": "first 苹果", "text": "more"})).await.unwrap();
        assert_eq!((hits("first").await, hits("苹果").await), ("a".into(), "a".into()));
        put(&db.store, "notes", "a", json!({"title": "second", "text": "more"})).await.unwrap();
        assert_eq!(
            (hits("first").await, hits("second").await, hits("more").await),
            (String::new(), "a".into(), "a".into())
        );
        put(&db.store, "notes", "a", json!({"title": "second", "text": "more", "n": 1})).await.unwrap();
        assert_eq!(hits("second more").await, "a");
        put(&db.store, "notes", "a", json!({"text": 3})).await.unwrap();
        assert_eq!(hits("second").await, "");
        put(&db.store, "notes", "b", json!({"title": "b title"})).await.unwrap();
        assert!(delete(&db.store, "notes", "b").await.unwrap());
        assert_eq!(hits("title").await, "");
        put(&db.store, "notes", "c", json!({"title": "after"})).await.unwrap();
        assert_eq!(hits("title").await, "", "a row number that is used again brings nothing back");
        assert_eq!(hits("after").await, "c");
        put(&db.store, "notes", "b", json!({"title": "again"})).await.unwrap();
        assert_eq!(hits("again").await, "b");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_is_indexed_as_it_ends() {
    both(|db| async move {
        define(&db, "notes", vec![searched(&["title"])]).await;
        put(&db.store, "notes", "gone", json!({"title": "apple"})).await.unwrap();
        let reads = |at: &str| Read::Document { collection: name("notes"), id: id(at) };
        let many = by(move |view: &View| {
            let Some(Some(gone)) = view.document(&name("notes"), &id("gone")) else {
                return Step::Need(["gone", "x", "y"].map(reads).to_vec());
            };
            let put = |at: &str, title: &str, previous| DocumentWrite::Put {
                collection: name("notes"),
                document: document(at, &next_rev(), json!({"title": title})).into(),
                previous,
            };
            let first = put("x", "apple one", None);
            let DocumentWrite::Put { document: written, .. } = &first else { unreachable!() };
            let second = put("x", "apple two", Some(written.clone()));
            let delete = DocumentWrite::Delete { collection: name("notes"), previous: gone.clone() };
            Step::Done(Writes { documents: vec![first, second, delete, put("y", "pear", None)], ..writes() }, ())
        });
        db.store.commit(many).await.unwrap();
        assert_eq!(ids(&db, search("apple", &["title"])).await, ["x"]);
        assert_eq!(ids(&db, search("one", &["title"])).await, Vec::<String>::new());
        assert_eq!(ids(&db, search("two", &["title"])).await, ["x"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_that_comes_later_is_filled_while_documents_change() {
    both(|db| async move {
        define(&db, "notes", vec![]).await;
        for n in 0..1_100 {
            put(&db.store, "notes", &format!("n{n:04}"), json!({"title": format!("word{} 第{n}章", n % 10)}))
                .await
                .unwrap();
        }
        let none = db.store.list(search("word1", &["title"])).await.unwrap_err();
        assert_eq!(none.code(), Code::NotSearchable);
        define(&db, "notes", vec![searched(&["title"])]).await;
        for n in (0..1_100).step_by(7) {
            let at = format!("n{n:04}");
            match n % 3 {
                0 => assert!(delete(&db.store, "notes", &at).await.unwrap()),
                1 => put(&db.store, "notes", &at, json!({"title": "changed"})).await.unwrap(),
                _ => put(&db.store, "notes", &at, json!({"title": format!("word{} 第{n}章", n % 10), "n": n}))
                    .await
                    .unwrap(),
            }
        }
        db.store.indexes_built().await.unwrap();
        let state = db.store.catalog().collections[&name("notes")].indexes[0].state.clone();
        assert_eq!(state, IndexState::Ready);
        let mut expected: Vec<String> =
            (0..1_100).filter(|n| n % 10 == 3 && (n % 7 != 0 || n % 3 == 2)).map(|n| format!("n{n:04}")).collect();
        expected.reverse();
        assert_eq!(ids(&db, search("word3", &["title"])).await, expected);
        assert_eq!(ids(&db, search("第1095章", &["title"])).await, ["n1095"]);
        assert_eq!(
            ids(&db, search("changed", &["title"])).await.len(),
            (0..1_100).filter(|n| n % 7 == 0 && n % 3 == 1).count()
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_goes_with_its_option_and_its_collection() {
    both(|db| async move {
        define(&db, "notes", vec![searched(&["title"])]).await;
        put(&db.store, "notes", "a", json!({"title": "word"})).await.unwrap();
        let table = db.store.catalog().collections[&name("notes")].indexes[0].name.clone();
        define(&db, "notes", vec![]).await;
        db.store.indexes_built().await.unwrap();
        assert_eq!(db.store.list(search("word", &["title"])).await.unwrap_err().code(), Code::NotSearchable);
        put(&db.store, "notes", "b", json!({"title": "word"})).await.unwrap();
        define(&db, "notes", vec![searched(&["text", "title"])]).await;
        db.store.indexes_built().await.unwrap();
        let again = db.store.catalog().collections[&name("notes")].indexes[0].name.clone();
        assert_ne!(table, again);
        assert_eq!(ids(&db, search("word", &["title"])).await, ["b", "a"]);
        let drop = CatalogChange::Drop { name: name("notes") };
        db.store.define(db.store.catalog().epoch, vec![drop]).await.unwrap();
        db.store.indexes_built().await.unwrap();
        assert_eq!(db.store.list(search("word", &["title"])).await.unwrap_err().code(), Code::CollectionNotFound);
    })
    .await;
}

/// Longer than a part of a `tsvector`, with one token more often than it holds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_texts_are_found_to_their_end_and_across_parts() {
    both(|db| async move {
        define(&db, "notes", vec![searched(&["text"])]).await;
        let words: Vec<String> = (0..20_000).map(|n| format!("w{n}")).collect();
        let text = format!("{} {}末尾字", words.join(" "), "好好".repeat(600));
        put(&db.store, "notes", "long", json!({"text": text})).await.unwrap();
        let hits = async |text: &str| ids(&db, search(text, &["text"])).await.len();
        for start in [0, 7_930, 7_968, 7_999, 15_900, 19_960] {
            let phrase = words[start..(start + 30).min(words.len())].join(" ");
            assert_eq!(hits(&format!("\"{phrase}\"")).await, 1, "{start}");
        }
        assert_eq!(hits("\"w7999 w8001\"").await, 0);
        assert_eq!(hits("w1 w19999 末").await, 1);
        assert_eq!(hits("好好好好好好").await, 1);
        assert_eq!(hits("好好末尾字").await, 1);
        assert_eq!(hits("好末字").await, 0);
        let beyond = format!("{} needle", "x ".repeat(basalt_core::text::DOCUMENT_TOKENS));
        put(&db.store, "notes", "beyond", json!({"text": beyond})).await.unwrap();
        assert_eq!((hits("needle").await, hits("x").await), (0, 1));
    })
    .await;
}

/// A value of every type, and texts that mean something to SQL, FTS5 or `tsvector`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn odd_texts_are_only_texts() {
    both(|db| async move {
        define(&db, "notes", vec![searched(&["title"])]).await;
        let odd = [
            "'; DROP TABLE x; --",
            "a & b | !c <-> d:*",
            "f0 : NEAR(x y) AND OR NOT",
            "\\' \" `",
            "\u{e000} \u{1f600} \u{200b}",
        ];
        for (n, text) in odd.iter().enumerate() {
            put(&db.store, "notes", &format!("o{n}"), json!({"title": text})).await.unwrap();
        }
        put(&db.store, "notes", "types", json!({"title": [1, null, true, {"a": "b"}, [["deep"]]]})).await.unwrap();
        let hits = async |text: &str| ids(&db, search(text, &["title"])).await;
        assert_eq!(hits("'; drop table").await, ["o0"]);
        assert_eq!(hits("a & !c:*").await, ["o1"]);
        assert_eq!(hits("NEAR(x y) and or not").await, ["o2"]);
        assert_eq!(hits("f0").await, ["o2"]);
        assert_eq!(hits("deep").await, ["types"]);
        assert_eq!(hits("true").await, Vec::<String>::new());
        let value: Value = get(&db.store, "notes", "o4").await.unwrap().data["title"].clone();
        assert_eq!(value, json!(odd[4]));
    })
    .await;
}
