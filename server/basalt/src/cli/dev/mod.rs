//! `basalt dev`: a server on an app's folder. What is saved is live at once; what can't be deployed is told with its
//! place, and the last good version stays.

mod frame;
mod show;
mod tail;
mod watch;

use std::path::{Path, PathBuf};
use std::time::Instant;

use basalt_app::deployments::Origin;
use basalt_app::keys::NewKey;
use basalt_core::principal::Scope;
use basalt_core::{Caller, Code, Error, Result};
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use self::show::Show;
use self::watch::Watch;
use super::arguments::Dev;
use super::bundling::bundle_packages;
use super::output::Output;
use super::server::Server;
use super::types;
use crate::bundle::{Bundle, pack_folder};
use crate::configuration::{Configuration, Log, LogFormat};
use crate::node::{RunningNode, assemble};
use crate::outside::Outside;
use crate::wire::deploy::Options;

/// Where mistakes of the server itself are told; what functions say is shown by itself.
const LEVEL: &str = "warn,actix_server=error";
/// The life of the key that is shown.
const KEY_LIFE: &str = "7d";

pub(super) async fn run(command: Dev, configuration: Configuration, outside: Outside, output: &Output) -> Result<()> {
    crate::logging::install(&Log { level: LEVEL.to_owned(), format: LogFormat::Text });
    let show = Show { json: output.json };
    let bad = |error| Error::new(Code::BadRequest, format!("{}: {error}", command.folder.display()));
    let folder = command.folder.canonicalize().map_err(bad)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::internal)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(Error::internal)?;
    let watch = Watch::start(&folder, command.poll)?;
    let running = start(&configuration, &outside, &folder, &show).await?;
    let (id, key) = dev_key(&running, &outside).await?;
    let server = Server::at(&running.url, key.clone(), &configuration)?;
    show.ready(&running.url, &key, running.setup_url.as_ref().map(basalt_app::Secret::expose), &folder);
    let develop = Developing { folder, types: command.types, running: &running, outside: &outside, show: &show };
    let ended = tokio::select! {
        ended = develop.run(watch, &server) => ended,
        () = tail::follow(&server, &show) => Ok(()),
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
    };
    if let Err(error) = running.rooms().keys.delete(&Caller::system(outside.clock.now()), &id).await {
        tracing::debug!(?error, "the key of this run ends by itself");
    }
    running.stop().await;
    ended
}

/// With what the folder says of sign-in and limits; where it can't be used yet, without it.
async fn start(configuration: &Configuration, outside: &Outside, folder: &Path, show: &Show) -> Result<RunningNode> {
    let app = started_with(folder, &configuration.data)?;
    let with_app = Configuration { app: Some(app), single_node: true, ..configuration.clone() };
    let node = match assemble(with_app, outside.clone()).await {
        Err(error) if is_of_the_app(&error) => {
            show.note("The app can't be used as it is; [auth], [cors] and [limits] will be read at the next start.");
            let alone = Configuration { app: None, single_node: true, ..configuration.clone() };
            assemble(alone, outside.clone()).await?
        }
        assembled => assembled?,
    };
    node.start().await
}

/// The folder itself; where its functions import packages, a copy with these in it, beside the data.
fn started_with(folder: &Path, data: &Path) -> Result<PathBuf> {
    let Ok(mut bundle) = pack_folder(folder) else { return Ok(folder.to_owned()) };
    if bundle_packages(folder, &mut bundle).map_or(true, |bundled| bundled.is_empty()) {
        return Ok(folder.to_owned());
    }
    let copy = data.join("app");
    if copy.exists() {
        std::fs::remove_dir_all(&copy).map_err(Error::internal)?;
    }
    bundle.deployed().lay_out(&copy)?;
    Ok(copy)
}

fn is_of_the_app(error: &Error) -> bool {
    matches!(error.code(), Code::InvalidDefinition | Code::NotAvailable | Code::PlanRefused)
}

/// A key for whoever develops, of this run.
async fn dev_key(running: &RunningNode, outside: &Outside) -> Result<(basalt_core::DocumentId, String)> {
    let now = outside.clock.now();
    let life = crate::configuration::human_duration(KEY_LIFE).unwrap_or_default();
    let new = NewKey { name: "basalt dev".to_owned(), scopes: vec![Scope::All], expires_at: Some(now.plus(life)) };
    let (info, key) = running.rooms().keys.create(&Caller::system(now), new).await?;
    Ok((info.id, key.expose().to_owned()))
}

struct Developing<'a> {
    folder: PathBuf,
    types: Option<PathBuf>,
    running: &'a RunningNode,
    outside: &'a Outside,
    show: &'a Show,
}

impl Developing<'_> {
    /// Deploys now and after each change, until standard input says that it is enough.
    async fn run(&self, mut watch: Watch, server: &Server) -> Result<()> {
        let (mut lines, mut speaks) = (lines(), true);
        let mut last = None;
        self.deploy(&mut last, server).await;
        loop {
            tokio::select! {
                () = watch.changed() => self.deploy(&mut last, server).await,
                line = lines.recv(), if speaks => match line.as_deref().map(str::trim) {
                    // Who has no terminal ends it by a signal.
                    None => speaks = false,
                    Some("q" | "quit") => return Ok(()),
                    Some(line) => self.command(line, server).await,
                },
            }
        }
    }

    /// Deploys what lies in the folder; what is the same as before isn't looked at again.
    async fn deploy(&self, last: &mut Option<Bundle>, server: &Server) {
        let began = Instant::now();
        let packed = pack_folder(&self.folder);
        let changed = match &packed {
            Ok(bundle) => last.as_ref() != Some(bundle),
            Err(_) => true,
        };
        if !changed {
            return;
        }
        *last = packed.as_ref().ok().cloned();
        match self.apply(packed).await {
            Ok(answer) => {
                self.show.deployed(&answer, began.elapsed());
                if let Some(out) = &self.types
                    && let Err(error) = types::write_from(server, &self.folder, out).await
                {
                    self.show.failed(&error, last.as_ref());
                }
            }
            Err(error) => self.show.failed(&error, last.as_ref()),
        }
    }

    async fn apply(&self, packed: Result<Bundle>) -> Result<Value> {
        let mut bundle = packed?;
        for path in bundle_packages(&self.folder, &mut bundle)? {
            self.show.note(&format!("{path} is bundled with its packages."));
        }
        let caller = Caller::system(self.outside.clock.now());
        let deployer = &self.running.rooms().deployer;
        deployer.deploy(&caller, &bundle.deployed(), &Options::owners(), Origin::Deploy, false).await
    }

    /// `run NAME` runs a schedule now; a line of nothing lists what can be said.
    async fn command(&self, line: &str, server: &Server) {
        let Some(("run", name)) = line.split_once(' ') else { return self.help(server).await };
        match server.post(&format!("/v1/admin/schedules/{}/run", name.trim()), &json!({})).await {
            Ok(_) => self.show.note("It runs."),
            Err(error) => {
                self.show.failed(&error, None);
                self.help(server).await;
            }
        }
    }

    async fn help(&self, server: &Server) {
        let listed = server.get("/v1/admin/schedules").await.unwrap_or_default();
        let names = listed["items"].as_array().into_iter().flatten().filter_map(|item| item["name"].as_str());
        let names = names.collect::<Vec<_>>().join(", ");
        let names = if names.is_empty() { "there is none yet".to_owned() } else { names };
        self.show.note(&format!("run NAME runs a schedule now ({names}); q ends."));
    }
}

/// Lines of standard input. A thread of its own waits for them, which the process ends with.
fn lines() -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel(8);
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(std::io::Result::ok) {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    receiver
}
