//! A whole server within the test: its own database, port, clock and random bytes.

use std::future::Future;
use std::net::SocketAddr;
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use basalt::{Configuration, Outside, Rooms, RunningNode};
use basalt_app::PasswordCost;
use basalt_outbound::Network;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::{Handle, RuntimeFlavor};

use crate::client::Client;
use crate::engine::{Database, Engine};
use crate::objects::Store;
use crate::outside::{ManualClock, SeededRandom};
use crate::process::SECRET;

const OWNER: &str = "owner@example.com";
const PASSWORD: &str = "a long enough phrase";
const SEED: u64 = 7;

/// A running server. Its data live as long as this value.
pub struct TestServer {
    engine: Engine,
    node: Held,
    client: Client,
    clock: ManualClock,
    outside: Outside,
    setup_token: String,
    /// None where nobody has claimed the server.
    staff: Option<Staff>,
    home: Home,
    settings: Configuration,
}

/// A running node that ends with its test, if not before.
struct Held(Option<RunningNode>);

/// What outlives a restart.
struct Home {
    folder: TempDir,
    /// Nodes share it.
    database: Option<Arc<Database>>,
    /// Where the bytes of files are; `None` is the data folder.
    files: Option<String>,
}

#[derive(Clone)]
struct Staff {
    owner: Client,
    service: Client,
}

/// A signed-in user; calls go out with his access token.
pub struct User {
    client: Client,
    pub id: String,
    pub email: String,
    pub password: String,
    pub access_token: String,
    pub refresh_token: String,
}

impl Deref for User {
    type Target = Client;
    fn deref(&self) -> &Client {
        &self.client
    }
}

/// Runs one test on a server of its own.
pub fn run<F>(engine: Engine, test: impl FnOnce(TestServer) -> F)
where
    F: Future<Output = ()>,
{
    run_on(engine, Store::Local, test);
}

/// Runs one test on a server of its own that keeps bytes there; passes over it, with a line that says why, where such a
/// store can't be had.
pub fn run_on<F>(engine: Engine, store: Store, test: impl FnOnce(TestServer) -> F)
where
    F: Future<Output = ()>,
{
    let files = match store.place() {
        Ok(files) => files,
        Err(lacking) => return say(&format!("skipped: {lacking}")),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(async { test(TestServer::start_with_files(engine, files).await).await });
}

#[expect(clippy::print_stderr, reason = "a test that is passed over says so")]
fn say(line: &str) {
    eprintln!("{line}");
}

impl TestServer {
    /// Empty but for an owner and a service key.
    pub async fn start(engine: Engine) -> Self {
        Self::start_with_seed(engine, SEED).await
    }

    /// With other random bytes: keys, ids and secrets are others.
    pub async fn start_with_seed(engine: Engine, seed: u64) -> Self {
        let mut server = Self::start_new(engine, seed, None, |_| {}).await;
        server.claim().await;
        server
    }

    /// With other settings.
    pub async fn start_configured(engine: Engine, configure: impl FnOnce(&mut Configuration)) -> Self {
        let mut server = Self::start_new(engine, SEED, None, configure).await;
        server.claim().await;
        server
    }

    /// With the bytes of files at a place, as BASALT_FILES_URL says it.
    pub async fn start_with_files(engine: Engine, files: Option<String>) -> Self {
        let mut server = Self::start_new(engine, SEED, files, |_| {}).await;
        server.claim().await;
        server
    }

    /// As after the very first start: nobody is its operator.
    pub async fn start_unclaimed(engine: Engine) -> Self {
        Self::start_new(engine, SEED, None, |_| {}).await
    }

    async fn start_new(
        engine: Engine,
        seed: u64,
        files: Option<String>,
        configure: impl FnOnce(&mut Configuration),
    ) -> Self {
        let clock = ManualClock::new();
        let outside = Outside {
            clock: Arc::new(clock.clone()),
            random: Arc::new(SeededRandom::new(seed)),
            environment: Arc::default(),
            worker: crate::process::beside_the_test(),
        };
        let folder = tempfile::tempdir().expect("a temporary folder");
        let database = (engine == Engine::Postgres).then(|| Arc::new(Database::with_schema()));
        let home = Home { folder, database, files };
        let mut settings = settings(&home);
        configure(&mut settings);
        let node = start_node(settings.clone(), &outside, None).await;
        let client = Client::new(&node.url);
        let link = node.setup_url.as_ref().expect("a fresh server has a set-up link").expose();
        let setup_token = link.split_once('#').expect("its token").1.to_owned();
        Self { engine, node: node.into(), client, clock, outside, setup_token, staff: None, home, settings }
    }

    /// Another node on the same database, by the same clock. Each signs tokens of users in its own name.
    pub async fn another_node(&self) -> Self {
        assert!(self.home.database.is_some(), "only PostgreSQL has several nodes");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let home = Home { folder, database: self.home.database.clone(), files: None };
        let settings = Configuration { data: home.folder.path().join("data"), ..self.settings.clone() };
        let node = start_node(settings.clone(), &self.outside, None).await;
        Self {
            engine: self.engine,
            client: Client::new(&node.url),
            clock: self.clock.clone(),
            outside: self.outside.clone(),
            setup_token: self.setup_token.clone(),
            staff: self.staff.as_ref().map(|staff| staff.at(&node.url)),
            node: node.into(),
            home,
            settings,
        }
    }

    /// The same data under an app with this manifest.
    pub async fn with_app(self, manifest: &str) -> Self {
        let Self { engine, node, client, clock, outside, setup_token, staff, home, settings } = self;
        let app = home.folder.path().join("app");
        std::fs::create_dir_all(&app).expect("the app's folder");
        std::fs::write(app.join("app.toml"), manifest).expect("its manifest");
        // A stop looks once a second whether the last connection is gone.
        let staff = staff.map(|staff| staff.at(client.base()));
        drop(client);
        node.stop().await;
        let node = start_node(settings.clone(), &outside, Some(&app)).await;
        let (client, staff) = (Client::new(&node.url), staff.map(|staff| staff.at(&node.url)));
        Self { engine, node: node.into(), client, clock, outside, setup_token, staff, home, settings }
    }

    pub async fn stop(self) {
        let Self { node, client, staff, .. } = self;
        drop((client, staff));
        node.stop().await;
    }

    async fn claim(&mut self) {
        let body = json!({"token": self.setup_token, "email": OWNER, "password": PASSWORD});
        let answer = self.client.post("/v1/admin/setup").json(&body).expect(201).await;
        let owner = self.client.with_cookie(&answer);
        let service = new_key(&owner, &self.client, &["*"]).await;
        self.staff = Some(Staff { owner, service });
    }

    pub fn engine(&self) -> Engine {
        self.engine
    }

    pub fn base(&self) -> &str {
        self.client.base()
    }

    pub fn clock(&self) -> &ManualClock {
        &self.clock
    }

    pub fn rooms(&self) -> &Rooms {
        self.node.get().rooms()
    }

    /// The one-time token of the first start.
    pub fn setup_token(&self) -> &str {
        &self.setup_token
    }

    pub fn owner_email(&self) -> &'static str {
        OWNER
    }

    pub fn owner_password(&self) -> &'static str {
        PASSWORD
    }

    pub fn visitor(&self) -> Client {
        self.client.clone()
    }

    /// The first operator.
    pub fn owner(&self) -> &Client {
        &self.staff.as_ref().expect("a claimed server").owner
    }

    /// A service key that may do everything.
    pub fn service(&self) -> &Client {
        &self.staff.as_ref().expect("a claimed server").service
    }

    /// The owner, signed in anew: after the clock went on, his first session may have ended.
    pub async fn owner_again(&self) -> Client {
        self.operator_session(OWNER).await
    }

    /// A new operator with a role.
    pub async fn operator(&self, role: &str) -> Client {
        let email = format!("{role}-{}@example.com", self.unique());
        let body = json!({"email": email, "role": role, "password": PASSWORD});
        self.owner().post("/v1/admin/operators").json(&body).expect(201).await;
        self.operator_session(&email).await
    }

    async fn operator_session(&self, email: &str) -> Client {
        let body = json!({"email": email, "password": PASSWORD});
        let answer = self.client.post("/v1/admin/login").json(&body).expect(200).await;
        self.client.with_cookie(&answer)
    }

    /// A new service key with these scopes.
    pub async fn key(&self, scopes: &[&str]) -> Client {
        new_key(self.owner(), &self.client, scopes).await
    }

    /// Signs up `NAME@example.com`.
    pub async fn user(&self, name: &str) -> User {
        let email = format!("{name}@example.com");
        let body = json!({"email": email, "password": PASSWORD});
        let answer = self.client.post("/v1/auth/signup").json(&body).expect(201).await;
        let access_token = answer.text_at("/session/accessToken");
        User {
            client: self.client.with_token(&access_token),
            id: answer.text_at("/user/id"),
            email,
            password: PASSWORD.to_owned(),
            refresh_token: answer.text_at("/session/refreshToken"),
            access_token,
        }
    }

    /// Declares roles that users may be given.
    pub async fn declare(&self, roles: &[&str]) {
        for role in roles {
            self.owner().put(&format!("/v1/admin/roles/{role}")).json(&json!({})).expect(200).await;
        }
    }

    /// Defines a collection as an operator would.
    pub async fn define(&self, collection: &str, definition: &Value) {
        let path = format!("/v1/admin/collections/{collection}");
        let answer = self.owner().put(&path).json(definition).send().await;
        assert!([200, 201].contains(&answer.status), "{answer}");
    }

    fn unique(&self) -> String {
        let random = basalt_core::random::bytes::<5>(&*self.outside.random);
        basalt_core::random::base32hex(&random)
    }
}

impl Staff {
    fn at(&self, base: &str) -> Self {
        Self { owner: self.owner.at(base), service: self.service.at(base) }
    }
}

impl From<RunningNode> for Held {
    fn from(node: RunningNode) -> Self {
        Self(Some(node))
    }
}

impl Held {
    fn get(&self) -> &RunningNode {
        self.0.as_ref().expect("it is there until it is stopped")
    }

    async fn stop(mut self) {
        if let Some(node) = self.0.take() {
            node.stop().await;
        }
    }
}

impl Drop for Held {
    /// Its threads and files would stay as long as all the tests run.
    fn drop(&mut self) {
        let (Some(node), Ok(runtime)) = (self.0.take(), Handle::try_current()) else { return };
        if runtime.runtime_flavor() == RuntimeFlavor::MultiThread && !std::thread::panicking() {
            tokio::task::block_in_place(|| runtime.block_on(node.abandon()));
        }
    }
}

async fn new_key(owner: &Client, client: &Client, scopes: &[&str]) -> Client {
    let body = json!({"name": "a key of the tests", "scopes": scopes});
    let answer = owner.post("/v1/admin/keys").json(&body).expect(201).await;
    client.with_token(&answer.text_at("/key"))
}

fn settings(home: &Home) -> Configuration {
    let mut configuration = Configuration {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        data: home.folder.path().join("data"),
        workers: 2,
        password_cost: PasswordCost { memory_kib: 64, passes: 1 },
        // Receivers of tests are here.
        allow_addresses: Network::parse("127.0.0.0/8").into_iter().collect(),
        ..Configuration::default()
    };
    configuration.files_url = home.files.clone().map(Into::into);
    configuration.limits.stop_time = Duration::from_secs(5);
    if let Some(database) = &home.database {
        configuration.database_url = Some(database.url().into());
        configuration.database_connections = 8;
        configuration.single_node = true;
        configuration.secret = Some(SECRET.to_owned().into());
    }
    configuration
}

async fn start_node(settings: Configuration, outside: &Outside, app: Option<&Path>) -> RunningNode {
    let configuration = Configuration { app: app.map(Path::to_path_buf), ..settings };
    let node = basalt::assemble(configuration, outside.clone()).await.expect("a node");
    node.start().await.expect("a running node")
}
