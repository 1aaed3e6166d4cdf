//! The rooms on a database of their own, and callers.

use std::net::IpAddr;
use std::sync::Arc;

use basalt_app::auth::{
    Auth, AuthParts, AuthSettings, Identifier, KeyRing, LogIn, Role, SignUp, SignedIn, UserPrincipals, Users,
};
use basalt_app::keys::Keys;
use basalt_app::operators::Operators;
use basalt_app::{Db, Device, Live, MasterSecret, PasswordCost, Passwords, Principals, Secret, builtins};
use basalt_core::change::Change;
use basalt_core::principal::{OperatorPrincipal, OperatorRole, Request, Scope, ServicePrincipal};
use basalt_core::{Caller, Clock, CollectionName, Document, DocumentId, Error, Principal, Result};
use basalt_data::changes::{Lag, Reader};
use basalt_data::collections::{Builtins, Collections};
use basalt_store::testkit::TestDb;
use basalt_store::{CatalogChange, IndexKind, IndexSpec, SortField, Store};
use serde_json::{Map, Value};

pub(crate) const PASSWORD: &str = "correct horse battery";
pub(crate) const CHEAP: PasswordCost = PasswordCost { memory_kib: 64, passes: 1 };
const MASTER: &str = "a master secret of the tests, long enough";

/// One node.
pub(crate) struct World {
    pub db: TestDb,
    pub node: Node,
}

/// The rooms of one node.
pub(crate) struct Node {
    pub store: Store,
    pub auth: Auth,
    pub users: Users,
    pub keys: Keys,
    pub operators: Operators,
    pub principals: Principals,
    pub passwords: Passwords,
    pub keyring: KeyRing,
    pub settings: Live<AuthSettings>,
}

pub(crate) async fn both<Test, Done>(test: Test)
where
    Test: Fn(Arc<World>) -> Done,
    Done: Future<Output = ()>,
{
    for db in [TestDb::sqlite().await, TestDb::postgres().await] {
        // Shared, so that a test that uses one room of it keeps all of it.
        test(Arc::new(World::new(db).await)).await;
    }
}

impl World {
    pub(crate) async fn new(db: TestDb) -> Self {
        let node = Node::new(&db, db.store.clone(), CHEAP).await;
        Self { db, node }
    }

    pub(crate) fn caller(&self, principal: Principal) -> Caller {
        self.caller_from(principal, "203.0.113.7")
    }

    pub(crate) fn caller_from(&self, principal: Principal, ip: &str) -> Caller {
        let ip: IpAddr = ip.parse().expect("an address");
        let request = Request::new("r", self.db.clock.now(), Some(ip), "POST");
        Caller { principal, request }
    }

    pub(crate) fn visitor(&self) -> Caller {
        self.caller(Principal::Visitor)
    }

    pub(crate) fn operator(&self, role: OperatorRole) -> Caller {
        let operator = OperatorPrincipal { id: id("operator"), email: "op@example.com".into(), role };
        self.caller(Principal::Operator(Arc::new(operator)))
    }

    pub(crate) fn service(&self, scopes: &[&str]) -> Caller {
        let scopes = scopes.iter().map(|scope| Scope::parse(scope).expect("a scope")).collect();
        self.caller(Principal::Service(Arc::new(ServicePrincipal { id: id("key"), scopes })))
    }

    pub(crate) fn set(&self, change: impl FnOnce(&mut AuthSettings)) {
        let mut settings = (*self.node.settings.get()).clone();
        change(&mut settings);
        self.node.settings.set(settings);
    }

    /// Gives `users` a definition of the app's.
    pub(crate) async fn define_users(&self, definition: Value, unique: &[&str]) {
        let unique = unique.iter().map(|field| IndexSpec {
            kind: IndexKind::Unique,
            fields: vec![SortField { path: basalt_core::FieldPath::parse(field).expect("a path"), descending: false }],
        });
        let change = CatalogChange::Put { name: users(), definition, indexes: unique.collect() };
        self.node.store.define(self.node.store.catalog().epoch, vec![change]).await.expect("defined");
        self.node.store.indexes_built().await.expect("indexes");
    }

    /// Roles that users may be given.
    pub(crate) async fn declare(&self, names: &[&str]) {
        let owner = self.operator(OperatorRole::Owner);
        let roles = names.iter().map(|name| (id(name), Role::default())).collect();
        self.node.auth.roles().declare(&owner, roles).await.expect("declared");
    }

    pub(crate) async fn sign_up(&self, email: &str) -> SignedIn {
        self.try_sign_up(email).await.expect("a sign-up")
    }

    pub(crate) async fn try_sign_up(&self, email: &str) -> Result<SignedIn> {
        self.node.auth.sign_up(&self.visitor(), &Device::default(), sign_up(email)).await
    }

    pub(crate) async fn log_in(&self, email: &str, password: &str) -> Result<SignedIn> {
        self.node.auth.log_in(&self.visitor(), &Device::default(), log_in(email, password)).await
    }

    /// The caller that an answer's access token speaks for.
    pub(crate) async fn as_user(&self, signed_in: &SignedIn) -> Caller {
        self.caller(self.try_user(signed_in).await.expect("a good token"))
    }

    pub(crate) async fn try_user(&self, signed_in: &SignedIn) -> Result<Principal> {
        self.node.principals.bearer(access(signed_in)).await
    }

    pub(crate) async fn refresh(&self, token: &Secret) -> Result<Secret> {
        let tokens = self.node.auth.refresh(&self.visitor(), &Device::default(), token).await?;
        Ok(tokens.refresh_token)
    }

    pub(crate) async fn user(&self, id: &DocumentId) -> Option<Document> {
        self.node.store.document(&users(), id).await.expect("a read")
    }
}

impl Node {
    /// A node on a store: the first one, or a further one on the same database.
    pub(crate) async fn new(db: &TestDb, store: Store, cost: PasswordCost) -> Self {
        let collections = Collections::new(store.clone(), Builtins::new(builtins().expect("built-ins")));
        collections.define_builtins().await.expect("built-in collections");
        store.indexes_built().await.expect("indexes");
        let (clock, random) = (db.clock.clone(), db.random.clone());
        let lag = Lag::new(clock.now());
        let passwords = Passwords::start(1, 256, cost, random.clone()).expect("threads");
        let rooms = Db::new(store.clone(), clock, random);
        let settings = Live::new(AuthSettings::default());
        let master = MasterSecret::from_text(MASTER).expect("a secret");
        let keyring = KeyRing::open(rooms.clone(), master, settings.clone()).await.expect("a key ring");
        let user_principals = UserPrincipals::new(rooms.clone(), keyring.clone(), settings.clone(), lag.clone());
        let auth = Auth::new(AuthParts {
            hooks: Arc::new(basalt_app::auth::NoUserHooks),
            db: rooms.clone(),
            collections,
            keyring: keyring.clone(),
            passwords: passwords.clone(),
            principals: user_principals.clone(),
            settings: settings.clone(),
        });
        let keys = Keys::new(rooms.clone(), lag.clone());
        let operators = Operators::new(rooms, passwords.clone(), lag);
        let principals = Principals::new(user_principals, keys.clone(), operators.clone());
        let users = auth.users();
        Self { store, auth, users, keys, operators, principals, passwords, keyring, settings }
    }

    /// Reads the log from its beginning, as the node's tailer does.
    pub(crate) async fn follow(&self) {
        let changes: Vec<Change> = self.store.changes(0, 10_000).await.expect("the log");
        let changes: Vec<_> = changes.into_iter().map(Arc::new).collect();
        self.principals.clone().apply(&changes);
    }
}

pub(crate) fn users() -> CollectionName {
    CollectionName::parse("users").expect("a name")
}

pub(crate) fn id(text: &str) -> DocumentId {
    DocumentId::parse(text).expect("an id")
}

pub(crate) fn email(text: &str) -> Identifier {
    Identifier::email(text).expect("an address")
}

pub(crate) fn sign_up(address: &str) -> SignUp {
    SignUp { identifiers: vec![email(address)], password: Secret::new(PASSWORD), data: Map::new() }
}

pub(crate) fn log_in(address: &str, password: &str) -> LogIn {
    LogIn { identifier: email(address), password: Secret::new(password) }
}

pub(crate) fn access(signed_in: &SignedIn) -> &Secret {
    &signed_in.session.as_ref().expect("a session").access_token
}

pub(crate) fn refresh(signed_in: &SignedIn) -> &Secret {
    &signed_in.session.as_ref().expect("a session").refresh_token
}

pub(crate) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("{other} is no object"),
    }
}

pub(crate) fn code<T>(outcome: Result<T>) -> &'static str {
    outcome.err().map_or("ok", |error: Error| error.code().as_str())
}
