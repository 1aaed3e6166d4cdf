//! Every filter on every document, true, false or an error: alike on SQLite, on PostgreSQL and by what filters mean.

use std::fmt::Write as _;

use basalt_core::filter::{Filter, Leaf, Order, Place, Scalar, TextTest};
use basalt_core::{CollectionName, FieldPath};
use serde_json::{Value, json};

use super::engines::{DIALECTS, Engines};
use super::generate::{self, Dice};
use super::longer;
use super::naive::{Collections, Naive};
use super::world::{World, document, flat, ordered};
use crate::query::condition::Form;
use crate::query::dialect::Json;
use crate::query::print::{Printer, Scope};
use crate::sql::{Dialect, SqlValue};

const FILTERS: usize = 250;
const DOCUMENTS: usize = 30;

#[test]
fn filters_mean_the_same_everywhere() {
    let mut engines = Engines::open();
    let mut seen = [0_u32; 3];
    for seed in 0..10 * longer() {
        let mut dice = Dice::new(seed);
        let world = random_world(&mut dice);
        world.create(&mut engines);
        let collections: Collections =
            world.documents.iter().map(|(name, documents)| (name.clone(), flat(documents))).collect();
        for _ in 0..FILTERS {
            let filter = generate::filter(&mut dice, 4, 0);
            if let Err(difference) = compare(&mut engines, &world, &collections, &filter, &mut seen) {
                let least = smaller(&mut engines, &world, &collections, &filter).unwrap_or(difference);
                panic!("seed {seed}: {least}");
            }
        }
        world.drop_tables(&mut engines);
    }
    // The generator is of use only while all three come up often.
    let total: u32 = seen.iter().sum();
    assert!(seen.iter().all(|count| count * 10 > total), "false, error, true: {seen:?}");
}

fn random_world(dice: &mut Dice) -> World {
    let mut world = World::new();
    for name in ["one", "two"] {
        let unready = if dice.one_in(2) { vec![generate::path(dice)] } else { Vec::new() };
        let indexes: Vec<_> = generate::indexes(dice)
            .into_iter()
            .filter(|index| index.fields.iter().all(|field| !unready.contains(&field.path)))
            .collect();
        let documents = generate::documents(dice, DOCUMENTS);
        world.add(name, &indexes, &unready, documents);
    }
    world
}

/// Both forms of the filter on all documents of `one`.
fn compare(
    engines: &mut Engines,
    world: &World,
    collections: &Collections,
    filter: &Filter,
    seen: &mut [u32; 3],
) -> Result<(), String> {
    let name = CollectionName::parse("one").unwrap();
    let collection = &world.catalog.collections[&name];
    let naive = Naive { collections };
    for dialect in DIALECTS {
        let mut printer = Printer::new(&world.catalog, dialect);
        let scope = Scope::new(collection, "t");
        let (yes, no) = (printer.filter(filter, Form::True, &scope), printer.filter(filter, Form::False, &scope));
        let sql = format!("SELECT t.id, ({yes}), ({no}) FROM c_{} AS t", collection.short_id);
        let statement = printer.finish(&sql).unwrap();
        for row in engines.run(dialect, &statement) {
            let [SqlValue::Text(id), SqlValue::Int(yes), SqlValue::Int(no)] = row.as_slice() else {
                return Err(format!("{dialect:?} gave {row:?} for {filter:?}\n{}", statement.sql));
            };
            let document = Value::Object(collections[&name][id].clone());
            let expected = naive.evaluate(filter, &document);
            let got = match (yes, no) {
                (1, 0) => Some(true),
                (0, 1) => Some(false),
                (0, 0) => None,
                _ => return Err(format!("{dialect:?}: both true and false: {filter:?}")),
            };
            seen[expected.map_or(1, |value| if value { 2 } else { 0 })] += 1;
            if got != expected {
                let mut message = String::new();
                writeln!(message, "{dialect:?} says {got:?} instead of {expected:?} for {filter:?}").unwrap();
                writeln!(message, "on {document}\n{}\n{:?}", statement.sql, statement.values).unwrap();
                return Err(message);
            }
        }
    }
    Ok(())
}

/// The smallest part that already differs.
fn smaller(engines: &mut Engines, world: &World, collections: &Collections, filter: &Filter) -> Option<String> {
    let parts: Vec<&Filter> = match filter {
        Filter::And(parts) | Filter::Or(parts) => parts.iter().collect(),
        Filter::Not(inner) => vec![inner],
        Filter::True | Filter::False | Filter::Error | Filter::Leaf(_) => Vec::new(),
    };
    parts.into_iter().find_map(|part| {
        let difference = compare(engines, world, collections, part, &mut [0; 3]).err()?;
        Some(smaller(engines, world, collections, part).unwrap_or(difference))
    })
}

/// Keys cut them: they are ordered, and searched for beginnings, in the JSON.
#[test]
fn long_texts_mean_the_same_everywhere() {
    let x = "x".repeat(256);
    let long: Vec<String> = ["", "a", "b", "ab", "aa"].iter().map(|end| format!("{x}{end}")).collect();
    let short: Vec<String> = [&x[..255], &x[..254], "x", ""].iter().map(|text| (*text).to_owned()).collect();
    let texts: Vec<String> = long.into_iter().chain(short).collect();
    let documents = texts.iter().zip(0..).map(|(text, n)| document(&format!("d{n}"), n, json!({"t": text}))).collect();
    let mut world = World::new();
    world.add("one", &[ordered(&[("t", false)])], &[], documents);
    let mut engines = Engines::open();
    world.create(&mut engines);
    let collections: Collections =
        world.documents.iter().map(|(name, documents)| (name.clone(), flat(documents))).collect();
    let place = Place::document(FieldPath::parse("t").unwrap());
    for text in &texts {
        let mut leaves = vec![Leaf::Equal { place: place.clone(), value: Scalar::Text(text.clone()) }];
        for order in [Order::Lt, Order::Le, Order::Gt, Order::Ge] {
            leaves.push(Leaf::Order { place: place.clone(), order, value: Scalar::Text(text.clone()) });
        }
        for test in [TextTest::StartsWith, TextTest::EndsWith, TextTest::Contains] {
            leaves.push(Leaf::Text { place: place.clone(), test, value: text.clone() });
        }
        for leaf in leaves {
            compare(&mut engines, &world, &collections, &Filter::Leaf(leaf), &mut [0; 3]).unwrap();
        }
    }
}

#[test]
fn floats_in_json_are_read_as_they_were_written() {
    let mut engines = Engines::open();
    let mut dice = Dice::new(7);
    for _ in 0..20_000 * longer() {
        let float = f64::from_bits(dice.next());
        if !float.is_finite() {
            continue;
        }
        let text = Value::from(float).to_string();
        let statement = crate::sql::Statement {
            sql: format!("SELECT {} = ?2", Json::column(Dialect::Sqlite, "?1").number()),
            values: vec![SqlValue::Text(text.clone()), SqlValue::Float(float)],
        };
        assert_eq!(engines.run(Dialect::Sqlite, &statement), [[SqlValue::Int(1)]], "{text}");
    }
}
