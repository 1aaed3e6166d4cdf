//! What statements look like.

use basalt_core::filter::{Filter, Leaf, Order, Place, Scalar};
use basalt_core::{Code, CollectionName, FieldPath, key};
use serde_json::json;

use super::world::{World, contains, ordered, sort};
use crate::query::condition::Form;
use crate::query::print::{Printer, Scope};
use crate::query::{self, Keyset, List, SortField};
use crate::sql::{Dialect, SqlValue, Statement};

fn world() -> World {
    let mut world = World::new();
    let indexes = [ordered(&[("owner", false), ("n", true)]), contains("tags")];
    let unready = [FieldPath::parse("late").unwrap()];
    world.add("one", &indexes, &unready, Vec::new());
    world
}

fn place(name: &str) -> Place {
    Place::document(FieldPath::parse(name).unwrap())
}

fn text(text: &str) -> Scalar {
    Scalar::Text(text.to_owned())
}

fn print(leaf: Leaf, form: Form, dialect: Dialect) -> Statement {
    let world = world();
    let collection = &world.catalog.collections[&CollectionName::parse("one").unwrap()];
    let mut printer = Printer::new(&world.catalog, dialect);
    let sql = printer.filter(&Filter::Leaf(leaf), form, &Scope::new(collection, "t"));
    printer.finish(&sql).unwrap()
}

fn list(filter: Filter, sort: Vec<SortField>, after: Option<Keyset>, dialect: Dialect) -> String {
    let collection = CollectionName::parse("one").unwrap();
    let list = List { collection, filter, search: None, sort, limit: 9, after, count: false };
    query::list_statement(&world().catalog, &list, dialect).unwrap().sql
}

#[test]
fn an_indexed_field_is_compared_by_its_key_alike_on_both_engines() {
    let equal = Leaf::Equal { place: place("owner"), value: text("u1") };
    let key = SqlValue::Bytes(key::of(Some(&json!("u1"))));
    let sqlite = print(equal.clone(), Form::True, Dialect::Sqlite);
    assert_eq!((sqlite.sql.as_str(), sqlite.values.as_slice()), ("t.k_1 = ?1", &[key.clone()][..]));
    let postgres = print(equal.clone(), Form::False, Dialect::Postgres);
    assert_eq!(postgres.sql, "(t.k_1 > $1 AND t.k_1 <> $2)");
    assert_eq!(postgres.values, [SqlValue::Bytes(vec![key::MISSING]), key]);

    let above = Leaf::Order { place: place("n"), order: Order::Gt, value: Scalar::Int(5) };
    assert_eq!(print(above.clone(), Form::True, Dialect::Sqlite).sql, "(t.k_2 > ?1 AND t.k_2 < ?2)");
    assert_eq!(print(above, Form::False, Dialect::Sqlite).sql, "(t.k_2 <= ?1 AND t.k_2 >= ?2)");
}

#[test]
fn names_and_constants_are_bound() {
    let hostile = FieldPath::from_names(vec!["a\"'); DROP".to_owned(), "$.x".to_owned()]);
    let equal = Leaf::Equal { place: Place::document(hostile), value: text("'; --") };
    let sqlite = print(equal.clone(), Form::True, Dialect::Sqlite);
    let expected = "CASE json_type(t.data, ?1) WHEN 'text' THEN json_extract(t.data, ?1) = ?2 ELSE FALSE END";
    assert_eq!(sqlite.sql, expected);
    let path = SqlValue::Text(r#"$."a\"'); DROP"."$.x""#.to_owned());
    assert_eq!(sqlite.values, [path, SqlValue::Text("'; --".to_owned())]);
    let postgres = print(equal, Form::True, Dialect::Postgres);
    let expected = "CASE jsonb_typeof((t.data -> $1 -> $2)) WHEN 'string' THEN \
                    ((t.data -> $1 -> $2) #>> '{}') COLLATE \"C\" = $3 ELSE FALSE END";
    assert_eq!(postgres.sql, expected);
}

#[test]
fn a_column_that_is_not_filled_is_not_used() {
    let equal = Leaf::Equal { place: place("late"), value: Scalar::Bool(true) };
    assert!(print(equal, Form::True, Dialect::Sqlite).sql.contains("json_type"));
    assert!(list(Filter::True, sort(&[("late", false)]), None, Dialect::Sqlite).contains("json_type"));
}

#[test]
fn a_contains_index_is_its_side_table() {
    let tagged = Leaf::Contains { place: place("tags"), value: text("x") };
    let sql = print(tagged, Form::True, Dialect::Sqlite).sql;
    assert_eq!(sql, "t.id IN (SELECT s1.id FROM s_w0_1 AS s1 WHERE s1.k = ?1)");
}

#[test]
fn a_keyset_is_one_comparison_of_rows_unless_directions_differ() {
    let after = || Some(Keyset { values: vec![json!("u1"), json!({})], id: "d1".to_owned() });
    let same = list(Filter::True, sort(&[("owner", true), ("n", true)]), after(), Dialect::Sqlite);
    assert!(
        same.contains("WHERE (t.k_1, t.k_2, t.id) < (?1, ?2, ?3) ORDER BY t.k_1 DESC, t.k_2 DESC, t.id DESC"),
        "{same}"
    );
    let mixed = list(Filter::True, sort(&[("owner", false), ("n", true)]), after(), Dialect::Postgres);
    let expected = "WHERE (t.k_1 >= $1 AND (t.k_1 > $1 OR (t.k_2 <= $2 AND (t.k_2 < $2 OR t.id < $3)))) \
                    ORDER BY t.k_1, t.k_2 DESC, t.id DESC LIMIT 10";
    assert!(mixed.contains(expected), "{mixed}");
}

#[test]
fn too_many_values_and_unknown_collections_are_refused() {
    let place = place("x");
    let many = Leaf::In { place, values: (0..40_000).map(Scalar::Int).collect() };
    let collection = |name: &str| CollectionName::parse(name).unwrap();
    let world = world();
    let count = |name: &str, filter: &Filter| {
        query::count_statement(&world.catalog, &collection(name), filter, None, Dialect::Sqlite).unwrap_err().code()
    };
    assert_eq!(count("one", &Filter::Leaf(many)), Code::BadFilter);
    assert_eq!(count("nowhere", &Filter::True), Code::CollectionNotFound);
}
