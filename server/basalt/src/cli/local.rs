//! A server of a command's own: an app's folder on an empty database, gone with the command.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use basalt_app::keys::NewKey;
use basalt_core::principal::Scope;
use basalt_core::random::{base32hex, bytes};
use basalt_core::{Caller, Error, Result};

use super::bundling::bundle_packages;
use super::server::Server;
use crate::bundle::pack_folder;
use crate::configuration::Configuration;
use crate::node::{RunningNode, assemble};
use crate::outside::Outside;

pub(super) struct Local {
    pub(super) server: Server,
    pub(super) running: RunningNode,
    folder: PathBuf,
}

impl Local {
    /// With everything of the folder deployed.
    pub(super) async fn start(app: &Path, outside: Outside) -> Result<Self> {
        let mut bundle = pack_folder(app)?;
        bundle_packages(app, &mut bundle)?;
        let folder = std::env::temp_dir().join(format!("basalt-{}", base32hex(&bytes::<10>(&*outside.random))));
        let configuration = Configuration {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            data: folder.join("data"),
            app: Some(folder.join("app")),
            workers: 1,
            ..Configuration::default()
        };
        let caller = Caller::system(outside.clock.now());
        let started = async {
            // As it is deployed: packages are in it.
            bundle.deployed().lay_out(&folder.join("app"))?;
            let running = assemble(configuration.clone(), outside.clone()).await?.start().await?;
            let new = NewKey { name: "command line".to_owned(), scopes: vec![Scope::All], expires_at: None };
            let (_, key) = running.rooms().keys.create(&caller, new).await?;
            let server = Server::at(&running.url, key.expose().to_owned(), &configuration)?;
            Ok::<_, Error>((server, running))
        };
        match Box::pin(started).await {
            Ok((server, running)) => Ok(Self { server, running, folder }),
            Err(error) => {
                remove(&folder);
                Err(error)
            }
        }
    }

    /// The same server, for somebody else.
    pub(super) fn as_user(&self, token: &str) -> Result<Server> {
        Server::at(&self.running.url, token.to_owned(), &Configuration::default())
    }

    pub(super) fn as_visitor(&self) -> Result<Server> {
        self.as_user("")
    }

    pub(super) async fn stop(self) {
        self.running.stop().await;
        remove(&self.folder);
    }
}

fn remove(folder: &Path) {
    if let Err(error) = std::fs::remove_dir_all(folder) {
        tracing::debug!(%error, folder = %folder.display(), "a temporary folder stays");
    }
}
