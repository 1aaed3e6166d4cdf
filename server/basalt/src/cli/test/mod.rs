//! `basalt test`: an app's rules and functions, tried on a server of their own that is empty before each file of cases.

mod cases;
mod run;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use basalt_core::{Code, Error, Result};
use serde_json::{Value, json};

use self::cases::Cases;
use super::arguments::Test;
use super::local::Local;
use super::output::Output;
use super::rules;
use crate::outside::Outside;

/// Beside app.toml.
const FOLDER: &str = "tests";
const ENDINGS: [&str; 2] = [".test.toml", ".test.json"];

/// What became of one case.
pub(super) struct Tried {
    pub(super) file: String,
    pub(super) name: String,
    /// What is wrong.
    pub(super) fault: Option<String>,
}

pub(super) async fn run(command: Test, outside: Outside, output: &Output) -> Result<ExitCode> {
    let files = files_of(&command.folder)?;
    let ruled = rules::cases_of(&command.folder, &outside)?;
    if files.is_empty() && ruled.is_none() {
        let detail = format!("There are neither {FOLDER}/*{} nor rules.test.toml in the folder.", ENDINGS[0]);
        return Err(Error::new(Code::BadRequest, detail));
    }
    let wanted = |name: &str| command.filter.as_deref().is_none_or(|text| name.contains(text));
    let mut tried: Vec<Tried> = Vec::new();
    for result in ruled.into_iter().flatten().filter(|result| wanted(&result.name)) {
        let fault = (!result.passed).then(|| {
            let said = if result.simulated.allowed { "allowed" } else { "denied" };
            format!("{said} by {} ({})", result.simulated.rule, result.simulated.why)
        });
        tried.push(Tried { file: "rules.test".to_owned(), name: result.name, fault });
    }
    for path in files {
        let shown = path.strip_prefix(&command.folder).unwrap_or(&path).display().to_string();
        let unreadable = |error| Error::new(Code::BadRequest, format!("{shown}: {error}"));
        let cases = Cases::parse(&shown, &std::fs::read_to_string(&path).map_err(unreadable)?)?;
        if !cases.case.iter().any(|case| wanted(&case.name)) {
            continue;
        }
        let local = Local::start(&command.folder, outside.clone()).await?;
        let results = run::run(&shown, &cases, &local, &wanted).await;
        local.stop().await;
        tried.extend(results?);
    }
    let failed = tried.iter().filter(|tried| tried.fault.is_some()).count();
    let answer = json!({
        "passed": tried.len() - failed, "failed": failed, "cases": tried.iter().map(Tried::to_json).collect::<Vec<_>>(),
    });
    output.result(&answer, || {
        let lines = tried.iter().map(Tried::told).collect::<Vec<_>>().join("\n");
        format!("{lines}\n{} passed, {failed} failed", tried.len() - failed)
    });
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Tried {
    fn to_json(&self) -> Value {
        json!({ "file": self.file, "name": self.name, "passed": self.fault.is_none(), "fault": self.fault })
    }

    fn told(&self) -> String {
        match &self.fault {
            None => format!("ok    {} {}", self.file, self.name),
            Some(fault) => format!("FAIL  {} {}: {fault}", self.file, self.name),
        }
    }
}

fn files_of(folder: &Path) -> Result<Vec<PathBuf>> {
    let tests = folder.join(FOLDER);
    if !tests.is_dir() {
        return Ok(Vec::new());
    }
    let unreadable = |error| Error::new(Code::BadRequest, format!("{}: {error}", tests.display()));
    let entries = std::fs::read_dir(&tests).map_err(unreadable)?.filter_map(std::io::Result::ok);
    let is_case = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        ENDINGS.iter().any(|ending| name.ends_with(ending))
    };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(is_case).collect();
    files.sort();
    Ok(files)
}
