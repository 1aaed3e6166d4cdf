//! `basalt rules test`: what rules should say, written down in a file.
//!
//! The file is TOML, or JSON of the same shape:
//! ```toml
//! [documents.rooms.r1]          # what get() and exists() find; nothing else is there
//! members = ["ann"]
//!
//! [[cases]]
//! name = "members post"         # optional
//! collection = "messages"
//! op = "create"                 # get, list, create, update, delete
//! auth = { id = "ann" }         # left out: a visitor
//! next = { room = "r1", text = "hi" }
//! allowed = true
//! ```
//! `doc` is the stored document (get, list, update, delete), `next` the one that would be (create, update);
//! `request = { time, ip, method }` is optional.

use std::collections::BTreeMap;

use basalt_core::document::pointer_token;
use basalt_core::{Code, CollectionName, DocumentId, Error, Result, Timestamp};
use serde::Serialize;
use serde_json::Value;

use super::compiled::CompiledRules;
use super::simulate::{Simulated, Simulation, SimulationStep, Supposed};
use crate::declared::{Problems, Source, Table, wrong_type};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CasesFormat {
    Toml,
    Json,
}

/// The cases of one file.
#[derive(Debug)]
pub struct Cases {
    documents: Supposed,
    cases: Vec<Case>,
}

#[derive(Debug)]
struct Case {
    name: String,
    simulation: Simulation,
    allowed: bool,
}

/// What became of one case.
#[derive(Clone, Debug, Serialize)]
pub struct CaseResult {
    pub name: String,
    pub passed: bool,
    pub expected: bool,
    #[serde(flatten)]
    pub simulated: Simulated,
}

impl Cases {
    /// Reads a file; every problem at once, with line and column where it is TOML.
    pub fn parse(source: &str, format: CasesFormat, now: Timestamp) -> Result<Self> {
        let invalid = |detail: &str| Error::new(Code::InvalidDefinition, detail);
        let mut problems = Problems::default();
        match format {
            CasesFormat::Toml => {
                let toml = Source::parse_toml(source)
                    .map_err(|faults| invalid("The cases are not valid TOML.").with_errors(faults))?;
                let cases = read_cases(&toml.root, now, &mut problems);
                finished(cases, toml.locate(problems.into_faults()))
            }
            CasesFormat::Json => {
                let json = basalt_core::json::parse(source.as_bytes())?;
                let cases = read_cases(&json, now, &mut problems);
                finished(cases, problems.into_faults())
            }
        }
    }

    /// Asks the rules of each case's collection.
    pub fn run(&self, rules: &BTreeMap<CollectionName, CompiledRules>) -> Result<Vec<CaseResult>> {
        self.cases.iter().map(|case| self.run_case(case, rules)).collect()
    }

    fn run_case(&self, case: &Case, rules: &BTreeMap<CollectionName, CompiledRules>) -> Result<CaseResult> {
        let name = &case.simulation.collection;
        let rules = rules.get(name).ok_or_else(|| Error::collection_not_found(name.as_str()))?;
        let simulated = match case.simulation.run(rules, &self.documents)? {
            SimulationStep::Done(simulated) => simulated,
            SimulationStep::Need(reads) => {
                return Err(Error::internal(format!("a case asks for {} documents", reads.len())));
            }
        };
        let passed = simulated.allowed == case.allowed;
        Ok(CaseResult { name: case.name.clone(), passed, expected: case.allowed, simulated })
    }
}

fn finished(cases: Option<Cases>, faults: Vec<basalt_core::FieldError>) -> Result<Cases> {
    match cases {
        Some(cases) if faults.is_empty() => Ok(cases),
        _ => Err(Error::new(Code::InvalidDefinition, "The cases are not valid.").with_errors(faults)),
    }
}

fn read_cases(root: &Value, now: Timestamp, problems: &mut Problems) -> Option<Cases> {
    let mut table = Table::open(root, "", problems)?;
    let mut documents = Supposed::closed();
    if let Some((value, path)) = table.take("documents") {
        read_documents(value, &path, &mut documents, problems);
    }
    let mut cases = Vec::new();
    match table.take("cases") {
        Some((Value::Array(items), path)) => {
            for (index, item) in items.iter().enumerate() {
                cases.extend(read_case(item, index, &format!("{path}/{index}"), now, problems));
            }
        }
        Some((other, path)) => wrong_type(&path, "a list of cases", other, problems),
        None => problems.add("/cases", "required", "There are no cases."),
    }
    table.finish(problems);
    Some(Cases { documents, cases })
}

fn read_case(value: &Value, index: usize, path: &str, now: Timestamp, problems: &mut Problems) -> Option<Case> {
    let mut table = Table::open(value, path, problems)?;
    let name = table.text("name", problems).map_or_else(|| format!("case {}", index + 1), str::to_owned);
    let simulation = Simulation::read(&mut table, now, problems);
    let allowed = table.bool("allowed", problems);
    if allowed.is_none() && table.take("allowed").is_none() {
        problems.add(&table.path_of("allowed"), "required", "A case says whether it is allowed.");
    }
    table.finish(problems);
    Some(Case { name, simulation: simulation?, allowed: allowed? })
}

fn read_documents(value: &Value, path: &str, documents: &mut Supposed, problems: &mut Problems) {
    let Value::Object(collections) = value else {
        return wrong_type(path, "a table of collections", value, problems);
    };
    for (collection, entries) in collections {
        let path = format!("{path}/{}", pointer_token(collection));
        let (Ok(collection), Value::Object(entries)) = (CollectionName::parse(collection), entries) else {
            problems.add(&path, "wrong_type", "This has to be a collection's documents by their ids.");
            continue;
        };
        for (id, fields) in entries {
            let path = format!("{path}/{}", pointer_token(id));
            match (DocumentId::parse(id), basalt_core::json::canonical(fields.clone())) {
                (Ok(id), Value::Object(fields)) => documents.put_fields(collection.clone(), id, &fields),
                _ => problems.add(&path, "wrong_type", "This has to be a document under its id."),
            }
        }
    }
}
