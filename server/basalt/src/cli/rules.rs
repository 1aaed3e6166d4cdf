//! `basalt rules`: an app's rules, looked at without a server.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use basalt_app::builtins;
use basalt_core::{Code, Error};
use basalt_data::collections::{self, Builtins, Review, compile_rules};
use basalt_data::manifest::{self, Manifest};
use basalt_data::rules::{CaseResult, Cases, CasesFormat, CompiledRules};
use serde_json::json;

use super::Failure;
use super::arguments::Rules;
use super::output::Output;
use crate::outside::Outside;

const CASES: [&str; 2] = ["rules.test.toml", "rules.test.json"];

pub(super) fn run(command: Rules, outside: &Outside, output: &Output) -> Result<ExitCode, Failure> {
    match command {
        Rules::Check { folder } => check(&folder, outside, output),
        Rules::Test { folder, cases } => test(&folder, cases, outside, output),
    }
}

/// What `serve --app` would refuse fails here, too: a plan with refusals isn't applied.
fn check(folder: &Path, outside: &Outside, output: &Output) -> Result<ExitCode, Failure> {
    let manifest = read(folder, outside)?;
    let review = collections::review(&manifest.collections, &Builtins::new(builtins()?))?;
    let Review { access, warnings, refusals } = &review;
    let answer = json!({ "access": access, "warnings": warnings, "refusals": refusals });
    output.result(&answer, || review.to_string());
    Ok(if refusals.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn test(folder: &Path, cases: Option<PathBuf>, outside: &Outside, output: &Output) -> Result<ExitCode, Failure> {
    let missing = || Error::new(Code::BadRequest, format!("There is no {} in the folder.", CASES.join(" or ")));
    let path = cases.or_else(|| beside(folder)).ok_or_else(missing)?;
    let results = run_cases(folder, &path, outside)?;
    let failed = results.iter().filter(|result| !result.passed).count();
    let answer = json!({ "passed": results.len() - failed, "failed": failed, "cases": results });
    output.result(&answer, || {
        let lines = results.iter().map(told).collect::<Vec<_>>().join("\n");
        format!("{lines}\n{} passed, {failed} failed", results.len() - failed)
    });
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The cases beside an app's manifest, run; `None` where there are none.
pub(super) fn cases_of(folder: &Path, outside: &Outside) -> Result<Option<Vec<CaseResult>>, Error> {
    beside(folder).map(|path| run_cases(folder, &path, outside)).transpose()
}

fn beside(folder: &Path) -> Option<PathBuf> {
    CASES.iter().map(|name| folder.join(name)).find(|path| path.is_file())
}

fn run_cases(folder: &Path, path: &Path, outside: &Outside) -> Result<Vec<CaseResult>, Error> {
    let compiled = compile(folder, outside)?;
    let unreadable = |error| Error::new(Code::BadRequest, format!("{}: {error}", path.display()));
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    let json = path.extension().is_some_and(|extension| extension == "json");
    let format = if json { CasesFormat::Json } else { CasesFormat::Toml };
    Cases::parse(&text, format, outside.clock.now())?.run(&compiled)
}

fn told(result: &CaseResult) -> String {
    if result.passed {
        return format!("ok    {}", result.name);
    }
    let said = if result.simulated.allowed { "allowed" } else { "denied" };
    let fail = format!("FAIL  {}: {said} by {} ({})", result.name, result.simulated.rule, result.simulated.why);
    let steps = result.simulated.trace.iter().map(|step| {
        let value = step.value.as_ref().map_or("error".to_owned(), ToString::to_string);
        format!("        {}..{} = {value}: {}", step.from, step.to, step.why)
    });
    std::iter::once(fail).chain(steps).collect::<Vec<_>>().join("\n")
}

type Compiled = BTreeMap<basalt_core::CollectionName, CompiledRules>;

fn compile(folder: &Path, outside: &Outside) -> Result<Compiled, Error> {
    let builtins = Builtins::new(builtins()?);
    let manifest = read(folder, outside)?;
    let compiled = manifest
        .collections
        .iter()
        .map(|definition| compile_rules(definition, &builtins).map(|rules| (definition.name.clone(), rules)));
    compiled.collect()
}

fn read(folder: &Path, outside: &Outside) -> Result<Manifest, Error> {
    // Secrets of the deployment need not be at hand where rules are looked at.
    let names = |name: &str| Some(outside.environment.get(name).cloned().unwrap_or_default());
    manifest::read_folder(folder, &names)
}
