//! A node: assembled, started, stopped.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

use actix_web::dev::ServerHandle;
use basalt_app::Secret;
use basalt_core::{Error, Result};
use basalt_data::collections::Plan;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::admin::Socket;
use crate::configuration::Configuration;
use crate::outside::Outside;
use crate::wire::{self, Background, Manifested, Rooms};

/// Connections that wait to be accepted; the system may hold fewer.
const BACKLOG: i32 = 4_096;

/// Everything wired, nothing listening yet.
pub struct Node {
    configuration: Configuration,
    outside: Outside,
    listener: TcpListener,
    rooms: Rooms,
    manifested: Manifested,
}

/// Binds the address, opens the database (migrating it), applies the app's manifest, and wires the rooms.
pub async fn assemble(configuration: Configuration, outside: Outside) -> Result<Node> {
    // Bound first: a port that is taken is found before the database is touched, and tokens name the real one.
    let listener = bind(configuration.listen)?;
    let address = listener.local_addr().map_err(Error::internal)?;
    basalt_api::metrics::install();
    let wired = Box::pin(wire::rooms(&configuration, &outside, configuration.base_url(address))).await?;
    Ok(Node { configuration, outside, listener, rooms: wired.rooms, manifested: wired.manifested })
}

impl Node {
    pub fn rooms(&self) -> &Rooms {
        &self.rooms
    }

    /// What applying the app's manifest did.
    pub fn plan(&self) -> Option<&Plan> {
        self.manifested.plan()
    }

    /// Serves until [`RunningNode::stop`].
    pub async fn start(self) -> Result<RunningNode> {
        let address = self.listener.local_addr().map_err(Error::internal)?;
        let base_url = self.configuration.base_url(address);
        let setup = self.rooms.operators.setup_token().await?;
        let options = wire::options(&self.configuration, &self.manifested);
        let (stopping, stopped) = watch::channel(false);
        let server = basalt_api::server(self.listener, self.rooms.services(&self.outside, stopped), &options)?;
        let mut servers = vec![Serving::start(server)];
        if let Some(address) = self.configuration.metrics_listen {
            servers.push(Serving::start(basalt_api::metrics_server(bind(address)?)?));
        }
        let socket = match self.configuration.database_url {
            Some(_) => None,
            None => Some(Socket::listen(&self.configuration.data, self.rooms.clone(), reached(address))?),
        };
        let background = Background::start(&self.rooms);
        let setup_url = setup.map(|token| Secret::new(format!("{base_url}/_/setup#{}", token.expose())));
        let url = format!("http://{address}");
        Ok(RunningNode { url, base_url, setup_url, rooms: self.rooms, stopping, servers, socket, background })
    }
}

/// A node that serves.
pub struct RunningNode {
    /// Where it listens: `http://127.0.0.1:7070`.
    pub url: String,
    /// Where clients find it.
    pub base_url: String,
    /// The one-time link that makes the first owner, while there is no operator.
    pub setup_url: Option<Secret>,
    rooms: Rooms,
    stopping: watch::Sender<bool>,
    servers: Vec<Serving>,
    socket: Option<Socket>,
    background: Background,
}

impl RunningNode {
    pub fn rooms(&self) -> &Rooms {
        &self.rooms
    }

    /// Accepts no more, finishes what is under way, and closes the database.
    pub async fn stop(self) {
        // Streams would be waited for in vain. Nobody listening is as good as told.
        let _ = self.stopping.send(true);
        if let Some(socket) = self.socket {
            socket.close().await;
        }
        // Connections would never end by themselves.
        self.rooms.realtime.drain().await;
        for server in self.servers {
            server.stop().await;
        }
        self.background.stop().await;
        if let Err(error) = self.rooms.keys.note_uses().await {
            tracing::warn!(?error, "the last uses of keys are lost");
        }
        if let Err(error) = self.rooms.functions.registry.flush_usage().await {
            tracing::warn!(?error, "what functions used in the last seconds is lost");
        }
        self.rooms.tracing.close().await;
        self.rooms.store.close().await;
    }

    /// Ends as by a crash: what is under way breaks off, and leases run out by themselves. For many nodes in one process,
    /// as tests have them.
    pub async fn abandon(self) {
        for server in self.servers {
            server.break_off().await;
        }
    }
}

/// Where it answers on this machine.
fn reached(address: SocketAddr) -> String {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(ip, address.port()))
}

struct Serving {
    handle: ServerHandle,
    task: JoinHandle<std::io::Result<()>>,
}

impl Serving {
    fn start(server: actix_web::dev::Server) -> Self {
        let handle = server.handle();
        #[expect(clippy::disallowed_methods, reason = "Serving owns it and awaits it when it is stopped")]
        let task = tokio::spawn(server);
        Self { handle, task }
    }

    async fn stop(self) {
        self.handle.stop(true).await;
        self.ended().await;
    }

    async fn break_off(self) {
        self.handle.stop(false).await;
        self.ended().await;
    }

    async fn ended(self) {
        match self.task.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "the server ended badly"),
            Err(error) => tracing::error!(%error, "the server panicked"),
        }
    }
}

fn bind(address: SocketAddr) -> Result<TcpListener> {
    let bound = TcpListener::bind(address).and_then(|listener| {
        // Clients that come back all at once wait in line; the standard library's line is short.
        rustix::net::listen(&listener, BACKLOG)?;
        // Accepted connections inherit it: a frame doesn't wait until the client has acknowledged the one before.
        rustix::net::sockopt::set_tcp_nodelay(&listener, true)?;
        Ok(listener)
    });
    bound.map_err(|error| Error::internal(format!("can't listen on {address}: {error}")))
}
