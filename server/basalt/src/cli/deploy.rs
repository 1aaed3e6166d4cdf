//! `basalt deploy`: an app's folder, to a server.

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use basalt_core::{Code, Error, Result};
use bytes::Bytes;
use serde_json::Value;

use super::arguments::Deploy;
use super::bundling::bundle_packages;
use super::difference::{NOTHING, told_plan, told_refusal};
use super::output::{Output, text};
use super::server::{Server, query};
use crate::bundle::pack_folder;

const ZIP: &str = "application/zip";

pub(super) async fn run(command: Deploy, server: &Server, output: &Output) -> Result<ExitCode> {
    let mut bundle = pack_folder(&command.folder)?;
    let bundled = bundle_packages(&command.folder, &mut bundle)?;
    if !output.json {
        for path in &bundled {
            text(&format!("{path} is bundled with its packages."));
        }
    }
    let archive = Bytes::from(bundle.packed()?);
    let is_watched = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    if command.plan || (is_watched && !command.yes && !output.json) {
        let planned = send(&command, true, archive.clone(), server).await?;
        let refusal = told_refusal(&planned, &command.acknowledge);
        output.result(&planned, || format!("{}{refusal}", told_plan(&planned)));
        if command.plan || planned["changes"] != true {
            return Ok(ExitCode::SUCCESS);
        }
        if !refusal.is_empty() {
            return Ok(ExitCode::FAILURE);
        }
        if !asked("Apply this?") {
            text("Nothing was changed.");
            return Ok(ExitCode::FAILURE);
        }
        let applied = send(&command, false, archive, server).await?;
        text(&done(&applied, server));
        return Ok(ExitCode::SUCCESS);
    }
    match send(&command, false, archive, server).await {
        Ok(applied) => output.result(&applied, || match told_plan(&applied).as_str() {
            NOTHING => done(&applied, server),
            told => format!("{told}{}", done(&applied, server)),
        }),
        Err(error) if error.code() == Code::PlanRefused && !output.json => return Err(refused(&error, &command)),
        Err(error) => return Err(error),
    }
    Ok(ExitCode::SUCCESS)
}

fn done(applied: &Value, server: &Server) -> String {
    let url = &server.url;
    if applied["applied"] == true { format!("Deployed to {url}.") } else { format!("{url} has all of it already.") }
}

/// Shows the plan; what is left to say is what to do.
fn refused(error: &Error, command: &Deploy) -> Error {
    let planned = Value::Object(error.extensions().clone());
    text(told_plan(&planned).trim_end());
    let hint = told_refusal(&planned, &command.acknowledge);
    Error::new(Code::PlanRefused, format!("Nothing was deployed.\n{}", hint.trim_end()))
}

async fn send(command: &Deploy, plan: bool, archive: Bytes, server: &Server) -> Result<Value> {
    let list = |things: &[String]| (!things.is_empty()).then(|| things.join(","));
    let parameters = [
        ("plan", plan.then(|| "true".to_owned())),
        ("remove", list(&command.remove)),
        ("acknowledge", list(&command.acknowledge)),
        ("alias", command.alias.clone()),
    ];
    let path = format!("/v1/admin/deploy{}", query(&parameters));
    server.send("POST", &path, Some((ZIP, archive)), &[]).await
}

fn asked(question: &str) -> bool {
    let _ = write!(std::io::stdout(), "{question} [y/N] ");
    let _ = std::io::stdout().flush();
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).is_ok() && ["y", "yes"].contains(&answer.trim().to_lowercase().as_str())
}
