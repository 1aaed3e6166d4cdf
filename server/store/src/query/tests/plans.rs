//! What the engines do with the statements: they use the indexes that are there for them.

use std::collections::BTreeSet;

use basalt_core::filter::{Filter, Leaf, Order, Place, Root, Scalar};
use basalt_core::{CollectionName, FieldPath};
use serde_json::json;

use super::engines::{DIALECTS, Engines};
use super::world::{World, contains, document, ordered, sort};
use crate::known::Known;
use crate::query::{self, Access, List, SortField};
use crate::sql::{Dialect, SqlValue, Statement};

fn place(name: &str) -> Place {
    Place::document(FieldPath::parse(name).unwrap())
}

fn equal(name: &str, value: &str) -> Filter {
    Filter::Leaf(Leaf::Equal { place: place(name), value: Scalar::Text(value.to_owned()) })
}

fn member(value: &str, name: &str) -> Filter {
    Filter::Leaf(Leaf::Contains { place: place(name), value: Scalar::Text(value.to_owned()) })
}

/// `doc.shared.exists(e, e == user)`
fn shares(user: &str) -> Filter {
    let element = Place { root: Root::Element(0), path: FieldPath::from_names(Vec::new()) };
    let equal = Filter::Leaf(Leaf::Equal { place: element, value: Scalar::Text(user.to_owned()) });
    Filter::Leaf(Leaf::Any { place: place("shared"), filter: Box::new(equal) })
}

fn one_of(name: &str, values: &[&str]) -> Filter {
    let values = values.iter().map(|value| Scalar::Text((*value).to_owned())).collect();
    Filter::Leaf(Leaf::In { place: place(name), values })
}

fn list(filter: Filter, sort: Vec<SortField>) -> List {
    let collection = CollectionName::parse("notes").unwrap();
    List { collection, filter, search: None, sort, limit: 20, after: None, count: false }
}

/// 20,000 notes of 100 owners, of which a third is open, shared with three of 2,000 users each.
fn notes(engines: &mut Engines) -> World {
    let mut world = World::new();
    let documents = (0..20_000)
        .map(|n| {
            let status = ["open", "done", "late"][n % 3];
            let shared: Vec<String> = (0..3).map(|k| format!("u{}", (n * 7 + k * 13) % 2_000)).collect();
            let data = json!({"owner": format!("u{}", n % 100), "status": status, "shared": shared, "n": n});
            document(&format!("n{n:05}"), i64::try_from((n * 7_919) % 20_000).unwrap(), data)
        })
        .collect();
    let indexes = [
        ordered(&[("owner", false), ("status", false), ("createdAt", true)]),
        ordered(&[("owner", false), ("createdAt", true)]),
        ordered(&[("status", false), ("createdAt", true)]),
        contains("shared"),
    ];
    world.add("notes", &indexes, &[], documents);
    world.create(engines);
    engines.execute(Dialect::Sqlite, "ANALYZE");
    engines.execute(Dialect::Postgres, "ANALYZE");
    world
}

pub(super) fn plan(engines: &mut Engines, dialect: Dialect, statement: &Statement) -> String {
    let explain = match dialect {
        Dialect::Sqlite => "EXPLAIN QUERY PLAN ",
        Dialect::Postgres => "EXPLAIN ",
    };
    let explained = Statement { sql: format!("{explain}{}", statement.sql), values: statement.values.clone() };
    let rows = engines.run(dialect, &explained);
    let lines: Vec<&str> = rows
        .iter()
        .map(|row| match row.last() {
            Some(SqlValue::Text(line)) => line.as_str(),
            other => panic!("{other:?}"),
        })
        .collect();
    lines.join("\n")
}

/// Whether all notes are read.
pub(super) fn scans(plan: &str) -> bool {
    plan.lines().any(|line| line.contains("SCAN t") || line.contains("Seq Scan on c_"))
}

fn sorts(plan: &str) -> bool {
    plan.contains("TEMP B-TREE FOR ORDER BY") || plan.contains("Sort")
}

#[test]
fn a_row_that_was_read_is_written_without_another_look_into_an_index() {
    let mut engines = Engines::open();
    let world = notes(&mut engines);
    let known = Known::new(world.catalog.clone(), Dialect::Sqlite);
    let sql = &known.tables(&CollectionName::parse("notes").unwrap()).unwrap().sql;
    for (update, values) in [(&sql.update, 9), (&sql.update_body, 6)] {
        let statement = Statement { sql: update.clone(), values: vec![SqlValue::Null; values] };
        let plan = plan(&mut engines, Dialect::Sqlite, &statement);
        assert!(plan.contains("USING INTEGER PRIMARY KEY (rowid=?)"), "{plan}\n{update}");
    }
}

#[test]
fn owner_status_order_limit_reads_a_page_of_one_index() {
    let mut engines = Engines::open();
    let world = notes(&mut engines);
    let filter = Filter::And(vec![equal("owner", "u7"), equal("status", "open")]);
    let mut list = list(filter, sort(&[("createdAt", true)]));
    for dialect in DIALECTS {
        let mut pages = 0;
        list.after = None;
        loop {
            let statement = query::list_statement(&world.catalog, &list, dialect).unwrap();
            let plan = plan(&mut engines, dialect, &statement);
            assert!(plan.contains("i_w0_0") && !scans(&plan), "{plan}\n{}", statement.sql);
            // PostgreSQL would rather sort the few rows of the last pages.
            assert!(!sorts(&plan) || (dialect == Dialect::Postgres && pages > 0), "{plan}\n{}", statement.sql);
            pages += 1;
            let page = world.list(&mut engines, dialect, &list).unwrap();
            match page.next {
                Some(next) => list.after = Some(next),
                None => break,
            }
        }
        assert_eq!(pages, 4);
    }
}

#[test]
fn a_disjunction_of_indexed_fields_is_a_union_of_pages() {
    let mut engines = Engines::open();
    let world = notes(&mut engines);
    let either = Filter::Or(vec![equal("owner", "u7"), equal("status", "none"), shares("u9")]);
    let filter = Filter::And(vec![either, Filter::Leaf(Leaf::Has { place: place("n") })]);
    let list = list(filter, sort(&[("createdAt", true)]));
    for dialect in DIALECTS {
        let statement = query::list_statement(&world.catalog, &list, dialect).unwrap();
        let plan = plan(&mut engines, dialect, &statement);
        for index in ["i_w0_1", "i_w0_2", "s_w0_3"] {
            assert!(plan.contains(index), "{index} is not in\n{plan}\n{}", statement.sql);
        }
        assert!(!scans(&plan), "{plan}");
    }
}

#[test]
fn counts_and_aggregates_of_a_disjunction_use_its_indexes() {
    let mut engines = Engines::open();
    let world = notes(&mut engines);
    let filter = Filter::Or(vec![equal("owner", "u7"), member("u9", "shared")]);
    let collection = CollectionName::parse("notes").unwrap();
    for dialect in DIALECTS {
        let count = query::count_statement(&world.catalog, &collection, &filter, None, dialect).unwrap();
        let aggregate = query::Aggregate {
            collection: collection.clone(),
            filter: filter.clone(),
            group_by: vec![query::GroupKey {
                name: "status".to_owned(),
                path: FieldPath::parse("status").unwrap(),
                bucket: None,
            }],
            having: Filter::True,
            measures: Vec::new(),
            sort: Vec::new(),
            limit: 10,
            offset: 0,
        };
        let aggregate = query::aggregate_statement(&world.catalog, &aggregate, dialect).unwrap();
        for statement in [count, aggregate] {
            let plan = plan(&mut engines, dialect, &statement);
            assert!(plan.contains("i_w0_0") || plan.contains("i_w0_1"), "{plan}");
            assert!(plan.contains("s_w0_3") && !scans(&plan), "{plan}\n{}", statement.sql);
        }
    }
}

#[test]
fn values_of_in_are_merged_from_an_ordered_index() {
    let mut engines = Engines::open();
    let world = notes(&mut engines);
    let list = list(one_of("status", &["open", "late"]), sort(&[("createdAt", true)]));
    for dialect in DIALECTS {
        let statement = query::list_statement(&world.catalog, &list, dialect).unwrap();
        let plan = plan(&mut engines, dialect, &statement);
        assert!(plan.matches("i_w0_2").count() >= 2 && !scans(&plan), "{plan}\n{}", statement.sql);
    }
}

#[test]
fn an_id_is_found_by_its_key() {
    let mut engines = Engines::open();
    let world = notes(&mut engines);
    let list = list(one_of("id", &["n00001", "n00500"]), Vec::new());
    for dialect in DIALECTS {
        let statement = query::list_statement(&world.catalog, &list, dialect).unwrap();
        let plan = plan(&mut engines, dialect, &statement);
        assert!(!scans(&plan), "{plan}\n{}", statement.sql);
        assert_eq!(world.list(&mut engines, dialect, &list).unwrap().documents.len(), 2);
    }
}

#[test]
fn explain_names_indexes_and_the_fields_that_lack_one() {
    let mut engines = Engines::open();
    let world = notes(&mut engines);
    let collection = CollectionName::parse("notes").unwrap();
    let by_time = sort(&[("createdAt", true)]);
    let explain = |filter: &Filter| query::explain(&world.catalog, &collection, filter, &by_time).unwrap().branches;

    let both = Filter::And(vec![equal("status", "open"), equal("owner", "u1")]);
    let branches = explain(&both);
    assert_eq!(branches[0].access, Access::Index("i_w0_0".into()));
    assert!(branches[0].ordered);

    let above = Filter::Leaf(Leaf::Order { place: place("n"), order: Order::Gt, value: Scalar::Int(3) });
    let either = Filter::And(vec![
        Filter::Or(vec![equal("owner", "u1"), member("u1", "shared"), above]),
        Filter::Leaf(Leaf::Has { place: place("n") }),
    ]);
    let branches = explain(&either);
    let accesses: Vec<&Access> = branches.iter().map(|branch| &branch.access).collect();
    assert_eq!(accesses[..2], [&Access::Index("i_w0_1".into()), &Access::Index("s_w0_3".into())]);
    assert_eq!(*accesses[2], Access::Scan);
    let lacking: BTreeSet<String> = branches[2].unindexed.iter().map(ToString::to_string).collect();
    assert_eq!(lacking, BTreeSet::from(["n".to_owned()]));
    assert_eq!(branches[2].suggestion, Some(ordered(&[("createdAt", true)])));
}

#[test]
fn explain_suggests_the_index_that_would_help() {
    let mut engines = Engines::open();
    let world = notes(&mut engines);
    let collection = CollectionName::parse("notes").unwrap();
    let suggestion = |filter: &Filter, by: &[(&str, bool)]| {
        let plan = query::explain(&world.catalog, &collection, filter, &sort(by)).unwrap();
        plan.branches[0].suggestion.clone()
    };
    let above = Filter::Leaf(Leaf::Order { place: place("n"), order: Order::Gt, value: Scalar::Int(3) });
    let both = Filter::And(vec![above.clone(), equal("kind", "a")]);
    assert_eq!(suggestion(&both, &[]), Some(ordered(&[("kind", false), ("n", false)])));
    assert_eq!(suggestion(&both, &[("title", true)]), Some(ordered(&[("kind", false), ("title", true)])));
    assert_eq!(suggestion(&above, &[]), Some(ordered(&[("n", false)])));
    assert_eq!(suggestion(&member("a", "kinds"), &[]), Some(contains("kinds")));
    // Found by an index, but not in this order.
    let owned = equal("owner", "u1");
    assert_eq!(suggestion(&owned, &[("title", false)]), Some(ordered(&[("owner", false), ("title", false)])));
    for nothing in
        [suggestion(&owned, &[]), suggestion(&equal("id", "n1"), &[("n", false)]), suggestion(&Filter::True, &[])]
    {
        assert_eq!(nothing, None);
    }
}
