//! What is refused when it is compiled, where, and in which words.

use basalt_expr::testkit::Times;
use basalt_expr::{Expression, Fault, Scope};

use crate::support::{compile, filter, list_rule, rule};

fn faults(source: &str, scope: &Scope) -> Vec<Fault> {
    match Expression::compile(source, scope, &Times) {
        Ok(_) => panic!("{source} compiles"),
        Err(faults) => faults,
    }
}

/// (source, column, part of the message)
fn check(scope: &Scope, cases: &[(&str, u32, &str)]) {
    for (source, column, part) in cases {
        let found = faults(source, scope);
        let fault = &found[0];
        assert_eq!((fault.line, fault.column), (1, *column), "{source}: {found:?}");
        assert!(fault.message.contains(part), "{source}: {}", fault.message);
    }
}

#[test]
fn names_are_checked_wherever_they_stand() {
    check(
        &rule(),
        &[
            ("owner == 'a'", 1, "doc.owner"),
            ("true || ownr", 9, "In scope: auth, request, doc, next, vars, params, get()"),
            ("false && doc.a == idd", 19, "unknown"),
            ("auth.ids == 'a'", 1, "auth has no `ids`"),
            ("auth.profile.x == 'a'", 1, "auth has no `profile`"),
            ("has(auth.idd)", 1, "auth has no `idd`"),
            ("request.headers == null", 1, "time, ip, method and id"),
            ("request['body'] == 1", 1, "time, ip, method and id"),
            ("request == null", 1, "request.time"),
            (".doc == 1", 2, "unknown"),
        ],
    );
    let create = Scope { auth: true, next: true, ..Scope::default() };
    check(
        &create,
        &[
            ("doc.a == 1", 1, "`doc` can't be used here. In scope: auth, next."),
            ("get('a', 'b').c == 1", 1, "get() can't be used here"),
            ("exists('a', 'b')", 1, "exists() can't be used here"),
            ("unchanged('a')", 1, "unchanged() can't be used here"),
            ("limit('a', 1, duration('1m'))", 1, "limit() can't be used here"),
        ],
    );
    check(&filter(), &[("next == 1", 1, "The document's field is doc.next")]);
}

#[test]
fn a_bare_name_is_a_field_in_filters() {
    for source in ["title == 'a'", "has(title)", "author.name == 'a'", "tags.exists(t, t == title2 || true)"] {
        let _ = Expression::compile(source, &Scope { lowered: false, ..filter() }, &Times).unwrap();
    }
    assert!(Expression::compile("title == 'a'", &rule(), &Times).is_err());
    // The element of a macro hides a field of its name.
    compile("tags.all(title, title == 'x')", &filter());
}

#[test]
fn types_that_never_fit_are_faults() {
    check(
        &rule(),
        &[
            ("doc.title == 1 + 'x'", 14, "`+` can't join a number and a text"),
            ("doc.a + true == 1", 1, "`+` can't join a value and a boolean"),
            ("1 < 'a'", 1, "A number and a text can't be ordered"),
            ("true < false", 1, "can't be ordered"),
            ("doc.at > request.time", 1, "write timestamp(doc.at)"),
            ("request.time == next.at", 1, "write timestamp(next.at)"),
            ("doc.createdAt < request.time - duration('1h')", 1, "write timestamp(doc.createdAt)"),
            ("doc.a == duration('1h')", 1, "can't be compared"),
            ("type(doc.a) == 'string'", 1, "type(x) == string"),
            ("1", 1, "has to be a condition"),
            ("'a' + 'b'", 1, "has to be a condition"),
            ("doc", 1, "has to be a condition"),
            ("auth.roles + ['a']", 1, "has to be a condition"),
            ("!1", 2, "wants a condition"),
            ("doc.a && 'x'", 10, "joins conditions"),
            ("1 ? true : false", 1, "wants a condition"),
            ("-'a' == 1", 2, "wants, a number"),
            ("'a' in 'abc'", 8, "a list or a map"),
            ("size(1) == 1", 6, "a text, a list or a map"),
            ("(1).startsWith('a')", 2, "a text"),
            ("'a'.startsWith(1)", 16, "a text"),
            ("'a'.b == 1", 1, "no field `b`"),
            ("request.time.x == 1", 1, "no field `x`"),
            ("[1]['a'] == 1", 1, "no field `a`"),
            ("{'a': 1}[0] == 1", 1, "in brackets"),
            ("doc.l.exists(x, 1)", 17, "wants a condition"),
            ("'a'.exists(x, true)", 1, "goes over"),
            ("doc.exists(x, true)", 1, "goes over"),
            ("{1: 2} == doc.m", 2, "A map's key"),
            ("{'a': 2, 'a': 3} == doc.m", 10, "twice"),
            ("int([1]) == 1", 5, "can't be converted"),
            ("timestamp(true) == request.time", 11, "timestamp() wants"),
            ("geo.distance(1, doc.p) > 1", 14, "A point"),
        ],
    );
}

#[test]
fn constants_are_checked_at_once() {
    check(
        &rule(),
        &[
            ("timestamp('2026-13-01T00:00:00Z') < request.time", 11, "RFC 3339"),
            ("duration('1 hour') > duration('1m')", 10, "such as 1h30m"),
            ("doc.a.matches('(')", 15, "no regular expression"),
            ("doc.a.matches('(?=a)')", 15, "look-around"),
            ("doc.a == '\\x00'", 10, "U+0000"),
            ("doc.a == b'a'", 10, "byte strings"),
            ("doc.a == 1u", 10, "unsigned"),
            ("get(doc.c, 'a').b == 1", 5, "written out as a text"),
            ("get('_sessions', 'a').b == 1", 5, "not a collection's name"),
            ("exists('a/b', 'c')", 8, "not a collection's name"),
            ("get('a', 1).b == 1", 10, "A document's id"),
            ("unchanged(doc.a)", 11, "written out"),
            ("limit(doc.a, 1, duration('1m'))", 1, "with constants"),
            ("limit('a', 0, duration('1m'))", 1, "with constants"),
            ("limit('a', 1, duration('0s'))", 1, "with constants"),
            ("Point{x: 1} == doc.a", 6, "no message types"),
        ],
    );
}

#[test]
fn calls_are_known_or_told() {
    check(
        &rule(),
        &[
            ("lower(doc.a) == 'x'", 1, "There is no function lower()"),
            ("doc.a.trim() == 'x'", 7, "There is no function trim()"),
            ("size() == 1", 1, "size() is written size(x)"),
            ("has(doc)", 1, "has(doc.title)"),
            ("has(doc.a[0])", 1, "has(doc.title)"),
            ("doc.l.exists(x)", 7, "list.exists(x, condition) or exists('collection', id)"),
            ("doc.l.exists(1, true)", 14, "a name for the element"),
            ("doc.l.exists(doc, true)", 14, "is taken"),
            ("startsWith('a', 'b')", 1, "text.startsWith(text)"),
            ("distance(doc.a, doc.b) > 1", 1, "geo.distance"),
        ],
    );
}

#[test]
fn a_limit_stands_where_its_answer_decides() {
    for good in [
        "limit('a', 1, duration('1m'))",
        "auth != null && (doc.a == 1 || limit('a', 1, duration('1m')))",
        "auth == null ? limit('a', 1, duration('1m')) : true",
    ] {
        compile(good, &rule());
    }
    check(
        &rule(),
        &[
            ("!limit('a', 1, duration('1m'))", 2, "can't stand here"),
            ("limit('a', 1, duration('1m')) == true", 1, "can't stand here"),
            ("doc.l.all(x, limit('a', 1, duration('1m')))", 14, "can't stand here"),
            ("limit('a', 1, duration('1m')) ? true : false", 1, "can't stand here"),
        ],
    );
}

#[test]
fn what_has_no_exact_sql_form_is_refused_with_a_way_out() {
    check(
        &list_rule(),
        &[
            ("doc.a + 1 == 2", 1, "move the computation to the other side"),
            ("auth.id == 'x' && -doc.a == 2", 19, "move the computation"),
            ("timestamp(doc.t) + duration('1h') > request.time", 1, "move the computation"),
            ("doc.a == doc.b", 1, "two fields can't be compared"),
            ("doc.a < doc.b", 1, "two fields can't be compared"),
            ("doc.a in doc.l", 1, "two fields can't be compared"),
            ("doc.a.startsWith(doc.b)", 1, "two fields can't be compared"),
            ("'abc'.contains(doc.b)", 1, "two fields can't be compared"),
            ("doc.a.matches('^a')", 1, "startsWith()"),
            ("doc.l.map(x, x) == ['a']", 1, "exists() or all()"),
            ("doc.l.filter(x, x == 1).size() > 1", 1, "exists() or all()"),
            ("doc.l.exists_one(x, x == 1)", 1, "exists() or all()"),
            ("doc.l == ['a']", 1, "A list or map can't be compared"),
            ("doc.m != {'a': 1}", 1, "A list or map can't be compared"),
            ("doc.l == auth.roles + ['a']", 1, "A list or map can't be compared"),
            ("['a'] in doc.l", 1, "A list or map can't be compared"),
            ("doc.a in [['a'], 'b']", 1, "A list or map can't be compared"),
            ("doc.l[0] == 'a'", 1, "exists() or all()"),
            ("doc.m[doc.k] == 'a'", 7, "use a constant"),
            ("geo.distance(doc.p, {'lat': 1, 'lng': 2}) == 100", 1, "a number of metres"),
            ("geo.distance(doc.p, {'lat': 1, 'lng': 2}) in [100]", 1, "a number of metres"),
            ("geo.distance(doc.p, doc.q) < 100", 1, "two fields"),
            ("doc.l.exists(e, geo.distance(e.p, {'lat': 1, 'lng': 2}) < 100)", 30, "not of an element"),
            ("geo.distance(get('a', doc.x).p, {'lat': 1, 'lng': 2}) < 100", 14, "not of an element"),
            ("timestamp(doc.a) > request.time", 1, "format: date-time"),
            ("timestamp(get('a', doc.x).t) > request.time", 1, "format: date-time"),
            ("string(doc.a) == '1'", 1, "can't be converted"),
            ("type(doc.a) == string", 1, "can't be converted"),
            ("(doc.a ? doc.b : doc.c) == 1", 2, "into its branches"),
            ("doc.m == null || doc != null", 18, "name one of its fields"),
            ("size(doc) > 1", 1, "name one of its fields"),
            ("[doc.a] == ['x']", 1, "compare each field"),
            ("exists('a', string(doc.n))", 13, "joined by +"),
            ("get('a', doc.x).l.exists(e, e == 1 && doc.y == 2)", 39, "only its own elements"),
            ("doc.l.exists(o, get('a', o).l.exists(e, o == 1))", 41, "only its own elements"),
            ("exists('a', doc.x + get('b', doc.y).z)", 21, "of one document"),
            ("get('a', doc.x) == null", 1, "name one of its fields"),
            ("limit('a', 1, duration('1m'))", 1, "can't be used here"),
        ],
    );
    // All of them are told at once.
    let found = faults("doc.a == doc.b && doc.c.matches('x') &&\n doc.d + 1 == 2", &list_rule());
    let places: Vec<_> = found.iter().map(|fault| (fault.line, fault.column)).collect();
    assert_eq!(places, [(1, 1), (1, 19), (2, 2)], "{found:?}");
}

#[test]
fn faults_are_ordered_and_count_code_points() {
    let found = faults("'é𝒳' == titel &&\n\t'ü' == ownr", &rule());
    assert_eq!(found.len(), 2);
    assert_eq!((found[0].line, found[0].column), (1, 9));
    assert_eq!((found[1].line, found[1].column), (2, 9));
    assert!(found[1].to_string().starts_with("line 2, column 9: `ownr` is unknown."), "{}", found[1]);
}

#[test]
fn empty_long_and_deep_sources_are_refused() {
    check(&rule(), &[("", 1, "write true to open it"), ("   ", 1, "write true to open it")]);
    let long = format!("doc.a == '{}'", "x".repeat(8 << 10));
    assert!(faults(&long, &rule())[0].message.contains("8192 are allowed"));
    let deep = |levels: usize| format!("{}doc.a{} == 1", "[".repeat(levels), "]".repeat(levels));
    compile(&deep(29), &rule());
    assert!(faults(&deep(30), &rule())[0].message.contains("nested deeper than 32"));
    let sum = |terms: usize| format!("{}1 == doc.a", "doc.a + ".repeat(terms));
    compile(&sum(29), &rule());
    assert!(faults(&sum(40), &rule())[0].message.contains("nested deeper than 32"));
    compile(&format!("{}true", "doc.a == 1 || ".repeat(500)), &rule());
    compile(&format!("doc.a in [{}'b']", "'b', ".repeat(999)), &rule());
    assert!(faults(&format!("doc.a in [{}'b']", "'b', ".repeat(1_000)), &rule())[0].message.contains("at most 1000"));
}
