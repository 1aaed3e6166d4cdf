//! The wiring, a file per room: everything is given what it needs here, once.

mod app;
mod background;
mod calls;
pub(crate) mod deploy;
mod documents;
mod files;
mod health;
mod host;
mod identity;
mod outbound;
mod realtime;
mod schedules;
mod store;
mod tracing;
mod triggers;
mod webhooks;

use std::sync::Arc;

use basalt_api::{Health, Options, Services};
use basalt_app::audit::Audit;
use basalt_app::auth::{Auth, KeyRing};
use basalt_app::deployments::Deployments;
use basalt_app::files::Files;
use basalt_app::keys::Keys;
use basalt_app::operators::Operators;
use basalt_app::realtime::Realtime;
use basalt_app::schedules::Schedules;
use basalt_app::triggers::Triggers;
use basalt_app::webhooks::Webhooks;
use basalt_app::{Db, Passwords, Principals};
use basalt_core::{Caller, Clock, Result};
use basalt_data::changes::{Changes, Lag};
use basalt_data::collections::Collections;
use basalt_data::documents::Documents;
use basalt_data::jobs::Runner;
use basalt_store::Store;
use tokio::sync::watch;

pub(crate) use app::{Manifested, told};
pub(crate) use background::Background;
pub use calls::Functions;
pub(crate) use deploy::Deployer;
pub(crate) use store::engine;

use crate::configuration::Configuration;
use crate::outside::Outside;

/// Every room of a node, for those who drive it from outside of HTTP: the commands and the tests.
#[derive(Clone)]
pub struct Rooms {
    pub store: Store,
    pub changes: Changes,
    pub collections: Collections,
    pub documents: Documents,
    pub files: Files,
    pub jobs: Runner,
    pub auth: Auth,
    pub keyring: KeyRing,
    pub keys: Keys,
    pub operators: Operators,
    pub audit: Audit,
    pub principals: Principals,
    pub passwords: Passwords,
    pub realtime: Realtime,
    pub functions: Functions,
    pub webhooks: Webhooks,
    pub triggers: Triggers,
    pub schedules: Schedules,
    pub(crate) tracing: tracing::Tracing,
    pub deployments: Deployments,
    pub(crate) deployer: Deployer,
    /// How far this node is behind the log.
    pub lag: Lag,
    pub clock: Arc<dyn Clock>,
    pub health: Arc<dyn Health>,
}

/// The rooms, and what the app's manifest did and says.
pub(crate) struct Wired {
    pub(crate) rooms: Rooms,
    pub(crate) manifested: Manifested,
}

pub(crate) async fn rooms(configuration: &Configuration, outside: &Outside, issuer: String) -> Result<Wired> {
    let app = app::read(configuration, outside)?;
    let store = store::open(configuration, outside).await?;
    match wire(configuration, outside, store.clone(), app, issuer).await {
        Ok(wired) => Ok(wired),
        Err(error) => {
            // Half a node is no node: the database is left as it was found.
            store.close().await;
            Err(error)
        }
    }
}

async fn wire(
    configuration: &Configuration,
    outside: &Outside,
    store: Store,
    app: Option<app::App>,
    issuer: String,
) -> Result<Wired> {
    let changes = Changes::new(store.clone());
    let lag = Lag::new(outside.clock.now());
    let collections = documents::collections(&store).await?;
    let (manifested, folder) = app::apply(app, &collections, outside).await?;
    let master = identity::master(configuration, outside)?;
    let late = host::Late::default();
    let hooks = Arc::new(late.clone());
    let tracing = tracing::Tracing::start(configuration, outside)?;
    let documents = documents::documents(&store, &collections, &master, hooks, &tracing, outside);
    // The reader of the history stands in the log before the first write comes.
    documents.follow_history().await?;
    let db = Db::new(store.clone(), Arc::clone(&outside.clock), Arc::clone(&outside.random));
    let foundation = files::Foundation {
        db: db.clone(),
        collections: collections.clone(),
        documents: documents.clone(),
        master: master.clone(),
    };
    let files = files::wire(foundation, configuration, outside).await?;
    let (audit, deployments) = (Audit::new(db.clone()), Deployments::new(db.clone()));
    let guarded = outbound::guarded(configuration)?;
    let webhooks = webhooks::wire(db.clone(), master.clone(), guarded.clone(), &tracing).await?;
    let foundation = identity::Foundation {
        db: db.clone(),
        collections: collections.clone(),
        master: master.clone(),
        lag: lag.clone(),
        hooks: Arc::new(late.clone()),
    };
    let identity = identity::wire(foundation, configuration, outside, manifested.auth(issuer)).await?;
    let caller = Caller::system(outside.clock.now());
    identity.auth.roles().declare_manifest(&caller, manifested.roles()?).await?;
    let health = Arc::new(health::NodeHealth::new(store.clone(), lag.clone(), Arc::clone(&outside.clock)));
    let identity::Identity { auth, keyring, keys, operators, principals, passwords } = identity;
    let clock = Arc::clone(&outside.clock);
    let realtime = realtime::wire(&store, &changes, &documents, &principals, outside);
    realtime.declare_manifest(&caller, manifested.channels()).await?;
    let foundation = calls::Foundation {
        db: db.clone(),
        master,
        documents: documents.clone(),
        files: files.clone(),
        realtime: realtime.clone(),
        principals: principals.clone(),
        guarded,
        late,
    };
    let functions = calls::wire(foundation, configuration, outside, &tracing).await?;
    let triggers = triggers::wire(db.clone(), &changes, &functions, &webhooks, &realtime, &tracing).await?;
    let schedules = schedules::wire(db, &functions);
    let work = documents::Work { documents: &documents, files: &files, functions: &functions };
    let jobs = documents::jobs(&store, work, &triggers, &schedules, outside);
    let deployer = Deployer::new(deploy::Parts {
        collections: collections.clone(),
        auth: auth.clone(),
        realtime: realtime.clone(),
        files: files.clone(),
        registry: functions.registry.clone(),
        schedules: schedules.clone(),
        webhooks: webhooks.clone(),
        deployments: deployments.clone(),
        environment: Arc::clone(&outside.environment),
    });
    deployer.start(&caller, folder.as_ref()).await?;
    let rooms = Rooms {
        store,
        changes,
        collections,
        documents,
        files,
        jobs,
        auth,
        keyring,
        keys,
        operators,
        audit,
        principals,
        passwords,
        realtime,
        functions,
        webhooks,
        triggers,
        schedules,
        tracing,
        deployments,
        deployer,
        lag,
        clock,
        health,
    };
    Ok(Wired { rooms, manifested })
}

impl Rooms {
    pub(crate) fn services(&self, outside: &Outside, stopping: watch::Receiver<bool>) -> Services {
        Services {
            auth: self.auth.clone(),
            collections: self.collections.clone(),
            documents: self.documents.clone(),
            files: self.files.clone(),
            changes: self.changes.clone(),
            keys: self.keys.clone(),
            operators: self.operators.clone(),
            audit: self.audit.clone(),
            principals: self.principals.clone(),
            realtime: self.realtime.clone(),
            registry: self.functions.registry.clone(),
            calls: self.functions.calls.clone(),
            outbox: self.functions.outbox.clone(),
            webhooks: self.webhooks.clone(),
            triggers: self.triggers.clone(),
            schedules: self.schedules.clone(),
            spans: Arc::clone(&self.tracing.spans),
            deployments: self.deployments.clone(),
            deployer: Arc::new(self.deployer.clone()),
            health: Arc::clone(&self.health),
            clock: Arc::clone(&self.clock),
            random: Arc::clone(&outside.random),
            stopping,
        }
    }
}

/// What was configured beats what the app asks for.
pub(crate) fn options(configuration: &Configuration, manifested: &Manifested) -> Options {
    Options {
        workers: configuration.workers,
        cors: configuration.cors(manifested.origins()),
        trusted_proxies: configuration.trusted_proxies.clone(),
        request_timeout: manifested.request_time(configuration),
        stop_timeout: configuration.limits.stop_time,
        concurrency: configuration.limits.concurrency,
        body_bytes: manifested.body(configuration),
        public_origin: configuration.public_url.clone(),
        trace_ratio: configuration.otlp.sample_ratio,
    }
}
