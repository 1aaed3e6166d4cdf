//! The verdicts, on supposed documents.

use std::sync::Arc;
use std::time::Duration;

use basalt_core::filter::Filter;
use basalt_core::principal::{OperatorPrincipal, OperatorRole, Request, Scope, ServicePrincipal, UserPrincipal};
use basalt_core::{Caller, Code, CollectionName, Document, DocumentId, FieldPath, Principal, Rev, Timestamp};
use basalt_expr::Undeclared;
use basalt_store::{Cell, CellKey, CellWrite, Read};
use serde_json::{Map, Value, json};

use super::asked::{create, delete, get, update};
use super::*;
use crate::collections::Definition;

fn name(text: &str) -> CollectionName {
    CollectionName::parse(text).unwrap()
}

fn id(text: &str) -> DocumentId {
    DocumentId::parse(text).unwrap()
}

fn rules_hiding(rules: &Value, hidden: &[&str]) -> CompiledRules {
    let definition = Definition::parse(&name("notes"), &json!({"rules": rules, "hidden": hidden})).unwrap();
    let hidden = hidden.iter().map(ToString::to_string).collect();
    CompiledRules::compile(&definition.name, &definition.rules, hidden, &Undeclared).unwrap()
}

pub(super) fn rules(rules: &Value) -> CompiledRules {
    rules_hiding(rules, &[])
}

fn binding(principal: Principal) -> Binding {
    let time = Timestamp::parse("2026-11-22T08:00:00Z").unwrap();
    let ip = Some("192.0.2.7".parse().unwrap());
    Binding::new(Caller { principal, request: Request::new("r", time, ip, "GET") })
}

fn visitor() -> Binding {
    binding(Principal::Visitor)
}

fn user_with(user: &str, roles: &[&str]) -> Binding {
    binding(Principal::User(Arc::new(UserPrincipal {
        id: id(user),
        session: id("s"),
        email: None,
        email_verified: false,
        anonymous: false,
        roles: roles.iter().map(ToString::to_string).collect(),
        claims: Map::new(),
        mfa: false,
        method: "password".into(),
        authenticated_at: Timestamp::from_millis(0),
        shown: basalt_core::principal::Shown::default(),
    })))
}

fn user(user: &str) -> Binding {
    user_with(user, &[])
}

fn service(scope: &str) -> Binding {
    let scopes = vec![Scope::parse(scope).unwrap()];
    binding(Principal::Service(Arc::new(ServicePrincipal { id: id("k"), scopes })))
}

fn operator(role: OperatorRole) -> Binding {
    binding(Principal::Operator(Arc::new(OperatorPrincipal { id: id("o"), email: "o@example.com".into(), role })))
}

fn document(value: Value) -> Document {
    let Value::Object(data) = value else { panic!("an object") };
    let time = Timestamp::from_millis(0);
    Document { id: id("n1"), rev: Rev::parse("r1").unwrap(), created_at: time, updated_at: time, data }
}

/// `None`: allowed.
fn denied(verdict: Verdict, binding: &Binding) -> Option<Code> {
    match verdict {
        Verdict::Allow(_) => None,
        Verdict::Deny(denial) => Some(denial.into_error(binding.caller()).code()),
        Verdict::Need(reads) => panic!("asks for {reads:?}"),
    }
}

fn ask(rules: &CompiledRules, binding: &Binding, operation: Operation<'_>) -> Option<Code> {
    denied(rules.authorize(binding, operation, &NoFacts), binding)
}

#[test]
fn no_rule_is_no_access() {
    let rules = rules(&json!({}));
    let (doc, ann) = (json!({"owner": "ann"}), user("ann"));
    assert_eq!(ask(&rules, &ann, get(&doc)), Some(Code::DocumentNotFound));
    assert_eq!(ask(&rules, &ann, create(&doc)), Some(Code::RuleMissing));
    assert_eq!(ask(&rules, &visitor(), create(&doc)), Some(Code::Unauthenticated));
    let ListVerdict::Deny(denial) = rules.list(&visitor(), &NoFacts) else { panic!("denied") };
    assert_eq!(denial.into_list_error(visitor().caller()).code(), Code::RuleMissing);
}

#[test]
fn a_rule_that_is_an_error_denies() {
    let rules = rules(&json!({"read": "auth.id == doc.owner", "create": "auth.id == next.owner"}));
    let ownerless = json!({});
    assert_eq!(ask(&rules, &user("ann"), get(&ownerless)), Some(Code::DocumentNotFound));
    assert_eq!(ask(&rules, &visitor(), get(&json!({"owner": null}))), Some(Code::DocumentNotFound));
    assert_eq!(ask(&rules, &visitor(), create(&ownerless)), Some(Code::Unauthenticated));
    assert_eq!(ask(&rules, &user("ann"), create(&ownerless)), Some(Code::RuleDenied));
}

#[test]
fn who_may_not_read_finds_nothing_to_write() {
    let rules = rules(&json!({"get": "auth.id == doc.owner", "update": "true", "delete": "true"}));
    let doc = json!({"owner": "ann"});
    for (who, expected) in [(user("ann"), None), (user("bob"), Some(Code::DocumentNotFound))] {
        assert_eq!(ask(&rules, &who, update(&doc, &doc)), expected);
        assert_eq!(ask(&rules, &who, delete(&doc)), expected);
    }
}

#[test]
fn an_update_sees_what_is_stored_and_what_would_be() {
    let rules = rules(&json!({"get": "true", "update": "auth.id == doc.owner && unchanged('owner')"}));
    let (doc, taken) = (json!({"owner": "ann"}), json!({"owner": "bob"}));
    let (kept, ann, bob) = (json!({"owner": "ann", "text": "x"}), user("ann"), user("bob"));
    assert_eq!(ask(&rules, &ann, update(&doc, &kept)), None);
    assert_eq!(ask(&rules, &ann, update(&doc, &taken)), Some(Code::RuleDenied));
    assert_eq!(ask(&rules, &bob, update(&doc, &taken)), Some(Code::RuleDenied));
    assert_eq!(ask(&rules, &visitor(), update(&doc, &kept)), Some(Code::Unauthenticated));
}

#[test]
fn services_and_operators_are_bound_by_scope_and_role_alone() {
    let rules = rules(&json!({}));
    let doc = json!({});
    let (get, delete) = (get(&doc), delete(&doc));
    assert_eq!(ask(&rules, &service("documents:read"), get), None);
    assert_eq!(ask(&rules, &service("documents:read:notes"), get), None);
    assert_eq!(ask(&rules, &service("documents:read:tags"), get), Some(Code::ScopeMissing));
    assert_eq!(ask(&rules, &service("documents:read"), delete), Some(Code::ScopeMissing));
    assert_eq!(ask(&rules, &operator(OperatorRole::Viewer), get), None);
    assert_eq!(ask(&rules, &operator(OperatorRole::Viewer), delete), Some(Code::OperatorRoleMissing));
    assert_eq!(ask(&rules, &operator(OperatorRole::Editor), delete), None);
    assert_eq!(ask(&rules, &binding(Principal::System), delete), None);
}

#[test]
fn field_rules_bind_what_changes() {
    let rules = rules(&json!({
        "get": "true", "create": "true", "update": "true",
        "fields": {"salary": {"write": "'hr' in auth.roles"}},
    }));
    let (doc, same, raised) = (json!({"salary": 1}), json!({"salary": 1, "n": 2}), json!({"salary": 2}));
    let (ann, hr) = (user("ann"), user_with("eve", &["hr"]));
    assert_eq!(ask(&rules, &ann, update(&doc, &same)), None);
    assert_eq!(ask(&rules, &ann, update(&doc, &raised)), Some(Code::RuleDenied));
    assert_eq!(ask(&rules, &ann, update(&doc, &json!({}))), Some(Code::RuleDenied));
    assert_eq!(ask(&rules, &hr, update(&doc, &raised)), None);
    assert_eq!(ask(&rules, &ann, create(&json!({}))), None);
    assert_eq!(ask(&rules, &ann, create(&raised)), Some(Code::RuleDenied));
    let Verdict::Deny(denial) = rules.authorize(&ann, create(&raised), &NoFacts) else { panic!("denied") };
    assert_eq!(denial.into_error(ann.caller()).errors()[0].path, "/salary");
}

#[test]
fn look_ups_are_asked_for_and_then_decided() {
    let rules = rules(&json!({"create": "auth.id in get('rooms', next.room).members"}));
    let next = json!({"room": "r1"});
    let Verdict::Need(reads) = rules.authorize(&user("ann"), create(&next), &NoFacts) else { panic!("needs the room") };
    assert_eq!(reads, [Read::Document { collection: name("rooms"), id: id("r1") }]);
    let mut facts = Supposed::closed();
    let verdict = rules.authorize(&user("ann"), create(&next), &facts);
    assert_eq!(denied(verdict, &user("ann")), Some(Code::RuleDenied), "no such room");
    facts.put(name("rooms"), id("r1"), Some(document(json!({"members": ["ann"]}))));
    for (who, expected) in [("ann", None), ("bob", Some(Code::RuleDenied))] {
        let verdict = rules.authorize(&user(who), create(&next), &facts);
        assert_eq!(denied(verdict, &user(who)), expected);
    }
}

/// No bucket of `limit()` was taken from yet.
struct FullBuckets;

impl Facts for FullBuckets {
    fn document(&self, _: &CollectionName, _: &DocumentId) -> Option<Option<&Arc<Document>>> {
        None
    }

    fn cell(&self, _: &CellKey) -> Option<Option<&Cell>> {
        Some(None)
    }
}

/// The bucket as an earlier permit wrote it.
struct Written(Cell);

impl Facts for Written {
    fn document(&self, _: &CollectionName, _: &DocumentId) -> Option<Option<&Arc<Document>>> {
        None
    }

    fn cell(&self, _: &CellKey) -> Option<Option<&Cell>> {
        Some(Some(&self.0))
    }
}

#[test]
fn limits_take_a_token_with_the_operation() {
    let rules = rules(&json!({"create": "auth != null && limit('posts', 2, duration('1m'))"}));
    let (next, ann) = (json!({}), user("ann"));
    let create = create(&next);
    let Verdict::Need(reads) = rules.authorize(&ann, create, &NoFacts) else { panic!("needs the bucket") };
    assert_eq!(reads, [Read::Cell(CellKey::new(LIMIT_SPACE, "posts/user:ann"))]);
    assert_eq!(ask(&rules, &visitor(), create), Some(Code::Unauthenticated), "no bucket is needed to say no");

    let take = |facts: &dyn Facts| match rules.authorize(&ann, create, facts) {
        Verdict::Allow(permit) => match permit.cells().remove(0) {
            CellWrite::Put { value, expires_at, .. } => Cell { value, expires_at },
            CellWrite::Delete { .. } => panic!("a bucket is never emptied by deleting it"),
        },
        Verdict::Deny(denial) => panic!("{denial:?}"),
        Verdict::Need(reads) => panic!("{reads:?}"),
    };
    let first = take(&FullBuckets);
    let second = take(&Written(first));
    let Verdict::Deny(denial) = rules.authorize(&ann, create, &Written(second)) else { panic!("limited") };
    let error = denial.into_error(ann.caller());
    assert_eq!(error.code(), Code::RateLimited);
    assert_eq!(error.retry_after_hint(), Some(Duration::from_secs(30)));
}

#[test]
fn a_list_is_filtered_by_its_rule() {
    let rules = rules(&json!({"list": "auth.id == doc.owner || 'hr' in auth.roles"}));
    let filter = |who: &Binding| match rules.list(who, &NoFacts) {
        ListVerdict::Allow(grant) => grant.filter().clone(),
        ListVerdict::Deny(denial) => panic!("{denial:?}"),
        ListVerdict::Need(reads) => panic!("{reads:?}"),
    };
    assert!(matches!(filter(&user("ann")), Filter::Leaf(_)));
    assert_eq!(filter(&user_with("eve", &["hr"])), Filter::True);
    assert!(matches!(filter(&visitor()), Filter::False | Filter::Error));
    assert_eq!(filter(&service("documents:read")), Filter::True);
}

fn grant(rules: &CompiledRules, who: &Binding) -> ListGrant {
    match rules.list(who, &NoFacts) {
        ListVerdict::Allow(grant) => grant,
        ListVerdict::Deny(denial) => panic!("{denial:?}"),
        ListVerdict::Need(reads) => panic!("{reads:?}"),
    }
}

fn fields(revealed: Revealed) -> Vec<String> {
    let Revealed::Document(document) = revealed else { panic!("needs something") };
    document.data.keys().cloned().collect()
}

#[test]
fn unreadable_fields_neither_leave_nor_help_to_find() {
    let rules = rules_hiding(
        &json!({
            "read": "true",
            "fields": {
                "salary": {"read": "'hr' in auth.roles"},
                "phone": {"read": "auth.id == doc.owner || 'hr' in auth.roles"},
            },
        }),
        &["secret"],
    );
    let stored = || document(json!({"owner": "ann", "salary": 1, "phone": 2, "secret": 3, "title": 4}));
    let may_query = |who: &Binding, field: &str| grant(&rules, who).may_query(&FieldPath::parse(field).unwrap());
    let seen = |who: &Binding| fields(grant(&rules, who).reveal(stored(), &NoFacts));

    assert_eq!(seen(&user("bob")), ["owner", "title"]);
    assert_eq!(seen(&user("ann")), ["owner", "phone", "title"]);
    assert_eq!(seen(&user_with("eve", &["hr"])), ["owner", "phone", "salary", "title"]);
    assert_eq!(seen(&visitor()), ["owner", "title"]);
    assert_eq!(seen(&service("documents:read")), ["owner", "phone", "salary", "secret", "title"]);

    assert!(!may_query(&user("ann"), "phone"), "readable on some documents only");
    assert!(!may_query(&user("ann"), "salary.base"));
    assert!(!may_query(&user_with("eve", &["hr"]), "secret"));
    assert!(may_query(&user_with("eve", &["hr"]), "phone"));
    assert!(may_query(&visitor(), "id") && may_query(&visitor(), "title"));
    assert!(may_query(&service("documents:read"), "secret"));

    let ReadVerdict::Readable(document) = rules.read(&user("bob"), stored(), &NoFacts) else { panic!("readable") };
    assert_eq!(document.data.keys().collect::<Vec<_>>(), ["owner", "title"]);
}

#[test]
fn field_rules_may_look_up() {
    let rules = rules(&json!({
        "read": "true",
        "fields": {"notes": {"read": "exists('members', doc.team + '_' + auth.id)"}},
    }));
    let stored = document(json!({"team": "t", "notes": "n"}));
    let granted = grant(&rules, &user("ann"));
    let Revealed::Need(stored, reads) = granted.reveal(stored, &NoFacts) else { panic!("needs the membership") };
    assert_eq!(reads, [Read::Document { collection: name("members"), id: id("t_ann") }]);
    let mut facts = Supposed::closed();
    assert_eq!(fields(granted.reveal(stored.clone(), &facts)), ["team"]);
    facts.put(name("members"), id("t_ann"), Some(document(json!({}))));
    assert_eq!(fields(granted.reveal(stored, &facts)), ["notes", "team"]);
}

#[test]
fn faults_name_their_rule_and_place() {
    let definition = Definition::parse(
        &name("notes"),
        &json!({"rules": {
            "read": "doc.a == nope", "create": "doc.a == 1", "update": "", "delete": "next.a == 1",
            "fields": {"x": {"write": "limit('a', 1, duration('1s'))"}},
        }}),
    )
    .unwrap();
    let faults = CompiledRules::compile(&definition.name, &definition.rules, Vec::new(), &Undeclared).unwrap_err();
    let told: Vec<(&str, Option<u32>)> = faults.iter().map(|fault| (fault.path.as_str(), fault.column)).collect();
    assert_eq!(
        told,
        [
            ("/rules/read", Some(10)),
            ("/rules/create", Some(1)),
            ("/rules/update", Some(1)),
            ("/rules/delete", Some(1)),
            ("/rules/fields/x/write", Some(1)),
        ],
        "{faults:?}"
    );
}

#[test]
fn only_what_has_a_sql_form_rules_a_list() {
    let texts = |key: &str| {
        let rules = json!({"rules": {key: "doc.a == doc.b"}});
        Definition::parse(&name("notes"), &rules).unwrap().rules
    };
    assert!(CompiledRules::compile(&name("notes"), &texts("get"), Vec::new(), &Undeclared).is_ok());
    for key in ["list", "read"] {
        let faults = CompiledRules::compile(&name("notes"), &texts(key), Vec::new(), &Undeclared).unwrap_err();
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert_eq!(faults[0].path, format!("/rules/{key}"));
    }
}

#[test]
fn access_is_told_without_documents() {
    let rules = rules(&json!({
        "get": "true", "list": "auth.id == doc.owner", "create": "auth != null",
        "update": "'editor' in auth.roles && next.open", "delete": "false",
    }));
    let told: Vec<_> = access(&rules).into_iter().map(|entry| (entry.op, entry.visitor, entry.signed_in)).collect();
    assert_eq!(
        told,
        [
            ("get", Reach::Always, Reach::Always),
            ("list", Reach::Never, Reach::Depends),
            ("create", Reach::Never, Reach::Always),
            ("update", Reach::Never, Reach::Depends),
            ("delete", Reach::Never, Reach::Never),
        ]
    );
}

#[test]
fn cases_are_run_and_explained() {
    let rules = [(
        name("notes"),
        rules(&json!({
            "get": "auth.id == doc.owner", "list": "doc.open == true",
            "create": "exists('rooms', next.room)", "update": "auth.id == doc.owner && unchanged('owner')",
        })),
    )]
    .into();
    let text = r#"
[documents.rooms.r1]
members = []

[[cases]]
name = "into a room"
collection = "notes"
op = "create"
next = { room = "r1" }
allowed = true

[[cases]]
name = "into no room"
collection = "notes"
op = "create"
next = { room = "r2" }
allowed = false

[[cases]]
name = "giving away"
collection = "notes"
op = "update"
auth = { id = "ann" }
doc = { owner = "ann" }
next = { owner = "bob" }
allowed = true

[[cases]]
name = "a stranger's"
collection = "notes"
op = "update"
auth = { id = "bob" }
doc = { owner = "ann" }
next = { owner = "ann" }
allowed = false

[[cases]]
name = "an open one"
collection = "notes"
op = "list"
doc = { open = true }
allowed = true
"#;
    let results = Cases::parse(text, CasesFormat::Toml, Timestamp::from_millis(0)).unwrap().run(&rules).unwrap();
    let told: Vec<_> = results.iter().map(|r| (r.name.as_str(), r.passed, r.simulated.rule.as_str())).collect();
    assert_eq!(
        told,
        [
            ("into a room", true, "create"),
            ("into no room", true, "create"),
            ("giving away", false, "update"),
            ("a stranger's", true, "get"),
            ("an open one", true, "list"),
        ]
    );
    assert!(!results[2].simulated.trace.is_empty());
}

#[test]
fn bad_cases_are_told_with_their_place() {
    let text = "[[cases]]\ncollection = \"notes\"\nop = \"read\"\nalowed = true\nauth = { name = \"ann\" }\n";
    let error = Cases::parse(text, CasesFormat::Toml, Timestamp::from_millis(0)).unwrap_err();
    let told: Vec<_> = error.errors().iter().map(|f| (f.line.unwrap(), f.path.as_str(), f.code.as_str())).collect();
    assert_eq!(
        told,
        [
            (1, "/cases/0/allowed", "required"),
            (3, "/cases/0/op", "bad_operation"),
            (4, "/cases/0/alowed", "unknown_field"),
            (5, "/cases/0/auth/id", "required"),
            (5, "/cases/0/auth/name", "unknown_field"),
        ]
    );
    let json = r#"{"cases":[{"collection":"notes","op":"get","doc":{},"allowed":false}]}"#;
    assert!(Cases::parse(json, CasesFormat::Json, Timestamp::from_millis(0)).is_ok());
}
