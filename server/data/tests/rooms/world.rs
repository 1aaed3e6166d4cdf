//! Callers, collections and writes.

use std::sync::Arc;

use basalt_core::principal::{OperatorPrincipal, OperatorRole, Request, Scope, ServicePrincipal};
use basalt_core::{Actor, Caller, CollectionName, Document, DocumentId, Error, FieldPath, Principal, Rev, Timestamp};
use basalt_data::changes::Changes;
use basalt_data::collections::{Builtin, Builtins, Collections, Definition, OwnedRead};
use basalt_data::jobs::DEAD_LETTERS;
use basalt_data::rules::RuleOp;
use basalt_store::testkit::TestDb;
use basalt_store::{Decide, DocumentWrite, IndexKind, IndexSpec, NewJob, Origin, Read, SortField, Step, View, Writes};
use serde_json::{Value, json};

pub(crate) fn name(text: &str) -> CollectionName {
    CollectionName::parse(text).unwrap()
}

pub(crate) fn id(text: &str) -> DocumentId {
    DocumentId::parse(text).unwrap()
}

pub(crate) fn definition(collection: &str, value: &Value) -> Definition {
    Definition::parse(&name(collection), value).unwrap()
}

/// With `users` and a system collection, defined.
///
/// Takes the whole database: an `async move` block that names but `db.store` would drop the rest of it, and with it the
/// database.
pub(crate) async fn collections(db: &TestDb) -> Collections {
    let email = SortField { path: FieldPath::parse("email").unwrap(), descending: false };
    let users = Builtin {
        name: name("users"),
        indexes: vec![IndexSpec { kind: IndexKind::Ordered, fields: vec![email] }],
        owned_fields: vec!["email".into(), "roles".into()],
        owned_read: OwnedRead::Rule("auth.id == doc.id".to_owned()),
        ruled: vec![RuleOp::Get, RuleOp::List, RuleOp::Update],
    };
    let sessions = Builtin { name: name("_sessions"), indexes: Vec::new(), ..users.clone() };
    let dead = Builtin { name: DEAD_LETTERS.clone(), indexes: Vec::new(), ..sessions.clone() };
    let collections = Collections::new(db.store.clone(), Builtins::new([users, sessions, dead]));
    collections.define_builtins().await.unwrap();
    collections
}

pub(crate) fn log(db: &TestDb) -> Changes {
    Changes::new(db.store.clone())
}

fn caller(principal: Principal) -> Caller {
    let time = Timestamp::from_millis(0);
    Caller { principal, request: Request::new("test", time, None, "PUT") }
}

pub(crate) fn operator(role: OperatorRole) -> Caller {
    caller(Principal::Operator(Arc::new(OperatorPrincipal { id: id("o"), email: "o@example.com".into(), role })))
}

pub(crate) fn owner() -> Caller {
    operator(OperatorRole::Owner)
}

pub(crate) fn service(scope: &str) -> Caller {
    let scopes = vec![Scope::parse(scope).unwrap()];
    caller(Principal::Service(Arc::new(ServicePrincipal { id: id("k"), scopes })))
}

pub(crate) fn visitor() -> Caller {
    caller(Principal::Visitor)
}

/// `409 plan_refused` of a failure.
pub(crate) fn refusal<T>(result: Result<T, Error>) -> String {
    match result {
        Ok(_) => "allowed".to_owned(),
        Err(error) => format!("{} {}", error.code().status(), error.code().as_str()),
    }
}

/// One document, one job, or both.
#[derive(Default)]
pub(crate) struct Batch {
    pub document: Option<(CollectionName, Document)>,
    pub jobs: Vec<NewJob>,
}

impl Decide for Batch {
    type Out = ();

    fn epoch(&self) -> Option<u64> {
        None
    }

    fn step(&mut self, view: &View) -> Step<()> {
        let mut documents = Vec::new();
        if let Some((collection, document)) = &self.document {
            let Some(previous) = view.document(collection, &document.id) else {
                return Step::Need(vec![Read::Document { collection: collection.clone(), id: document.id.clone() }]);
            };
            documents.push(DocumentWrite::Put {
                collection: collection.clone(),
                document: Arc::new(document.clone()),
                previous: previous.cloned(),
            });
        }
        let origin = Origin { actor: Actor::SYSTEM, request_id: "test".into(), at: Timestamp::from_millis(0) };
        Step::Done(Writes { documents, cells: Vec::new(), jobs: self.jobs.clone(), origin }, ())
    }
}

pub(crate) async fn put(db: &TestDb, collection: &str, document: &str, data: Value) {
    let Value::Object(data) = data else { panic!("an object") };
    let (created_at, rev) = (Timestamp::from_millis(0), Rev::generate(db.random.as_ref()));
    let document = Document { id: id(document), rev, created_at, updated_at: created_at, data };
    let batch = Batch { document: Some((name(collection), document)), jobs: Vec::new() };
    db.store.commit(batch).await.unwrap();
}

pub(crate) async fn enqueue(db: &TestDb, kind: &'static str, order_key: Option<&str>, payload: Value) {
    let run_at = basalt_core::Clock::now(db.clock.as_ref());
    let job = NewJob { kind: kind.into(), key: None, order_key: order_key.map(str::to_owned), payload, run_at };
    db.store.commit(Batch { document: None, jobs: vec![job] }).await.unwrap();
}

pub(crate) fn notes() -> Value {
    json!({
        "rules": {"read": "auth.id == doc.owner", "create": "auth.id == next.owner"},
        "indexes": [{"fields": ["slug"], "unique": true}],
    })
}
