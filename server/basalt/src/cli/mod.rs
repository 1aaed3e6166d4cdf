//! The command line. Every command answers people, or programs with `--json`.

mod arguments;
mod doctor;
mod health;
mod output;
mod remote;
mod rules;
mod serve;
mod transfer;
mod upgrade;

use std::process::ExitCode;

use basalt_core::{Code, Error};
use clap::Parser;

use crate::configuration::{Configuration, Flags, Problems, Sources};
use crate::outside::Outside;
use arguments::{Arguments, Command};
use output::Output;

/// Runs what the arguments say.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let output = Output { json: arguments.global.json };
    match run(arguments, &output) {
        Ok(code) => code,
        Err(failure) => {
            output.failure(&failure);
            ExitCode::FAILURE
        }
    }
}

/// Why a command ended.
pub(crate) enum Failure {
    Configuration(Problems),
    Error(Error),
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
    if let Command::Serve(_) = arguments.command {
        crate::logging::install(&configuration.log);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(Error::internal)?;
    runtime.block_on(async {
        match arguments.command {
            Command::Serve(_) => serve::run(configuration, outside, output).await?,
            Command::Operator(command) => remote::operator(command, &configuration, outside, output).await?,
            Command::Keys(command) => remote::keys(command, &configuration, outside, output).await?,
            Command::Users(command) => remote::users(command, &configuration, outside, output).await?,
            Command::Export(command) => return Ok(transfer::export(command, &configuration, &outside).await?),
            Command::Import(command) => return Ok(transfer::import(command, &configuration, &outside, output).await?),
            Command::Doctor(command) => return doctor::run(&command, &configuration, outside, output).await,
            Command::Health(command) => health::run(&command, &configuration, output)?,
            Command::Rules(command) => return rules::run(command, &outside, output),
            Command::Upgrade(command) => upgrade::run(command, configuration, outside, output).await?,
            Command::Openapi => return Err(Error::new(Code::Internal, "answered above").into()),
        }
        Ok(ExitCode::SUCCESS)
    })
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
    settings.extend(arguments.global.set.iter().cloned());
    Sources {
        folder: ".".into(),
        environment: outside.environment.as_ref().clone(),
        flags: Flags { config: arguments.global.config.clone(), settings },
    }
}
