//! The command line. Every command answers people, or programs with `--json`.

mod arguments;
mod bundling;
mod deploy;
mod dev;
mod difference;
mod doctor;
mod functions;
mod health;
mod init;
mod local;
mod output;
mod remote;
mod rules;
mod serve;
mod server;
mod test;
mod told;
mod transfer;
mod types;
mod upgrade;
mod worker;

use std::path::Path;
use std::process::ExitCode;

use basalt_core::{Code, Error};
use clap::Parser;

use crate::admin::SOCKET;
use crate::configuration::{Configuration, Flags, Problems, Sources};
use crate::outside::Outside;
use arguments::{Arguments, Command, Remote};
use output::Output;
use server::Server;

/// What shells make of SIGINT.
const INTERRUPTED: u8 = 130;

/// Runs what the arguments say.
pub fn main() -> ExitCode {
    // Before anything else is done: a worker starts in the way of a call.
    if worker::is_asked_for() {
        return worker::run();
    }
    let arguments = Arguments::parse();
    let output = Output { json: arguments.global.json };
    match run(arguments, &output) {
        Ok(code) => code,
        Err(failure) => {
            output.failure(&failure);
            failure.exit()
        }
    }
}

/// Why a command ended.
pub(crate) enum Failure {
    Configuration(Problems),
    Error(Error),
    /// Whoever looked on has seen enough.
    Interrupted,
}

impl Failure {
    fn exit(&self) -> ExitCode {
        match self {
            Self::Configuration(_) | Self::Error(_) => ExitCode::FAILURE,
            Self::Interrupted => ExitCode::from(INTERRUPTED),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

fn run(arguments: Arguments, output: &Output) -> Result<ExitCode, Failure> {
    let outside = Outside::real();
    if let Command::Openapi = arguments.command {
        output::text(basalt_api::openapi::text().trim_end());
        return Ok(ExitCode::SUCCESS);
    }
    let configuration = Configuration::load(&sources(&arguments, &outside)).map_err(Failure::Configuration)?;
    let configuration = if arguments.command.is_beside() { beside_dev(configuration) } else { configuration };
    if let Command::Serve(_) = arguments.command {
        crate::logging::install(&configuration.log);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(Error::internal)?;
    runtime.block_on(async {
        match arguments.command {
            Command::Serve(_) => Box::pin(serve::run(configuration, outside, output)).await?,
            Command::Operator(command) => remote::operator(command, &configuration, outside, output).await?,
            Command::Keys(command) => remote::keys(command, &configuration, outside, output).await?,
            Command::Users(command) => remote::users(command, &configuration, outside, output).await?,
            Command::Export(command) => return Ok(transfer::export(command, &configuration, &outside).await?),
            Command::Import(command) => return Ok(transfer::import(command, &configuration, &outside, output).await?),
            Command::Doctor(command) => return doctor::run(&command, &configuration, outside, output).await,
            Command::Health(command) => health::run(&command, &configuration, output)?,
            Command::Rules(command) => return rules::run(command, &outside, output),
            Command::Init(command) => init::run(command.folder, output)?,
            Command::Dev(command) => Box::pin(dev::run(command, configuration, outside, output)).await?,
            Command::Test(command) => return Ok(Box::pin(test::run(command, outside, output)).await?),
            Command::Types(command) => Box::pin(types::run(command, configuration, outside, output)).await?,
            Command::Deploy(command) => {
                let remote = command.remote.clone();
                return on(&remote, &configuration, &outside, async |server| {
                    deploy::run(command, server, output).await
                })
                .await;
            }
            Command::Functions(command) => {
                let run = async |server: &Server| functions::functions(command.command, server, output).await;
                on(&command.remote, &configuration, &outside, run).await?;
            }
            Command::Secrets(command) => {
                let run = async |server: &Server| functions::secrets(command.command, server, output).await;
                on(&command.remote, &configuration, &outside, run).await?;
            }
            Command::Schedules(command) => {
                let run = async |server: &Server| functions::schedules(command.command, server, output).await;
                on(&command.remote, &configuration, &outside, run).await?;
            }
            Command::Logs(command) => {
                let run = async |server: &Server| functions::logs(command.logs, server, output).await;
                on(&command.remote, &configuration, &outside, run).await?;
            }
            Command::Upgrade(command) => upgrade::run(command, configuration, outside, output).await?,
            Command::Openapi => return Err(Error::new(Code::Internal, "answered above").into()),
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// Where `basalt dev` keeps its data, below the app's folder.
const DEV_DATA: &str = ".basalt";

/// In the folder of an app that is developed, commands mean the server that develops it, where no other was named.
fn beside_dev(configuration: Configuration) -> Configuration {
    let is_named = configuration.database_url.is_some() || configuration.data != Configuration::default().data;
    if is_named || configuration.data.exists() || !Path::new(DEV_DATA).join(SOCKET).exists() {
        return configuration;
    }
    Configuration { data: DEV_DATA.into(), ..configuration }
}

/// Does it to the server that was named, until it is done or somebody ends it.
async fn on<T>(
    remote: &Remote,
    configuration: &Configuration,
    outside: &Outside,
    run: impl AsyncFnOnce(&Server) -> basalt_core::Result<T>,
) -> Result<T, Failure> {
    let server = Server::reach(remote, configuration, outside).await?;
    let done = tokio::select! {
        done = run(&server) => done.map_err(Failure::from),
        interrupted = tokio::signal::ctrl_c() => {
            Err(interrupted.map_or_else(|error| Failure::from(Error::internal(error)), |()| Failure::Interrupted))
        }
    };
    server.leave().await;
    done
}

fn sources(arguments: &Arguments, outside: &Outside) -> Sources {
    let mut settings = Vec::new();
    let mut set = |key: &str, value: Option<&String>| {
        settings.extend(value.map(|value| (key.to_owned(), value.clone())));
    };
    set("data", arguments.global.data.as_ref());
    if let Command::Serve(serve) = &arguments.command {
        set("listen", serve.listen.as_ref());
        set("singleNode", serve.single_node.then(|| "true".to_owned()).as_ref());
        set("app", serve.app.as_ref());
    }
    if let Command::Dev(dev) = &arguments.command {
        set("listen", dev.listen.as_ref());
        if arguments.global.data.is_none() {
            set("data", Some(&dev.folder.join(DEV_DATA).display().to_string()));
        }
    }
    settings.extend(arguments.global.set.iter().cloned());
    Sources {
        folder: ".".into(),
        environment: outside.environment.as_ref().clone(),
        flags: Flags { config: arguments.global.config.clone(), settings },
    }
}
