//! Look-ups, limits, the request, and what an evaluation may cost.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use basalt_core::{CollectionName, DocumentId, Timestamp};
use basalt_expr::{Env, Limiter, Outcome, RequestValues};
use serde_json::{Value, json};

use crate::support::{Library, compile, rule};

fn evaluate(source: &str, env: &Env<'_>) -> Outcome {
    compile(source, &rule()).evaluate(env)
}

fn error(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Error(text) => text,
        other => panic!("{other:?} is no error"),
    }
}

fn need(pairs: &[(&str, &str)]) -> Outcome {
    let pair =
        |(collection, id): &(&str, &str)| (CollectionName::parse(collection).unwrap(), DocumentId::parse(id).unwrap());
    Outcome::Need(pairs.iter().map(pair).collect())
}

#[test]
fn a_document_that_was_not_read_is_asked_for_where_the_answer_depends_on_it() {
    let auth = json!({"id": "u1"});
    let doc = json!({"team": "t1", "open": true, "closed": false, "bad id": "a b"});
    let unread = Library { documents: Vec::new(), is_read: false };
    let env = Env { auth: &auth, doc: Some((&doc).into()), lookups: &unread, ..Env::empty() };
    let t1 = need(&[("teams", "t1")]);
    for (source, expected) in [
        ("get('teams', doc.team).owner == auth.id", t1.clone()),
        ("exists('members', doc.team + '_' + auth.id)", need(&[("members", "t1_u1")])),
        // All that is needed at once, whatever the order.
        (
            "exists('a', auth.id) && get('b', doc.team).x == get('c', doc.team).y",
            need(&[("a", "u1"), ("b", "t1"), ("c", "t1")]),
        ),
        ("exists('a', 'x') && exists('a', 'x')", need(&[("a", "x")])),
        // Not what can't change the answer.
        ("doc.open || exists('a', 'x')", Outcome::True),
        ("exists('a', 'x') || doc.open", Outcome::True),
        ("exists('a', 'x') && doc.closed", Outcome::False),
        ("doc.missing || exists('a', 'x')", need(&[("a", "x")])),
        ("[1, 2].exists(i, exists('a', 'x')) || doc.open", Outcome::True),
        // What can't be an id isn't there.
        ("exists('a', doc['bad id'])", Outcome::False),
        ("exists('a', '')", Outcome::False),
        // One look-up's answer leads to the next.
        ("get('b', get('a', 'x').next).y == 1", need(&[("a", "x")])),
    ] {
        assert_eq!(evaluate(source, &env), expected, "{source}");
    }
    assert!(error(&evaluate("get('a', doc['bad id']).x == 1", &env)).contains("no such document"));
    assert!(error(&evaluate("exists('a', doc.open)", &env)).contains("a text as id"));
    // A comparison's error makes reading needless.
    assert!(matches!(evaluate("get('a', 'x').y == doc.missing", &env), Outcome::Error(_)));
}

#[test]
fn a_document_that_was_read_is_seen() {
    let auth = json!({"id": "u1"});
    let documents =
        vec![("rooms", "r1", json!({"members": ["u1"], "owner": "u2", "next": "r2"})), ("rooms", "r2", json!({}))];
    let read = Library { documents, is_read: true };
    let env = Env { auth: &auth, lookups: &read, ..Env::empty() };
    for (source, expected) in [
        ("auth.id in get('rooms', 'r1').members", true),
        ("get('rooms', 'r1').owner == auth.id", false),
        ("exists('rooms', 'r1') && !exists('rooms', 'r3')", true),
        ("exists('rooms', get('rooms', 'r1').next)", true),
        ("has(get('rooms', 'r2').members)", false),
        ("get('rooms', 'r2') == {}", true),
    ] {
        assert_eq!(evaluate(source, &env), if expected { Outcome::True } else { Outcome::False }, "{source}");
    }
    for source in ["get('rooms', 'r3') == null", "get('rooms', 'r3').owner == auth.id", "!has(get('rooms', 'r3').x)"] {
        assert!(error(&evaluate(source, &env)).contains("no such document"), "{source}");
    }
}

#[test]
fn at_most_ten_documents_are_looked_up() {
    let read = Library { documents: Vec::new(), is_read: true };
    let env = Env { lookups: &read, ..Env::empty() };
    let many = |count: usize| (0..count).map(|n| format!("exists('a', 'x{n}')")).collect::<Vec<_>>().join(" || ");
    assert_eq!(evaluate(&many(10), &env), Outcome::False);
    assert!(error(&evaluate(&many(11), &env)).contains("more than 10"));
    assert!(error(&evaluate(&format!("{} || true", many(11)), &env)).contains("more than 10"));
    assert_eq!(evaluate(&format!("{} || exists('a', 'x1')", many(10)), &env), Outcome::False);
}

struct Buckets {
    has_token: bool,
    asked: RefCell<Vec<String>>,
}

impl Limiter for Buckets {
    fn take(&self, name: &str, capacity: u32, period: Duration) -> bool {
        self.asked.borrow_mut().push(format!("{name} {capacity} {period:?}"));
        self.has_token
    }
}

#[test]
fn a_limit_takes_a_token_only_where_it_counts() {
    let doc = json!({"open": true, "closed": false});
    let limit = "limit('posts', 10, duration('1m'))";
    for (source, with, without, is_asked) in [
        (limit.to_owned(), Outcome::True, Outcome::Limited, true),
        (format!("doc.open && {limit}"), Outcome::True, Outcome::Limited, true),
        (format!("doc.closed && {limit}"), Outcome::False, Outcome::False, false),
        // Asked in the order that is written; without a token it is told only if that is what denies.
        (format!("{limit} && doc.closed"), Outcome::False, Outcome::False, true),
        (format!("{limit} || doc.open"), Outcome::True, Outcome::True, true),
        (format!("doc.open || {limit}"), Outcome::True, Outcome::True, false),
        (format!("({limit} && doc.closed) || doc.open"), Outcome::True, Outcome::True, true),
        (format!("doc.missing || {limit}"), Outcome::True, Outcome::Limited, true),
        (format!("doc.open ? {limit} : false"), Outcome::True, Outcome::Limited, true),
    ] {
        for (has_token, expected) in [(true, &with), (false, &without)] {
            let buckets = Buckets { has_token, asked: RefCell::default() };
            let env = Env { limiter: Some(&buckets), ..Env::of_document(&doc) };
            assert_eq!(evaluate(&source, &env), *expected, "{source}");
            let asked = buckets.asked.into_inner();
            assert_eq!(!asked.is_empty(), is_asked, "{source}");
            assert!(asked.iter().all(|text| text == "posts 10 60s"), "{asked:?}");
        }
    }
    // An error denies already: no token is taken for it.
    let buckets = Buckets { has_token: true, asked: RefCell::default() };
    let env = Env { limiter: Some(&buckets), ..Env::of_document(&doc) };
    assert!(matches!(evaluate(&format!("doc.missing && {limit}"), &env), Outcome::Error(_)));
    // Nor while a document is missing, for the condition will be asked again.
    let unread = Library { documents: Vec::new(), is_read: false };
    let env = Env { lookups: &unread, ..env };
    assert!(matches!(evaluate(&format!("exists('a', 'b') && {limit}"), &env), Outcome::Need(_)));
    assert!(buckets.asked.into_inner().is_empty());
    assert!(matches!(evaluate(limit, &Env::of_document(&doc)), Outcome::Error(_)));
}

#[test]
fn the_request_is_typed() {
    let doc = json!({"t": "2026-11-22T08:00:00.000Z"});
    let request = RequestValues {
        id: "r1".into(),
        time: Timestamp::parse("2026-11-22T08:30:00Z").unwrap(),
        ip: None,
        method: "POST".into(),
    };
    let env = Env { request: Some(&request), ..Env::of_document(&doc) };
    for source in [
        "request.method == 'POST' && request.id == 'r1'",
        "request.ip == null && has(request.ip)",
        "request['method'] == 'POST'",
        "timestamp(doc.t) > request.time - duration('1h')",
        "request.time - timestamp(doc.t) == duration('30m')",
        "request.time < timestamp('2026-11-22T08:30:00.001Z')",
        "string(request.time) == '2026-11-22T08:30:00.000Z'",
    ] {
        assert_eq!(evaluate(source, &env), Outcome::True, "{source}");
    }
}

#[test]
fn a_timestamp_is_like_no_text_also_where_types_are_not_known() {
    let vars = json!({"l": ["2026-11-22T08:00:00.000Z"]});
    let env = Env { vars: Some(&vars), ..Env::empty() };
    let mixed = "[timestamp('2026-11-22T08:00:00Z'), 'x']";
    assert!(error(&evaluate(&format!("{mixed}[0] == 'x'"), &env)).contains("can't be compared"));
    assert!(error(&evaluate(&format!("{mixed}[0] < 'x'"), &env)).contains("can't be ordered"));
    assert_eq!(evaluate(&format!("{mixed}[0] in vars.l"), &env), Outcome::False);
    assert_eq!(evaluate(&format!("{mixed}[0] == {mixed}[0]"), &env), Outcome::True);
}

#[test]
fn patterns_may_be_computed_and_stay_bounded() {
    let doc = json!({"s": "abc"});
    let vars = json!({"p": "^a.c$", "bad": "(", "long": "a".repeat(300)});
    let env = Env { vars: Some(&vars), ..Env::of_document(&doc) };
    assert_eq!(evaluate("doc.s.matches(vars.p)", &env), Outcome::True);
    assert_eq!(evaluate("matches(doc.s, '^b')", &env), Outcome::False);
    assert!(error(&evaluate("doc.s.matches(vars.bad)", &env)).contains("no regular expression"));
    assert!(error(&evaluate("doc.s.matches(vars.long)", &env)).contains("at most 256"));
    // Nested quantifiers are linear here.
    let text = json!({"s": "a".repeat(50_000)});
    let started = Instant::now();
    assert_eq!(evaluate("doc.s.matches('^(a+)+$b')", &Env::of_document(&text)), Outcome::False);
    assert!(started.elapsed() < Duration::from_secs(2));
}

#[test]
fn an_evaluation_ends_after_its_steps() {
    let doc = json!({"l": (0..300).collect::<Vec<_>>(), "s": "x".repeat(1 << 20), "big": vec!["x"; 40_000]});
    let env = Env::of_document(&doc);
    assert_eq!(evaluate("doc.l.exists(a, a == 299)", &env), Outcome::True);
    for hostile in [
        "doc.l.all(a, doc.l.all(b, a + b >= 0)) || true",
        "doc.l.exists(a, doc.s.contains('y'))",
        "doc.l.exists(a, 'y' in doc.big)",
        "doc.l.exists(a, doc.big == doc.big && a < 0)",
        "doc.l.exists(a, size(doc.s + doc.s) == 1)",
        "doc.l.map(a, doc.big + doc.big).size() == 1",
        "doc.l.exists(a, 'x'.matches('y' + 'z'))",
    ] {
        let started = Instant::now();
        assert!(error(&evaluate(hostile, &env)).contains("10000 steps"), "{hostile}");
        assert!(started.elapsed() < Duration::from_secs(5), "{hostile}: {:?}", started.elapsed());
    }
    // A long list is no reason to refuse the commonest question about it.
    assert_eq!(evaluate("'x' in doc.big && !('y' in doc.big)", &env), Outcome::True);
}

#[test]
fn errors_say_what_and_where() {
    let doc = json!({"n": 1, "s": "a", "m": {}});
    let env = Env::of_document(&doc);
    for (source, expected) in [
        ("true &&\n doc.ownr == 'a'", "`doc.ownr` (line 2, column 2): there is no `ownr`"),
        ("doc.n.x == 1", "`doc.n.x` (line 1, column 1): a number has no fields"),
        ("doc.n < 'a'", "`doc.n < 'a'` (line 1, column 1): a number and a text can't be ordered"),
        ("doc.s + doc.n == 'a1'", "`doc.s + doc.n` (line 1, column 1): a text and a number can't be added"),
        ("(doc.n)", "`doc.n` (line 1, column 2): a number is no condition"),
        ("doc.m['x'] == 1", "`doc.m['x']` (line 1, column 1): there is no `x`"),
        ("!(doc.s.contains('a') && (doc.n + 1) / 0 == 1)", "`(doc.n + 1) / 0` (line 1, column 26): division by zero"),
        ("auth.id == 'a'", "`auth.id` (line 1, column 1): null has no fields"),
    ] {
        assert_eq!(error(&evaluate(source, &env)), expected);
    }
}

#[test]
fn names_without_a_value_are_errors() {
    for (source, name) in
        [("doc.a == 1", "doc"), ("next.a == 1", "next"), ("vars.a == 1", "vars"), ("params.a == 1", "params")]
    {
        assert!(error(&evaluate(source, &Env::empty())).contains(&format!("`{name}` has no value here")), "{source}");
    }
    assert!(matches!(evaluate("unchanged('a')", &Env::of_document(&Value::Null)), Outcome::Error(_)));
}

#[test]
fn expressions_are_shared_between_threads() {
    fn shared<T: Send + Sync + Clone + 'static>() {}
    shared::<basalt_expr::Expression>();
}
