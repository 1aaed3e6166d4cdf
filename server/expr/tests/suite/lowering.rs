//! What is left of a condition for the store.

use basalt_core::filter::{Filter, IdPart, Leaf, LookupId, Order, Place, Root, Scalar, SizeTest, TextTest};
use basalt_core::{CollectionName, FieldPath, Timestamp};
use basalt_expr::testkit::Times;
use basalt_expr::{Env, Expression, Lowered, RequestValues};
use serde_json::{Value, json};

use crate::support::{Library, compile, filter, list_rule};

fn place(path: &str) -> Place {
    Place::document(FieldPath::parse(path).unwrap())
}

fn element(index: usize, names: &[&str]) -> Place {
    let names = names.iter().map(ToString::to_string).collect();
    Place { root: Root::Element(index), path: FieldPath::from_names(names) }
}

fn equal(path: &str, value: Scalar) -> Filter {
    Filter::Leaf(Leaf::Equal { place: place(path), value })
}

fn text(value: &str) -> Scalar {
    Scalar::Text(value.into())
}

fn collection(name: &str) -> CollectionName {
    CollectionName::parse(name).unwrap()
}

fn lower_with(source: &str, auth: &Value, vars: &Value) -> Filter {
    let request = RequestValues {
        id: "r".into(),
        time: Timestamp::parse("2026-11-22T08:00:00Z").unwrap(),
        ip: None,
        method: "GET".into(),
    };
    let read = Library { documents: vec![("teams", "t1", json!({"lead": "u1"}))], is_read: true };
    let env = Env { auth, vars: Some(vars), request: Some(&request), lookups: &read, ..Env::empty() };
    match compile(source, &filter()).lower(&env) {
        Ok(Lowered::Filter(filter)) => filter,
        other => panic!("{source}: {other:?}"),
    }
}

fn lower(source: &str) -> Filter {
    let auth = json!({"id": "u1", "roles": ["a", "b"], "claims": {"n": 3}});
    let vars = json!({"s": "x", "n": 2, "f": 2.0, "nul": null, "l": ["a", 1, null], "m": {"k": 1}, "id": "t1"});
    lower_with(source, &auth, &vars)
}

#[test]
fn what_does_not_depend_on_the_document_is_folded() {
    let visitor = lower_with("auth.id == doc.owner", &Value::Null, &json!({}));
    assert_eq!(visitor, Filter::Error);
    assert_eq!(lower_with("auth != null && doc.a == 1", &Value::Null, &json!({})), Filter::False);
    assert_eq!(lower_with("auth == null || doc.a == 1", &Value::Null, &json!({})), Filter::True);
    assert_eq!(lower("auth.id == doc.owner"), equal("owner", text("u1")));
    assert_eq!(lower("'a' in auth.roles && doc.n == 1 + vars.n"), equal("n", Scalar::Int(3)));
    assert_eq!(lower("'z' in auth.roles || doc.n == 1"), equal("n", Scalar::Int(1)));
    assert_eq!(lower("get('teams', vars.id).lead == auth.id && doc.n == 1"), equal("n", Scalar::Int(1)));
    assert_eq!(lower("exists('teams', 'none') || doc.n == 1"), equal("n", Scalar::Int(1)));
    assert_eq!(lower("true"), Filter::True);
    assert_eq!(lower("vars.s"), Filter::Error);
    assert_eq!(lower("auth.claims.none == 1 && vars.none == 2"), Filter::Error);
    assert_eq!(
        lower("auth.roles.exists(r, r == doc.a)"),
        Filter::Or(vec![equal("a", text("a")), equal("a", text("b"))])
    );
    assert_eq!(lower("vars.n == 2 ? doc.a == 1 : doc.b == 1"), equal("a", Scalar::Int(1)));
    assert_eq!(lower("[].all(x, x == doc.a)"), Filter::True);
}

#[test]
fn comparisons_become_leaves_from_either_side() {
    let order = |order, value| Filter::Leaf(Leaf::Order { place: place("n"), order, value });
    assert_eq!(lower("n < 5"), order(Order::Lt, Scalar::Int(5)));
    assert_eq!(lower("5 < n"), order(Order::Gt, Scalar::Int(5)));
    assert_eq!(lower("vars.f >= n"), order(Order::Le, Scalar::Int(2)));
    assert_eq!(lower("n > 2.5"), order(Order::Gt, Scalar::Float(2.5)));
    assert_eq!(lower("n > 'a'"), order(Order::Gt, text("a")));
    assert_eq!(lower("n > vars.nul"), Filter::Error);
    assert_eq!(lower("n != 3.0"), Filter::Not(Box::new(equal("n", Scalar::Int(3)))));
    assert_eq!(lower("null == n"), equal("n", Scalar::Null));
    assert_eq!(lower("m[vars.s] == true"), equal("m.x", Scalar::Bool(true)));
    assert_eq!(lower("roles[auth.id] == 'x'"), equal("roles.u1", text("x")));
    assert_eq!(lower("doc[vars.n] == 'x'"), Filter::Error);
    assert_eq!(lower("m[vars.nul] == 'x'"), Filter::Error);
    assert_eq!(lower("flag"), Filter::Leaf(Leaf::IsTrue { place: place("flag") }));
    assert_eq!(lower("has(a.b)"), Filter::Leaf(Leaf::Has { place: place("a.b") }));
    assert_eq!(lower("'a' in doc"), Filter::Leaf(Leaf::Has { place: place("a") }));
    let starts = Leaf::Text { place: place("a"), test: TextTest::StartsWith, value: "x".into() };
    assert_eq!(lower("a.startsWith(vars.s)"), Filter::Leaf(starts));
    assert_eq!(lower("a.startsWith(vars.n)"), Filter::Error);
}

#[test]
fn names_that_are_no_words_stay_one_name() {
    let name = Place::document(FieldPath::from_names(vec!["m".into(), "a.b\"]".into()]));
    assert_eq!(lower("m['a.b\"]'] == 1"), Filter::Leaf(Leaf::Equal { place: name, value: Scalar::Int(1) }));
}

#[test]
fn sizes_compare_with_whole_numbers() {
    let size = |test, value| Filter::Leaf(Leaf::Size { place: place("l"), test, value });
    assert_eq!(lower("size(l) == 2.0"), size(SizeTest::Equal, 2));
    assert_eq!(lower("l.size() >= 2"), size(SizeTest::Order(Order::Ge), 2));
    assert_eq!(lower("2 > size(l)"), size(SizeTest::Order(Order::Lt), 2));
    assert_eq!(lower("size(l) > 1.5"), size(SizeTest::Order(Order::Gt), 1));
    assert_eq!(lower("size(l) <= -0.5"), size(SizeTest::Order(Order::Le), -1));
    assert_eq!(lower("size(l) < 1e300"), size(SizeTest::Order(Order::Le), i64::MAX));
    // False where there is a size, an error where there is none.
    assert_eq!(lower("size(l) == 1.5"), size(SizeTest::Order(Order::Lt), 0));
    assert_eq!(lower("size(l) == vars.s"), size(SizeTest::Order(Order::Lt), 0));
    assert_eq!(lower("size(l) < vars.s"), Filter::Error);
}

#[test]
fn times_compare_as_canonical_texts() {
    let order = |order, value: &str| Filter::Leaf(Leaf::Order { place: place("t"), order, value: text(value) });
    assert_eq!(lower("timestamp(t) > request.time - duration('1h')"), order(Order::Gt, "2026-11-22T07:00:00.000Z"));
    assert_eq!(
        lower("timestamp('2026-11-22T09:00:00+01:00') >= timestamp(t)"),
        order(Order::Le, "2026-11-22T08:00:00.000Z")
    );
    let both =
        Filter::And(vec![order(Order::Ge, "2026-11-22T08:00:00.000Z"), order(Order::Le, "2026-11-22T08:00:00.000Z")]);
    assert_eq!(lower("timestamp(t) == request.time"), both);
    assert_eq!(lower("timestamp(t) != request.time"), Filter::Not(Box::new(both)));
    assert_eq!(lower("timestamp(t) > timestamp(vars.s)"), Filter::Error);
    assert_eq!(lower("t < '2027'"), order(Order::Lt, "2027"));
}

#[test]
fn membership_goes_both_ways() {
    let within = |values| Filter::Leaf(Leaf::In { place: place("a"), values });
    assert_eq!(lower("a in vars.l"), within(vec![text("a"), Scalar::Int(1), Scalar::Null]));
    assert_eq!(lower("a in auth.roles"), within(vec![text("a"), text("b")]));
    assert_eq!(lower("a in []"), within(Vec::new()));
    assert_eq!(lower("a in vars.m"), within(vec![text("k")]));
    assert_eq!(lower("a in vars.s"), Filter::Error);
    let contains = |value| Filter::Leaf(Leaf::Contains { place: place("a"), value });
    assert_eq!(lower("auth.id in a"), contains(text("u1")));
    assert_eq!(lower("vars.nul in a"), contains(Scalar::Null));
    // Each of the fields has to be there, as in CEL.
    let present = |path| Filter::Not(Box::new(Filter::Leaf(Leaf::In { place: place(path), values: Vec::new() })));
    let is_one = Filter::Or(vec![equal("a", text("u1")), equal("b", text("u1"))]);
    assert_eq!(lower("auth.id in [a, b]"), Filter::And(vec![present("a"), present("b"), is_one]));
    assert_eq!(lower("'x' in [a, vars.s]"), present("a"));
}

#[test]
fn elements_are_numbered_from_the_outside() {
    let inner = Leaf::All {
        place: element(0, &["l"]),
        filter: Box::new(Filter::Or(vec![
            Filter::Leaf(Leaf::Equal { place: element(1, &[]), value: text("x") }),
            Filter::Leaf(Leaf::Equal { place: element(0, &["y"]), value: Scalar::Int(1) }),
            equal("z", Scalar::Null),
        ])),
    };
    let outer = Leaf::Any { place: place("o"), filter: Box::new(Filter::Leaf(inner)) };
    assert_eq!(lower("o.exists(e, e.l.all(f, f == 'x' || e.y == 1 || z == null))"), Filter::Leaf(outer));
}

#[test]
fn lookups_take_their_id_from_the_document() {
    let id = LookupId(vec![IdPart::Place(place("team")), IdPart::Text("_u1".into())]);
    let member = Filter::Leaf(Leaf::Exists { collection: collection("members"), id });
    assert_eq!(lower("exists('members', team + '_' + auth.id)"), member);
    let lookup = |filter| {
        let id = LookupId(vec![IdPart::Place(place("room"))]);
        Filter::Leaf(Leaf::Lookup { collection: collection("rooms"), id, filter: Box::new(filter) })
    };
    let is_member = Filter::Leaf(Leaf::Contains { place: place("members"), value: text("u1") });
    assert_eq!(lower("auth.id in get('rooms', room).members"), lookup(is_member.clone()));
    // Conditions on one document are asked together.
    assert_eq!(
        lower("auth.id in get('rooms', room).members && a == 1 && get('rooms', room).open"),
        Filter::And(vec![
            lookup(Filter::And(vec![is_member, Filter::Leaf(Leaf::IsTrue { place: place("open") })])),
            equal("a", Scalar::Int(1)),
        ])
    );
    let any = Leaf::Any {
        place: place("members"),
        filter: Box::new(Filter::Leaf(Leaf::Equal { place: element(0, &["id"]), value: text("u1") })),
    };
    assert_eq!(lower("get('rooms', room).members.exists(m, m.id == auth.id)"), lookup(Filter::Leaf(any)));
    let org = Leaf::Lookup {
        collection: collection("orgs"),
        id: LookupId(vec![IdPart::Place(place("org"))]),
        filter: Box::new(equal("owner", text("u1"))),
    };
    assert_eq!(lower("get('orgs', get('rooms', room).org).owner == auth.id"), lookup(Filter::Leaf(org)));
    assert_eq!(lower("get('rooms', room + vars.n).owner == auth.id"), Filter::Error);
}

#[test]
fn what_has_to_be_read_first_is_asked_for_unless_it_does_not_matter() {
    let unread = Library { documents: Vec::new(), is_read: false };
    let env = Env { lookups: &unread, ..Env::empty() };
    let lowered = |source: &str| compile(source, &list_rule()).lower(&env).unwrap();
    match lowered("exists('a', 'x') && doc.n == get('b', 'y').n") {
        Lowered::Need(needs) => {
            let texts: Vec<String> = needs.iter().map(|(collection, id)| format!("{collection}/{id}")).collect();
            assert_eq!(texts, ["a/x", "b/y"]);
        }
        Lowered::Filter(filter) => panic!("{filter:?}"),
    }
    assert!(matches!(lowered("exists('a', 'x') && false"), Lowered::Filter(Filter::False)));
    assert!(matches!(lowered("exists('a', 'x') || true"), Lowered::Filter(Filter::True)));
    assert!(matches!(lowered("exists('a', 'x') || doc.a == 1"), Lowered::Need(_)));
    // A look-up by the document's own field is the store's.
    assert!(matches!(lowered("exists('a', doc.x)"), Lowered::Filter(Filter::Leaf(_))));
}

#[test]
fn bound_values_that_do_not_fit_are_faults_with_a_place() {
    let vars = json!({"l": ["a"], "m": {"a": 1}, "n": 0, "many": vec![1; 1_001]});
    let env = Env { vars: Some(&vars), ..Env::empty() };
    for (source, column, part) in [
        ("doc.a == vars.l", 1, "A list or map can't be compared"),
        ("true && doc.a != vars.m", 9, "A list or map can't be compared"),
        ("vars.l in doc.a", 1, "A list or map can't be compared"),
        ("doc.a in [vars.l]", 1, "A list or map can't be compared"),
        ("doc.l[vars.n] == 1", 1, "exists() or all()"),
        ("doc.a in vars.many", 1, "at most 1000"),
        ("vars.many.exists(x, doc.a == x)", 1, "at most 1000"),
    ] {
        let fault = compile(source, &list_rule()).lower(&env).unwrap_err();
        assert_eq!((fault.line, fault.column), (1, column), "{source}");
        assert!(fault.message.contains(part), "{source}: {}", fault.message);
    }
    let vars = json!({"l": vec![1; 900]});
    let env = Env { vars: Some(&vars), ..Env::empty() };
    let source = "vars.l.exists(x, doc.a == x || doc.b == x || doc.c == x)";
    assert!(compile(source, &list_rule()).lower(&env).unwrap_err().message.contains("too large"));
    let source = "vars.l.exists(x, vars.l.exists(y, x == y + doc.n * 0 || x == 2))";
    assert!(Expression::compile(source, &list_rule(), &Times).is_err());
    let source = "vars.l.exists(x, vars.l.exists(y, x == y + 1) && doc.n == 1)";
    assert!(compile(source, &list_rule()).lower(&env).unwrap_err().message.contains("steps"));
}

#[test]
fn a_rule_that_was_not_compiled_for_lists_is_a_fault_and_no_panic() {
    let rule = compile("doc.a == doc.b || doc.a + 1 == 2", &crate::support::rule());
    assert!(rule.lower(&Env::empty()).is_err());
}
