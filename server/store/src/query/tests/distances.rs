//! What is near, and nearest first, by the index and exactly.

use basalt_core::filter::{Filter, Leaf, Order, Place, Scalar};
use basalt_core::geo::Point;
use basalt_core::{Code, CollectionName, FieldPath};
use serde_json::{Map, Value, json};

use super::engines::{DIALECTS, Engines};
use super::generate::Dice;
use super::plans::{plan, scans};
use super::world::{World, document, ordered, points};
use crate::query::{self, Keyset, List, Near};
use crate::sql::Dialect;

fn collection() -> CollectionName {
    CollectionName::parse("places").unwrap()
}

fn at() -> FieldPath {
    FieldPath::parse("at").unwrap()
}

/// Points around a town, over the date line and at a pole, some in one place, some none.
fn places(engines: &mut Engines, count: i64) -> World {
    let mut dice = Dice::new(17);
    let mut small = move |range: f64| (dice.below(2_000_001) as f64 / 1_000_000.0 - 1.0) * range;
    let documents = (0..count).map(|n| {
        let (lat, lng) = match n % 5 {
            0 | 1 => (35.68 + small(0.2), 139.76 + small(0.2)),
            2 => (small(0.1), if n % 2 == 0 { 179.9 + small(0.1) } else { -179.9 - small(0.1) }),
            3 => (90.0 - small(0.5).abs(), small(180.0)),
            _ => (small(80.0), small(180.0)),
        };
        let at = match n % 97 {
            0 => json!("nowhere"),
            1 => json!({"lat": 35.68, "lng": 139.76}),
            _ => json!({"lat": lat, "lng": lng}),
        };
        document(&format!("p{n:06}"), n, json!({"at": at, "kind": if n % 3 == 0 { "a" } else { "b" }}))
    });
    let mut world = World::new();
    world.add("places", &[points("at"), ordered(&[("kind", false)])], &[], documents.collect());
    world.create(engines);
    // As in service: SQLite's tables aren't analysed.
    engines.execute(Dialect::Postgres, "ANALYZE");
    world
}

fn near(point: (f64, f64), filter: Filter, limit: u32, after: Option<Keyset>) -> Near {
    let list = List { collection: collection(), filter, search: None, sort: Vec::new(), limit, after, count: false };
    Near { list, path: at(), point: Point::new(point.0, point.1).unwrap() }
}

fn page(
    engines: &mut Engines,
    world: &World,
    dialect: Dialect,
    near: &Near,
) -> (Vec<String>, Vec<f64>, Option<Keyset>) {
    let reach = query::reach_statement(&world.catalog, near, dialect).unwrap();
    let reach = engines.run(dialect, &reach);
    let statement = query::near_statement(&world.catalog, near, &reach, dialect).unwrap();
    let rows = engines.run(dialect, &statement);
    let (documents, metres, next) = query::decode_near(near, &rows).unwrap();
    (documents.iter().map(|document| document.id.to_string()).collect(), metres, next)
}

fn kind(value: &str) -> Filter {
    let place = Place::document(FieldPath::parse("kind").unwrap());
    Filter::Leaf(Leaf::Equal { place, value: Scalar::Text(value.to_owned()) })
}

#[test]
fn pages_are_nearest_first_and_cover_all_points() {
    let mut engines = Engines::open();
    let world = places(&mut engines, 600);
    let documents = &world.documents[&collection()];
    for point in [(35.68, 139.76), (0.01, 179.99), (0.0, -180.0), (90.0, 0.0), (-45.0, 10.0)] {
        for filter in [Filter::True, kind("a"), kind("none")] {
            let from = Point::new(point.0, point.1).unwrap();
            let mut expected: Vec<(i64, String)> = documents
                .iter()
                .filter(|document| filter == Filter::True || (filter == kind("a")) == (document.data["kind"] == "a"))
                .filter(|_| filter != kind("none"))
                .filter_map(|document| {
                    let place = Point::of(&document.data["at"])?.place();
                    Some((place.chord(from.place()), document.id.to_string()))
                })
                .collect();
            expected.sort();
            let expected: Vec<String> = expected.into_iter().map(|(_, id)| id).collect();
            for dialect in DIALECTS {
                let (mut found, mut far, mut after) = (Vec::new(), Vec::new(), None);
                loop {
                    let (ids, metres, next) =
                        page(&mut engines, &world, dialect, &near(point, filter.clone(), 70, after));
                    found.extend(ids);
                    far.extend(metres);
                    after = next;
                    if after.is_none() {
                        break;
                    }
                }
                assert_eq!(found, expected, "{dialect:?} {point:?} {filter:?}");
                assert!(far.is_sorted());
            }
        }
    }
    world.drop_tables(&mut engines);
}

#[test]
fn what_is_near_is_read_by_ranges_of_the_index() {
    let mut engines = Engines::open();
    let world = places(&mut engines, 20_000);
    let point = (35.68, 139.76);
    let leaf = |metres: f64| {
        let (place, point) = (Place::document(at()), Point::new(point.0, point.1).unwrap());
        Filter::Leaf(Leaf::Distance { place, point, order: Order::Lt, metres })
    };
    let list = |filter: Filter| List {
        collection: collection(),
        filter,
        search: None,
        sort: Vec::new(),
        limit: 20,
        after: None,
        count: false,
    };
    for dialect in DIALECTS {
        let within = query::list_statement(&world.catalog, &list(leaf(500.0)), dialect).unwrap();
        let either = Filter::Or(vec![leaf(500.0), kind("none")]);
        let either = query::list_statement(&world.catalog, &list(either), dialect).unwrap();
        let nearest = near(point, Filter::True, 20, None);
        let reach = query::reach_statement(&world.catalog, &nearest, dialect).unwrap();
        let rows = engines.run(dialect, &reach);
        let nearest = query::near_statement(&world.catalog, &nearest, &rows, dialect).unwrap();
        for statement in [within, either, reach, nearest] {
            let plan = plan(&mut engines, dialect, &statement);
            assert!(plan.contains("i_w0_0") && !scans(&plan), "{dialect:?}\n{plan}\n{}", statement.sql);
        }
    }
    world.drop_tables(&mut engines);
}

#[test]
fn without_an_index_that_is_built_the_reason_is_said() {
    let mut world = World::new();
    world.add("places", &[], &[], Vec::new());
    let asked = near((0.0, 0.0), Filter::True, 5, None);
    let refused = |world: &World| query::reach_statement(&world.catalog, &asked, Dialect::Sqlite).unwrap_err();
    assert_eq!(refused(&world).code(), Code::BadFilter);
    assert!(refused(&world).detail().contains("{ geo = \"at\" }"));
    let mut building = World::new();
    building.add("places", &[points("at")], &[], Vec::new());
    let held = building.catalog.collections.get_mut(&collection()).unwrap();
    let mut collection = (**held).clone();
    collection.key_columns[0].ready = false;
    *held = std::sync::Arc::new(collection);
    assert_eq!(refused(&building).code(), Code::Unavailable);
    let bad = Keyset { values: vec![Value::Object(Map::new())], id: "x".to_owned() };
    let mut ready = World::new();
    ready.add("places", &[points("at")], &[], Vec::new());
    let asked = near((0.0, 0.0), Filter::True, 5, Some(bad));
    assert_eq!(query::reach_statement(&ready.catalog, &asked, Dialect::Sqlite).unwrap_err().code(), Code::BadCursor);
}
