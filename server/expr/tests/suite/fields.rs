//! What an expression reads.

use basalt_core::FieldPath;

use crate::support::{compile, filter, rule};

fn texts(paths: &[FieldPath]) -> Vec<String> {
    paths.iter().map(ToString::to_string).collect()
}

#[test]
fn the_fields_of_doc_are_told_apart() {
    for (source, expected) in [
        ("true", &[][..]),
        ("doc.a == 1 && doc.m.x.y == doc.b", &["a", "b", "m.x.y"]),
        ("has(doc.a.b) || 'c' in doc", &["a.b", "c"]),
        ("doc['a'].b == 1", &["a.b"]),
        ("doc.roles[auth.id] == 'x'", &["roles"]),
        ("doc.items.exists(i, i.x == doc.y)", &["items", "y"]),
        ("get('rooms', doc.room).owner == auth.id", &["room"]),
        ("unchanged('a', 'b.c') && next.d == 1", &["a", "b.c"]),
        ("size(doc.a) == 1 ? doc.b : doc.c", &["a", "b", "c"]),
    ] {
        let fields = compile(source, &rule()).doc_fields().unwrap();
        assert_eq!(texts(&fields), expected, "{source}");
    }
    for whole in ["doc == next", "doc[auth.id] == 1", "size(doc) > 1", "auth.id in doc", "doc[doc.a] == 1"] {
        assert_eq!(compile(whole, &rule()).doc_fields(), None, "{whole}");
    }
    assert_eq!(texts(&compile("author.name == 'a' && has(b)", &filter()).doc_fields().unwrap()), ["author.name", "b"]);
}

#[test]
fn fields_that_want_a_key_column_are_known() {
    for (source, expected) in [
        ("doc.owner == auth.id", &["owner"][..]),
        ("auth.id != doc.owner || doc.public", &["owner", "public"]),
        ("!(doc.state in ['a', 'b']) && doc.n > 1", &["state"]),
        ("auth.id in [doc.owner, doc.editor]", &["editor", "owner"]),
        ("doc.a == doc.b && doc.s.startsWith('x') && has(doc.c)", &[]),
        ("doc.l.exists(e, e == 'x' && doc.y == 1)", &["y"]),
        ("get('rooms', doc.room).owner == auth.id", &[]),
        ("auth != null ? doc.open : doc.m.x == 1", &["m.x", "open"]),
    ] {
        assert_eq!(texts(&compile(source, &rule()).equality_fields()), expected, "{source}");
    }
    let expression = compile("auth.id in doc.members && 'a' in doc.m.tags && doc.x in doc.l", &rule());
    assert_eq!(texts(&expression.contains_fields()), ["m.tags", "members"]);
    for (source, expected) in [
        ("doc.l.exists(e, e == auth.id)", &["l"][..]),
        ("doc.m.l.exists(e, 'x' == e) || doc.k.exists(e, e != 'x')", &["m.l"]),
        ("doc.l.all(e, e == auth.id) || doc.k.exists(e, e.id == auth.id) || doc.n.exists(e, e == doc.x)", &[]),
        ("doc.l.exists(e, e == e) || doc.k.exists(e, doc.m.exists(f, f == e))", &[]),
    ] {
        assert_eq!(texts(&compile(source, &rule()).contains_fields()), expected, "{source}");
    }
}

#[test]
fn the_names_that_are_used_are_known() {
    let names = |source: &str| compile(source, &rule()).names().join(" ");
    assert_eq!(names("true"), "");
    assert_eq!(names("doc.a == vars.x && request.time > timestamp(next.t)"), "request doc next vars");
    assert_eq!(names("unchanged('a') && auth != null"), "auth doc next");
    assert_eq!(names("params.room == 'a'"), "params");
    assert_eq!(compile("title == 'a'", &filter()).names(), ["doc"]);
}
