//! Pages put together are the whole, in the order of keys, whatever the fields hold and whichever are indexed.

use std::cmp::Ordering;

use basalt_core::filter::{Filter, Leaf, Place, Root, Scalar};
use basalt_core::{CollectionName, Document, FieldPath, key};
use serde_json::{Value, json};

use super::engines::{DIALECTS, Engines};
use super::generate::{self, Dice};
use super::longer;
use super::naive::{Collections, Naive};
use super::world::{World, document, flat, ordered, sort};
use crate::catalog::{IndexKind, IndexSpec, SortField};
use crate::query::branches::split;
use crate::query::condition::{Condition, Form};
use crate::query::{Keyset, List};
use crate::sql::Dialect;

fn list(filter: Filter, sort: Vec<SortField>, limit: u32) -> List {
    let collection = CollectionName::parse("one").unwrap();
    List { collection, filter, search: None, sort, limit, after: None, count: false }
}

/// All pages, one after the other.
fn all_pages(engines: &mut Engines, world: &World, dialect: Dialect, list: &List) -> Vec<String> {
    let mut list = list.clone();
    let mut ids = Vec::new();
    loop {
        let page = world.list(engines, dialect, &list).unwrap();
        assert!(page.documents.len() <= list.limit as usize);
        assert!(page.next.is_none() || page.documents.len() == list.limit as usize);
        ids.extend(page.documents.iter().map(|document| document.id.to_string()));
        match page.next {
            None => return ids,
            // As a cursor has it.
            Some(next) => {
                let text = serde_json::to_string(&next).unwrap();
                list.after = Some(serde_json::from_str::<Keyset>(&text).unwrap());
            }
        }
    }
}

/// By the keys of the values; a field without an index orders long texts by their beginning alone.
fn expected(world: &World, list: &List) -> Vec<String> {
    let collections: Collections = world.documents.iter().map(|(name, all)| (name.clone(), flat(all))).collect();
    let naive = Naive { collections: &collections };
    let collection = &world.catalog.collections[&list.collection];
    let matches = |document: &&Document| naive.evaluate(&list.filter, &Value::Object(document.to_flat())) == Some(true);
    let mut documents: Vec<&Document> = world.documents[&list.collection].iter().filter(matches).collect();
    let key_of = |document: &Document, path: &FieldPath| {
        let mut key = key::of(key::at(&document.to_flat(), path));
        let indexed = collection.key_columns.iter().any(|column| column.ready && column.path == *path);
        if !indexed {
            key.truncate(1 + key::TEXT_PREFIX);
        }
        key
    };
    let by_id = |a: &Document, b: &Document| a.id.cmp(&b.id);
    documents.sort_by(|a, b| {
        let by_field = |field: &SortField| {
            let ordering = key_of(a, &field.path).cmp(&key_of(b, &field.path));
            if field.descending { ordering.reverse() } else { ordering }
        };
        let descending = list.sort.last().is_some_and(|field| field.descending);
        let tie = if descending { by_id(b, a) } else { by_id(a, b) };
        list.sort.iter().map(by_field).find(|ordering| *ordering != Ordering::Equal).unwrap_or(tie)
    });
    documents.iter().map(|document| document.id.to_string()).collect()
}

#[test]
fn pages_are_the_whole_in_order() {
    let mut engines = Engines::open();
    for seed in 0..6 * longer() {
        let mut dice = Dice::new(1_000 + seed);
        let mut world = World::new();
        let indexes = generate::indexes(&mut dice);
        let documents = generate::documents(&mut dice, 40);
        world.add("one", &indexes, &[], documents);
        world.add("two", &[], &[], generate::documents(&mut dice, 10));
        world.create(&mut engines);
        for _ in 0..30 {
            let mut fields: Vec<SortField> = (0..dice.below(4))
                .map(|_| SortField { path: generate::path(&mut dice), descending: dice.one_in(2) })
                .collect();
            // An index's own fields come up more often than by chance.
            if let Some(index) = indexes.first().filter(|index| index.kind != IndexKind::Contains && dice.one_in(3)) {
                fields.clone_from(&index.fields);
            }
            let filter = if dice.one_in(3) { Filter::True } else { generate::filter(&mut dice, 2, 0) };
            let list = list(filter, fields, u32::try_from(1 + dice.below(9)).unwrap());
            let expected = expected(&world, &list);
            for dialect in DIALECTS {
                let got = all_pages(&mut engines, &world, dialect, &list);
                assert_eq!(got, expected, "seed {seed}, {dialect:?}: {list:?}");
                assert_eq!(world.count(&mut engines, dialect, &list), expected.len() as u64, "{dialect:?}: {list:?}");
            }
        }
        world.drop_tables(&mut engines);
    }
}

/// Every kind of value before and behind every other, indexed and not.
#[test]
fn a_page_may_end_at_any_value() {
    let x = "x".repeat(256);
    let values = [
        json!(null),
        json!(false),
        json!(true),
        json!(-1),
        json!(0),
        json!(0.5),
        json!(9_007_199_254_740_993_i64),
        json!(1e300),
        json!(""),
        json!("\""),
        json!("é"),
        json!(x),
        json!(format!("{x}y")),
        json!(format!("{x}z")),
        json!([]),
        json!({}),
    ];
    let mut engines = Engines::open();
    for indexes in [vec![], vec![ordered(&[("v", false)])]] {
        let mut world = World::new();
        let held = values.iter().map(|value| json!({"v": value})).chain([json!({}), json!({})]);
        let documents = held.zip(0..).map(|(data, n)| document(&format!("d{n}"), n, data)).collect();
        world.add("one", &indexes, &[], documents);
        world.create(&mut engines);
        for fields in
            [&[("v", false)][..], &[("v", true)], &[("v", true), ("id", false)], &[("v", false), ("rev", true)]]
        {
            let list = list(Filter::True, sort(fields), 1);
            let expected = expected(&world, &list);
            for dialect in DIALECTS {
                assert_eq!(all_pages(&mut engines, &world, dialect, &list), expected, "{dialect:?}: {fields:?}");
            }
        }
        world.drop_tables(&mut engines);
    }
}

#[test]
fn pages_stay_right_while_documents_come() {
    let mut engines = Engines::open();
    for (indexes, descending) in [(vec![ordered(&[("n", true)])], true), (Vec::new(), false)] {
        let mut world = World::new();
        let documents = (0..30).map(|n| document(&format!("d{n:02}"), n, json!({"n": n / 4 * 10}))).collect();
        world.add("one", &indexes, &[], documents);
        world.create(&mut engines);
        let mut pages = DIALECTS.map(|_| Vec::new());
        let mut lists = DIALECTS.map(|_| list(Filter::True, sort(&[("n", descending)]), 7));
        let before: Vec<String> = expected(&world, &lists[0]);
        for round in 0..5 {
            for (at, dialect) in DIALECTS.into_iter().enumerate() {
                let page = world.list(&mut engines, dialect, &lists[at]).unwrap();
                pages[at].extend(page.documents.iter().map(|document| document.id.to_string()));
                lists[at].after = page.next;
            }
            // On both sides of where the page ended, and among its ties.
            for n in [-5, 20, 21, 200] {
                world.insert(&mut engines, "one", document(&format!("new{round}_{}", n + 5), 1, json!({"n": n})));
            }
        }
        for page in pages {
            let old: Vec<String> = page.into_iter().filter(|id| id.starts_with('d')).collect();
            let expected = before.iter().take(old.len());
            assert!(old.len() >= 20 && old.iter().eq(expected), "{old:?} of {before:?}");
        }
        world.drop_tables(&mut engines);
    }
}

/// Filters that split into branches give what they give unsplit.
#[test]
fn branches_are_the_whole() {
    let mut engines = Engines::open();
    let mut split_filters = 0;
    for seed in 0..5 * longer() {
        let mut dice = Dice::new(5_000 + seed);
        let documents: Vec<Document> = (0..60)
            .map(|n| {
                let mut letter = || *dice.pick(&["x", "y", "z"]);
                let data = json!({"a": letter(), "b": letter(), "l": [letter(), letter()], "n": n % 7});
                document(&format!("d{n}"), n, data)
            })
            .collect();
        let mut world = World::new();
        let contains = IndexSpec { kind: IndexKind::Contains, fields: sort(&[("l", false)]) };
        let indexes =
            [ordered(&[("a", false), ("n", false)]), ordered(&[("b", false)]), ordered(&[("n", true)]), contains];
        world.add("one", &indexes, &[], documents);
        world.create(&mut engines);
        for _ in 0..40 {
            let filter = branching(&mut dice, 3);
            let sort = if dice.one_in(4) { Vec::new() } else { sort(&[("n", dice.one_in(2))]) };
            let list = list(filter, sort, 8);
            let collection = &world.catalog.collections[&list.collection];
            let branches = split(&Condition::of(&list.filter, Form::True), Some(&list.sort), collection).len();
            split_filters += u32::from(branches > 1);
            let expected = expected(&world, &list);
            for dialect in DIALECTS {
                let got = all_pages(&mut engines, &world, dialect, &list);
                assert_eq!(got, expected, "{dialect:?} in {branches} branches: {list:?}");
                assert_eq!(world.count(&mut engines, dialect, &list), expected.len() as u64, "{dialect:?}: {list:?}");
            }
        }
        world.drop_tables(&mut engines);
    }
    assert!(split_filters > 50, "{split_filters}");
}

fn branching(dice: &mut Dice, depth: usize) -> Filter {
    let place = |name: &str| Place::document(FieldPath::parse(name).unwrap());
    let letter = |dice: &mut Dice| Scalar::Text((*dice.pick(&["x", "y", "z", "none"])).to_owned());
    let parts = |dice: &mut Dice| (0..2 + dice.below(2)).map(|_| branching(dice, depth - 1)).collect();
    match dice.below(if depth == 0 { 6 } else { 10 }) {
        0 => Filter::Leaf(Leaf::Equal { place: place("a"), value: letter(dice) }),
        1 => Filter::Leaf(Leaf::Equal { place: place("b"), value: letter(dice) }),
        2 => Filter::Leaf(Leaf::Contains { place: place("l"), value: letter(dice) }),
        3 => Filter::Leaf(Leaf::In { place: place("a"), values: (0..dice.below(4)).map(|_| letter(dice)).collect() }),
        4 => Filter::Leaf(Leaf::Equal { place: place("id"), value: Scalar::Text(format!("d{}", dice.below(60))) }),
        5 => {
            let element = Place { root: Root::Element(0), path: FieldPath::from_names(Vec::new()) };
            let equal = Filter::Leaf(Leaf::Equal { place: element, value: letter(dice) });
            Filter::Leaf(Leaf::Any { place: place("l"), filter: Box::new(equal) })
        }
        6..=8 => Filter::Or(parts(dice)),
        _ => Filter::And(parts(dice)),
    }
}

#[test]
fn a_foreign_keyset_is_refused() {
    let mut engines = Engines::open();
    let mut world = World::new();
    world.add("one", &[], &[], Vec::new());
    world.create(&mut engines);
    let mut list = list(Filter::True, sort(&[("n", false)]), 5);
    for values in [json!([]), json!([1, 2]), json!([{"key": "zz"}]), json!([{"key": "04"}]), json!(["\u{0}"])] {
        list.after = Some(Keyset { values: values.as_array().unwrap().clone(), id: "d1".into() });
        for dialect in DIALECTS {
            let error = world.list(&mut engines, dialect, &list).map(|_| ()).unwrap_err();
            assert_eq!(error.code(), basalt_core::Code::BadCursor, "{values}");
        }
    }
}
