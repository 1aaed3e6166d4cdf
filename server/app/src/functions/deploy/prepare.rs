//! From files and settings to functions that are checked, each with its code.

use std::collections::{BTreeMap, BTreeSet};

use basalt_core::{Code, Error, FieldError, Result};
use basalt_data::Problems;
use basalt_data::manifest::FunctionSection;
use basalt_data::rules::Access;
use basalt_runtime::{CodeId, Declaration, FunctionRuntime, Kind, Sources};
use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::settings::Settings;
use super::sources::{Entry, EntryKind, entries};
use super::{DeployRequest, DeployedBy, access, places};
use crate::common::hex;
use crate::functions::code::Encoded;
use crate::functions::config::{self, Declared, FunctionConfig, Remote, Source};
use crate::functions::names::{AliasName, FunctionName, SecretName};
use crate::functions::stored::{Egress, StoredSource};

/// Entries that are prepared at once.
const AT_ONCE: usize = 4;

/// A deploy that nothing is wrong with by itself.
#[derive(Clone, Debug)]
pub(super) struct Prepared {
    pub functions: Vec<Wanted>,
    pub codes: BTreeMap<CodeId, Encoded>,
    pub alias: AliasName,
    pub remove: BTreeSet<String>,
    pub acknowledge: BTreeSet<String>,
    pub by: DeployedBy,
    /// Whether it is one part of an app that is deployed as a whole.
    pub of_app: bool,
}

/// One function as it shall be.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub name: FunctionName,
    pub kind: Kind,
    pub subject: Option<String>,
    pub options: Value,
    pub source: Source,
    pub code: Option<CodeId>,
    pub env: BTreeMap<String, String>,
    pub egress: Egress,
    pub config: FunctionConfig,
    pub identity: String,
}

pub(super) async fn prepare(runtime: &dyn FunctionRuntime, request: DeployRequest) -> Result<Prepared> {
    let entries = entries(&request.files)?;
    let prepared = compile(runtime, &request, entries).await?;
    let settings = Settings { section: &request.settings, at: request.settings_at };
    let (functions, problems) = (BTreeMap::new(), Problems::default());
    let mut reading = Reading { files: &request.files, settings, functions, problems };
    let mut codes = BTreeMap::new();
    for (entry, prepared) in prepared {
        let code = Encoded::new(&prepared.code)?;
        reading.entry(&entry, prepared.declarations, &code.id);
        codes.insert(code.id.clone(), code);
    }
    reading.rest();
    let Reading { functions, problems, .. } = reading;
    if !problems.is_empty() {
        return Err(problems.into_error("What is to be deployed"));
    }
    let functions: Vec<Wanted> = functions.into_values().map(|(wanted, _)| wanted).collect();
    let DeployRequest { alias, remove, acknowledge, by, settings_at, .. } = request;
    // Code without any function in it is kept by nobody.
    let used: BTreeSet<&CodeId> = functions.iter().filter_map(|wanted| wanted.code.as_ref()).collect();
    codes.retain(|id, _| used.contains(id));
    let of_app = settings_at != super::SETTINGS;
    Ok(Prepared { functions, codes, alias, remove, acknowledge, by, of_app })
}

type Compiled = (Entry, basalt_runtime::Prepared);

/// All entries; what is wrong with any of them is told together.
async fn compile(runtime: &dyn FunctionRuntime, request: &DeployRequest, entries: Vec<Entry>) -> Result<Vec<Compiled>> {
    let one = |entry: Entry| async move {
        let sources = Sources { entry: entry.path.clone(), files: request.files.clone() };
        let outcome = runtime.prepare(sources).await;
        (entry, outcome)
    };
    let outcomes: Vec<_> = stream::iter(entries).map(one).buffered(AT_ONCE).collect().await;
    let (mut compiled, mut faults) = (Vec::new(), Vec::new());
    for (entry, outcome) in outcomes {
        match outcome {
            Ok(prepared) => compiled.push((entry, prepared)),
            Err(error) if error.code() == Code::InvalidDefinition => {
                for fault in error.errors() {
                    if !faults.contains(fault) {
                        faults.push(fault.clone());
                    }
                }
                if error.errors().is_empty() {
                    let path = format!("/{}", entry.path);
                    faults.push(FieldError::new(path, "bad_source", error.detail()));
                }
            }
            Err(error) => return Err(error),
        }
    }
    if faults.is_empty() {
        return Ok(compiled);
    }
    Err(Error::new(Code::InvalidDefinition, "The sources can't be deployed, see errors.").with_errors(faults))
}

struct Reading<'a> {
    files: &'a BTreeMap<String, Bytes>,
    settings: Settings<'a>,
    /// With the place of each, for those that come again.
    functions: BTreeMap<FunctionName, (Wanted, String)>,
    problems: Problems,
}

impl Reading<'_> {
    fn entry(&mut self, entry: &Entry, declarations: Vec<Declaration>, code: &CodeId) {
        match entry.kind {
            EntryKind::Script => {
                for declaration in declarations {
                    self.declared(entry, &declaration, code);
                }
            }
            EntryKind::Wasm => self.wasm(entry, code),
        }
    }

    fn declared(&mut self, entry: &Entry, declaration: &Declaration, code: &CodeId) {
        let Declaration { export, kind, subject, options } = declaration;
        let path = format!("/{}/{export}", entry.path);
        let source = Source::Module { entry: entry.path.clone(), export: export.clone() };
        self.add(export, &path, (*kind, subject.as_deref(), options), source, Some(code));
    }

    fn wasm(&mut self, entry: &Entry, code: &CodeId) {
        let (name, source) = (entry.stem(), Source::Wasm { entry: entry.path.clone() });
        let path = format!("/{}", entry.path);
        let section = self.settings.section.declared.get(name).filter(|section| section.remote.is_none());
        let (kind, subject) = match section {
            None => (Kind::Callable, None),
            Some(section) => (kind_of(section), section.subject.clone()),
        };
        if kind == Kind::Http {
            self.problems.add(&path, "bad_kind", "A WebAssembly function gets JSON and gives JSON: it can't be http.");
            return;
        }
        self.add(name, &path, (kind, subject.as_deref(), &Value::Null), source, Some(code));
    }

    /// Functions elsewhere, and settings that no function has.
    fn rest(&mut self) {
        let remote: Vec<(String, FunctionSection)> =
            self.settings.remote().map(|(name, section)| (name.clone(), section.clone())).collect();
        for (name, section) in remote {
            let path = self.settings.path_of(&name);
            let Some(source) = self.remote(&section, &path) else { continue };
            let kind = kind_of(&section);
            self.add(&name, &path, (kind, section.subject.as_deref(), &Value::Null), Source::Remote(source), None);
        }
        let known = |name: &String| self.functions.contains_key(name.as_str());
        let nobodys: Vec<String> = self.settings.section.declared.keys().filter(|name| !known(name)).cloned().collect();
        if self.problems.is_empty() {
            for name in nobodys {
                let message = format!("There is no function {name:?}: it is no export, no .wasm file, and has no url.");
                self.problems.add(&self.settings.path_of(&name), "unknown_function", message);
            }
        }
    }

    fn remote(&mut self, section: &FunctionSection, path: &str) -> Option<Remote> {
        let remote = section.remote.as_ref()?;
        let Some(named) = &remote.secret else { return Some(Remote { url: remote.url.clone(), secret: None }) };
        let name = named.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')).unwrap_or(named);
        let Ok(name) = SecretName::parse(name) else {
            let message = "This names a secret, such as \"${CRM_SECRET}\"; set its value by itself.";
            self.problems.add(&format!("{path}/secret"), "bad_name", message);
            return None;
        };
        Some(Remote { url: remote.url.clone(), secret: Some(name) })
    }

    fn add(
        &mut self,
        name: &str,
        path: &str,
        (kind, subject, of_code): (Kind, Option<&str>, &Value),
        source: Source,
        code: Option<&CodeId>,
    ) {
        let name = match FunctionName::parse(name) {
            Ok(name) => name,
            Err(why) => {
                let fault = FieldError::new(path, "bad_name", why);
                return self.problems.extend([self.located(fault, &source, path, of_code)]);
            }
        };
        if let Some((_, other)) = self.functions.get(&name) {
            let message = format!("There is a function {:?} in {other} already.", name.as_str());
            let fault = FieldError::new(path, "ambiguous", message);
            return self.problems.extend([self.located(fault, &source, path, of_code)]);
        }
        let options = self.settings.options(name.as_str(), kind, of_code);
        let mut found = Problems::default();
        let declared = Declared { kind, source: &source, subject, options: &options };
        let config = config::read(declared, path, &mut found);
        let faults = found.into_faults().into_iter();
        let placed = faults.map(|fault| self.settings.placed(fault, name.as_str(), path, of_code));
        let located: Vec<FieldError> = placed.map(|fault| self.located(fault, &source, path, of_code)).collect();
        self.problems.extend(located);
        let Some(config) = config else { return };
        let section = self.settings.section;
        let egress = Egress { allow: section.egress.allow.clone(), private: section.egress.private };
        let wanted = Wanted {
            identity: String::new(),
            name: name.clone(),
            kind,
            subject: subject.map(str::to_owned),
            options,
            source,
            code: code.cloned(),
            env: section.env.clone(),
            egress,
            config,
        };
        let wanted = Wanted { identity: wanted.identity(), ..wanted };
        self.functions.insert(name, (wanted, path.to_owned()));
    }

    /// With its line and column, where it is of code: `path` is that of the export.
    fn located(&self, fault: FieldError, source: &Source, path: &str, of_code: &Value) -> FieldError {
        let Source::Module { entry, export } = source else { return fault };
        let text = self.files.get(entry).and_then(|bytes| std::str::from_utf8(bytes).ok());
        let Some(text) = text else { return fault };
        let option = fault.path.strip_prefix(path).and_then(|rest| rest.split('/').nth(1));
        let said = option.and_then(|option| of_code.get(option)).and_then(Value::as_str);
        places::placed(fault, text, (export, path), said)
    }
}

impl Wanted {
    /// Who may call it by this alias then.
    pub(super) fn access(&self, alias: &AliasName) -> Option<Access> {
        access::of_config(&self.name, alias, &self.config)
    }

    /// The same for the same code and configuration.
    fn identity(&self) -> String {
        let whole = json!({
            "kind": self.kind, "subject": self.subject, "options": self.options,
            "source": StoredSource::from(&self.source), "code": self.code, "env": self.env, "egress": self.egress,
        });
        hex(&Sha256::digest(whole.to_string().as_bytes())[..16])
    }
}

/// Its name was checked where the section was read.
fn kind_of(section: &FunctionSection) -> Kind {
    Kind::ALL.into_iter().find(|kind| kind.as_str() == section.kind).unwrap_or(Kind::Callable)
}
