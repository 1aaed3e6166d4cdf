//! The HTTP servers: what is mounted where, and the limits of connections.

use std::future::Future;
use std::net::TcpListener;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{App, HttpResponse, HttpServer};
use basalt_app::Principals;
use basalt_app::audit::Audit;
use basalt_app::auth::Auth;
use basalt_app::deployments::Deployments;
use basalt_app::files::Files;
use basalt_app::functions::{Calls, Registry};
use basalt_app::host::Outbox;
use basalt_app::keys::Keys;
use basalt_app::operators::Operators;
use basalt_app::realtime::Realtime;
use basalt_app::schedules::Schedules;
use basalt_app::triggers::Triggers;
use basalt_app::webhooks::Webhooks;
use basalt_core::random::Random;
use basalt_core::{Clock, Code, Error, Result, Spans};
use basalt_data::changes::Changes;
use basalt_data::collections::Collections;
use basalt_data::documents::Documents;
use tokio::sync::watch;

use crate::Deployer;
use crate::boundary::{Boundary, Cors, Network, Settings, Tracing};
use crate::extract::{BodyLimit, PublicOrigin};
use crate::problem::{Answer, Problem};
use crate::ringer::Ringer;
use crate::streams::Streams;
use crate::{metrics, pages, routes};

/// How long the headers of a request may take to arrive.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// How long a client may take to close its side.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(2);

pub type ReadyFuture<'a> = Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>>;

/// Whether this node can serve: asked by `/health/ready`.
pub trait Health: Send + Sync {
    fn ready(&self) -> ReadyFuture<'_>;
}

/// The use cases that the routes call. Each handler is given the few that it names.
#[derive(Clone)]
pub struct Services {
    pub auth: Auth,
    pub collections: Collections,
    pub documents: Documents,
    pub files: Files,
    pub changes: Changes,
    pub audit: Audit,
    pub keys: Keys,
    pub operators: Operators,
    pub principals: Principals,
    pub realtime: Realtime,
    pub registry: Registry,
    pub calls: Calls,
    pub outbox: Outbox,
    pub deployments: Deployments,
    pub deployer: Arc<dyn Deployer>,
    pub health: Arc<dyn Health>,
    pub webhooks: Webhooks,
    pub triggers: Triggers,
    pub schedules: Schedules,
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Random>,
    /// Where the spans of requests go.
    pub spans: Arc<dyn Spans>,
    /// True once the server stops: streams end then, so that it needn't wait for them.
    pub stopping: watch::Receiver<bool>,
}

#[derive(Clone)]
pub struct Options {
    pub workers: usize,
    pub cors: Cors,
    pub trusted_proxies: Vec<Network>,
    /// From the first byte of a request to its answer.
    pub request_timeout: Duration,
    /// How long requests under way are waited for at the end.
    pub stop_timeout: Duration,
    /// Requests under way at once.
    pub concurrency: usize,
    /// Bytes of one body.
    pub body_bytes: usize,
    /// `https://api.example.org`: where clients find us, if that is set.
    pub public_origin: Option<String>,
    /// Of the traces that begin here so many are collected: 0 to 1.
    pub trace_ratio: f64,
}

/// The server of the API on a bound socket; it runs when awaited, and stops by its handle alone.
pub fn server(listener: TcpListener, services: Services, options: &Options) -> Result<Server> {
    let mounted = Mounted::new(services, options);
    let server = HttpServer::new(move || {
        let mounted = mounted.clone();
        App::new().wrap(mounted.boundary.clone()).configure(|config| mounted.configure(config))
    });
    server
        .workers(options.workers)
        .keep_alive(KEEP_ALIVE)
        .client_request_timeout(HEAD_TIMEOUT)
        .client_disconnect_timeout(DISCONNECT_TIMEOUT)
        .shutdown_timeout(options.stop_timeout.as_secs())
        .disable_signals()
        .listen(listener)
        .map(HttpServer::run)
        .map_err(Error::internal)
}

/// A server of the metrics alone, for an address that only the monitoring reaches.
pub fn metrics_server(listener: TcpListener) -> Result<Server> {
    let answer = || async {
        let text = metrics::render().map_err(Problem::from)?;
        Answer::Ok(HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(text))
    };
    let server = HttpServer::new(move || App::new().route("/metrics", web::get().to(answer)));
    server.workers(1).disable_signals().listen(listener).map(HttpServer::run).map_err(Error::internal)
}

/// What each worker's application is made of.
#[derive(Clone)]
struct Mounted {
    boundary: Boundary,
    body_limit: BodyLimit,
    origin: PublicOrigin,
    streams: Streams,
    services: Services,
}

impl Mounted {
    fn new(services: Services, options: &Options) -> Self {
        let settings = Settings {
            cors: options.cors.clone(),
            trusted_proxies: options.trusted_proxies.clone(),
            request_timeout: options.request_timeout,
            concurrency: options.concurrency,
            https: options.public_origin.as_deref().is_some_and(|origin| origin.starts_with("https://")),
            clock: Arc::clone(&services.clock),
            random: Arc::clone(&services.random),
            tracing: Tracing { spans: Arc::clone(&services.spans), ratio: options.trace_ratio },
            under_way: Arc::new(AtomicUsize::new(0)),
        };
        Self {
            boundary: Boundary(Arc::new(settings)),
            body_limit: BodyLimit(options.body_bytes),
            origin: PublicOrigin(options.public_origin.clone()),
            streams: Streams::new(services.stopping.clone(), options.request_timeout),
            services,
        }
    }

    fn configure(&self, config: &mut ServiceConfig) {
        let services = self.services.clone();
        config
            .app_data(self.body_limit)
            .app_data(self.origin.clone())
            .app_data(Data::new(services.auth))
            .app_data(Data::new(services.collections))
            .app_data(Data::new(services.documents))
            .app_data(Data::new(services.files))
            .app_data(Data::new(services.changes))
            .app_data(Data::new(self.streams.clone()))
            .app_data(Data::new(services.audit))
            .app_data(Data::new(services.keys))
            .app_data(Data::new(services.operators))
            .app_data(self.boundary.0.cors.clone())
            .app_data(Data::new(services.principals))
            .app_data(Data::new(services.realtime))
            .app_data(Data::new(services.registry))
            .app_data(Data::new(services.calls))
            .app_data(Data::new(services.outbox))
            .app_data(Data::new(Ringer::start()))
            .app_data(Data::new(services.webhooks))
            .app_data(Data::new(services.triggers))
            .app_data(Data::new(services.schedules))
            .app_data(Data::new(services.deployments))
            .app_data(Data::from(services.deployer))
            .app_data(Data::from(services.health))
            .app_data(Data::from(services.clock));
        routes::configure(config);
        pages::configure(config);
        config.default_service(web::to(|| async {
            Answer::Err(Error::new(Code::RouteNotFound, "There is nothing at this path.").into())
        }));
    }
}
