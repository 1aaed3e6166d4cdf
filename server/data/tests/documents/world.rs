//! A database with collections, and callers.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use basalt_core::principal::{Request, Scope, ServicePrincipal, UserPrincipal};
use basalt_core::{Caller, CollectionName, DocumentId, Error, FieldPath, Principal, Result, Timestamp};
use basalt_data::collections::{Builtin, Builtins, Collections, OwnedRead};
use basalt_data::documents::{
    Behaviours, Documents, Fetched, Hooks, Idempotency, ListQuery, Listed, NoHooks, Parts, PatchBody, Show, Transacted,
    UsersBehaviour, WriteOptions, Written,
};
use basalt_data::rules::RuleOp;
use basalt_store::testkit::TestDb;
use basalt_store::{CatalogChange, IndexKind, IndexSpec, SortField};
use serde_json::{Map, Value, json};

pub(crate) const SERVER_FIELDS: [&str; 10] = [
    "email",
    "emailVerified",
    "phone",
    "phoneVerified",
    "username",
    "anonymous",
    "roles",
    "claims",
    "disabled",
    "lastLoginAt",
];

pub(crate) struct World {
    pub db: TestDb,
    pub collections: Collections,
    pub documents: Documents,
}

/// Everybody may do everything.
pub(crate) fn open() -> Value {
    json!({"rules": {"read": "true", "write": "true"}})
}

pub(crate) async fn both<Test, Done>(definitions: Value, test: Test)
where
    Test: Fn(World) -> Done,
    Done: Future<Output = ()>,
{
    for db in [TestDb::sqlite().await, TestDb::postgres().await] {
        test(World::new(db, &definitions, Arc::new(NoHooks)).await).await;
    }
}

pub(crate) async fn both_with_hooks<Test, Done>(definitions: Value, hooks: Arc<dyn Hooks>, test: Test)
where
    Test: Fn(World) -> Done,
    Done: Future<Output = ()>,
{
    for db in [TestDb::sqlite().await, TestDb::postgres().await] {
        test(World::new(db, &definitions, Arc::clone(&hooks)).await).await;
    }
}

impl World {
    pub(crate) async fn new(db: TestDb, definitions: &Value, hooks: Arc<dyn Hooks>) -> Self {
        let users = CollectionName::parse("users").unwrap();
        let builtins = Builtins::new([Builtin {
            name: users.clone(),
            indexes: Vec::new(),
            owned_fields: SERVER_FIELDS.iter().map(ToString::to_string).collect(),
            owned_read: OwnedRead::Rule("auth.id == doc.id".to_owned()),
            ruled: vec![RuleOp::Get, RuleOp::List, RuleOp::Update],
        }]);
        let collections = Collections::new(db.store.clone(), builtins);
        let documents = Documents::new(Parts {
            store: db.store.clone(),
            collections: collections.clone(),
            clock: db.clock.clone(),
            random: db.random.clone(),
            cursor_key: [7; 32],
            behaviours: Behaviours::new([(users, Arc::new(UsersBehaviour) as Arc<_>)]),
            hooks,
            spans: Arc::new(basalt_core::trace::NoSpans),
        });
        let world = Self { db, collections, documents };
        world.define(definitions).await;
        world
    }

    pub(crate) async fn define(&self, definitions: &Value) {
        let changes = definitions.as_object().unwrap().iter().map(|(collection, definition)| CatalogChange::Put {
            name: name(collection),
            definition: definition.clone(),
            indexes: indexes(definition),
        });
        self.db.store.define(self.db.store.catalog().epoch, changes.collect()).await.unwrap();
        self.db.store.indexes_built().await.unwrap();
    }

    /// Puts a document as a service and gives its revision.
    pub(crate) async fn seed(&self, collection: &str, id: &str, body: Value) -> String {
        let written = self.put(&service(), collection, id, body).await.unwrap();
        written.rev.unwrap().to_string()
    }

    /// Writes a document of a built-in collection as its room does.
    pub(crate) async fn seed_built_in(&self, collection: &str, id: &str, data: Value) {
        use basalt_store::{Decide, DocumentWrite, Origin, Read, Step, View, Writes};
        struct Put(CollectionName, Arc<basalt_core::Document>);
        impl Decide for Put {
            type Out = ();
            fn epoch(&self) -> Option<u64> {
                None
            }
            fn step(&mut self, view: &View) -> Step<()> {
                let Some(previous) = view.document(&self.0, &self.1.id) else {
                    return Step::Need(vec![Read::Document { collection: self.0.clone(), id: self.1.id.clone() }]);
                };
                let write = DocumentWrite::Put {
                    collection: self.0.clone(),
                    document: Arc::clone(&self.1),
                    previous: previous.cloned(),
                };
                let origin = Origin {
                    actor: basalt_core::Actor::SYSTEM,
                    request_id: String::new(),
                    at: Timestamp::from_millis(0),
                };
                Step::Done(Writes { documents: vec![write], cells: Vec::new(), jobs: Vec::new(), origin }, ())
            }
        }
        let now = Timestamp::parse("2026-01-01T00:00:00Z").unwrap();
        let document = basalt_core::Document {
            id: id_of(id),
            rev: basalt_core::Rev::parse("seeded").unwrap(),
            created_at: now,
            updated_at: now,
            data: object(data),
        };
        self.db.store.commit(Put(name(collection), Arc::new(document))).await.unwrap();
    }

    pub(crate) async fn create(&self, caller: &Caller, collection: &str, body: Value) -> Result<Written> {
        self.documents.create(caller, &name(collection), object(body), WriteOptions::default()).await
    }

    pub(crate) async fn put(&self, caller: &Caller, collection: &str, id: &str, body: Value) -> Result<Written> {
        self.put_with(caller, collection, id, body, WriteOptions::default()).await
    }

    pub(crate) async fn put_with(
        &self,
        caller: &Caller,
        collection: &str,
        id: &str,
        body: Value,
        options: WriteOptions,
    ) -> Result<Written> {
        self.documents.put(caller, &name(collection), &id_of(id), object(body), options).await
    }

    pub(crate) async fn patch(&self, caller: &Caller, collection: &str, id: &str, patch: Value) -> Result<Written> {
        self.patch_with(caller, collection, id, patch, WriteOptions::default()).await
    }

    /// A list is a JSON Patch.
    pub(crate) async fn patch_with(
        &self,
        caller: &Caller,
        collection: &str,
        id: &str,
        patch: Value,
        options: WriteOptions,
    ) -> Result<Written> {
        let patch = match patch {
            Value::Object(map) => PatchBody::Merge(map),
            list => PatchBody::Json(list),
        };
        self.documents.patch(caller, &name(collection), &id_of(id), patch, options).await
    }

    pub(crate) async fn delete(&self, caller: &Caller, collection: &str, id: &str) -> Result<Written> {
        self.documents.delete(caller, &name(collection), &id_of(id), WriteOptions::default()).await
    }

    pub(crate) async fn get(&self, caller: &Caller, collection: &str, id: &str) -> Result<Fetched> {
        self.documents.get(caller, &name(collection), &id_of(id), &Show::default()).await
    }

    /// What is stored, without the server's own fields; `Null` where nothing is.
    pub(crate) async fn stored(&self, collection: &str, id: &str) -> Value {
        match self.db.store.document(&name(collection), &id_of(id)).await.unwrap() {
            Some(document) => Value::Object(document.data),
            None => Value::Null,
        }
    }

    pub(crate) async fn list(&self, caller: &Caller, collection: &str, query: Value) -> Result<Listed> {
        self.documents.query(caller, &name(collection), ListQuery::from_body(object(query))?).await
    }

    /// The ids of a list, in its order.
    pub(crate) async fn ids(&self, caller: &Caller, collection: &str, query: Value) -> Vec<String> {
        let listed = self.list(caller, collection, query).await.unwrap();
        listed.items.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
    }

    pub(crate) async fn transact(&self, caller: &Caller, operations: Value) -> Result<Transacted> {
        self.documents.transaction(caller, object(json!({"operations": operations})), None).await
    }

    pub(crate) async fn log_length(&self) -> usize {
        self.db.store.changes(0, 10_000).await.unwrap().len()
    }
}

pub(crate) fn name(text: &str) -> CollectionName {
    CollectionName::parse(text).unwrap()
}

pub(crate) fn id_of(text: &str) -> DocumentId {
    DocumentId::parse(text).unwrap()
}

pub(crate) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("{other} is no object"),
    }
}

/// What was refused, as `status code`.
pub(crate) fn refusal<T>(result: Result<T>) -> String {
    match result {
        Ok(_) => panic!("not refused"),
        Err(error) => told(&error),
    }
}

pub(crate) fn told(error: &Error) -> String {
    format!("{} {}", error.code().status(), error.code().as_str())
}

pub(crate) fn visitor() -> Caller {
    caller(Principal::Visitor)
}

pub(crate) fn user(id: &str) -> Caller {
    user_with(id, &[])
}

pub(crate) fn user_with(id: &str, roles: &[&str]) -> Caller {
    caller(Principal::User(Arc::new(UserPrincipal {
        id: id_of(id),
        session: id_of("session"),
        email: Some(format!("{id}@example.org")),
        email_verified: true,
        anonymous: false,
        roles: roles.iter().map(ToString::to_string).collect(),
        claims: Map::new(),
        mfa: false,
        method: "password".to_owned(),
        authenticated_at: Timestamp::from_millis(0),
        shown: basalt_core::principal::Shown::default(),
    })))
}

pub(crate) fn service() -> Caller {
    service_with(&["*"])
}

pub(crate) fn service_with(scopes: &[&str]) -> Caller {
    let scopes = scopes.iter().map(|scope| Scope::parse(scope).unwrap()).collect();
    caller(Principal::Service(Arc::new(ServicePrincipal { id: id_of("key"), scopes })))
}

fn caller(principal: Principal) -> Caller {
    let time = Timestamp::parse("2026-01-01T00:00:00Z").unwrap();
    let ip = Some(IpAddr::V4(Ipv4Addr::LOCALHOST));
    Caller { principal, request: Request::new("request", time, ip, "TEST") }
}

pub(crate) fn keyed(key: &str, body: u8) -> WriteOptions {
    WriteOptions { idempotency: Some(idempotency(key, body)), ..WriteOptions::default() }
}

pub(crate) fn idempotency(key: &str, body: u8) -> Idempotency {
    Idempotency { key: key.into(), method: "POST".into(), path: "/v1/x".into(), body_hash: [body; 32] }
}

fn indexes(definition: &Value) -> Vec<IndexSpec> {
    let specs = definition["indexes"].as_array().into_iter().flatten();
    specs
        .map(|spec| {
            let kind = if spec["unique"] == true { IndexKind::Unique } else { IndexKind::Ordered };
            let fields = spec["fields"].as_array().unwrap().iter().map(|field| {
                let text = field.as_str().unwrap();
                let path = FieldPath::parse(text.trim_start_matches('-')).unwrap();
                SortField { path, descending: text.starts_with('-') }
            });
            IndexSpec { kind, fields: fields.collect() }
        })
        .collect()
}
