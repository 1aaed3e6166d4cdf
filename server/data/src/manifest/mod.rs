//! `app.toml`: what an app needs of its server.
//!
//! Promises: a manifest is read whole or refused with every problem at once, each with its line and column; a section
//! or key that would do nothing is refused; nothing outside of the app's folder is read.

mod deliveries;
mod folder;
mod functions;
mod names;
mod sections;
mod sources;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use basalt_core::{BucketName, Code, CollectionName, Error, FieldError, Result};
use serde_json::Value;

use crate::channels;
use crate::collections::{Bucket, Definition, FILES, read_buckets};
use crate::declared::{Problems, Source, Table, wrong_type};

pub use deliveries::{CatchUp, Overlap, ScheduleSection, WebhookSection};
pub use folder::{AppFolder, Files, is_left_out};
pub use functions::{EgressSection, FunctionLimits, FunctionSection, FunctionsSection, Remote};
pub use sections::{AuthLimits, AuthSection, CorsSection, LimitsSection, Role};
pub use sources::{FUNCTIONS, MOST_BYTES, MOST_FILES, Sources};

/// The file's name in an app's folder.
pub const FILE_NAME: &str = "app.toml";

/// What was declared. Settings that aren't there are `None`: the server's defaults hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Manifest {
    pub collections: Vec<Definition>,
    pub channels: Vec<channels::Definition>,
    pub auth: AuthSection,
    pub cors: CorsSection,
    pub limits: LimitsSection,
    pub roles: BTreeMap<String, Role>,
    pub functions: FunctionsSection,
    pub schedules: BTreeMap<String, ScheduleSection>,
    pub webhooks: BTreeMap<String, WebhookSection>,
    /// What lies in `functions/`.
    pub sources: Sources,
}

/// Sections whose rooms come later.
const LATER: [&str; 3] = ["config", "messaging", "hosting"];

/// Reads `app.toml` of a folder. `names` gives what `"${NAME}"` stands for (secrets, then the environment).
pub fn read_folder(folder: &Path, names: &dyn Fn(&str) -> Option<String>) -> Result<Manifest> {
    let files = AppFolder::open(folder)?;
    let text =
        files.read(FILE_NAME).map_err(|why| Error::new(Code::InvalidDefinition, format!("{FILE_NAME}: {why}")))?;
    read(&text, &files, names)
}

/// Gives the faults of what a manifest declares (found by whoever compiled it) their lines and columns in its text.
/// Those of the files in `functions/` have theirs already.
pub fn locate(text: &str, manifest: &Manifest, error: Error) -> Error {
    let Ok(source) = Source::parse_toml(text) else { return error };
    let of_a_file = |fault: &FieldError| file_of(fault, manifest).is_some();
    let (mut faults, declared): (Vec<FieldError>, Vec<_>) = error.errors().iter().cloned().partition(of_a_file);
    faults.extend(source.locate(declared));
    let located = Error::new(error.code(), error.detail()).with_errors(faults);
    error.extensions().iter().fold(located, |located, (name, value)| located.with(name, value.clone()))
}

/// The file in `functions/` that a fault is of (`/functions/add.ts`, `/functions/add.ts/add/invoke`); those without one
/// are of `app.toml` itself.
pub fn file_of<'a>(fault: &FieldError, manifest: &'a Manifest) -> Option<&'a str> {
    let path = fault.path.strip_prefix('/')?;
    let ends = path.match_indices('/').map(|(end, _)| end).chain([path.len()]);
    ends.filter_map(|end| manifest.sources.get_key_value(&path[..end])).map(|(file, _)| file.as_str()).next()
}

/// The names that `"${NAME}"` asks for in a manifest's text, so that they can be read before it is.
pub fn names_in(text: &str) -> BTreeSet<String> {
    let named = text.split("${").skip(1).filter_map(|rest| rest.split_once('}'));
    named.map(|(name, _)| name.to_owned()).filter(|name| names::is_variable_name(name)).collect()
}

/// Reads a manifest's text.
pub fn read(text: &str, files: &dyn Files, names: &dyn Fn(&str) -> Option<String>) -> Result<Manifest> {
    let mut source = Source::parse_toml(text).map_err(|faults| {
        Error::new(Code::InvalidDefinition, format!("{FILE_NAME} is not valid TOML.")).with_errors(faults)
    })?;
    let mut problems = Problems::default();
    sections::substitute(&mut source.root, names, &mut problems);
    let manifest = read_root(&source.root, files, &mut problems);
    match manifest {
        Some(manifest) if problems.is_empty() => Ok(manifest),
        _ => {
            let mut located = Problems::default();
            located.extend(source.locate(problems.into_faults()));
            Err(located.into_error(FILE_NAME))
        }
    }
}

fn read_root(root: &Value, files: &dyn Files, problems: &mut Problems) -> Option<Manifest> {
    let mut table = Table::open(root, "", problems)?;
    let mut manifest = Manifest::default();
    if let Some((collections, path)) = table.take("collections") {
        manifest.collections = read_collections(collections, &path, files, problems);
    }
    if let Some((buckets, path)) = table.take("buckets") {
        declare_buckets(&mut manifest.collections, read_buckets(buckets, &path, problems), problems);
    }
    if let Some((auth, path)) = table.take("auth") {
        manifest.auth = sections::read_auth(auth, &path, problems);
    }
    if let Some((cors, path)) = table.take("cors") {
        manifest.cors = sections::read_cors(cors, &path, problems);
    }
    if let Some((limits, path)) = table.take("limits") {
        manifest.limits = sections::read_limits(limits, &path, problems);
    }
    if let Some((roles, path)) = table.take("roles") {
        manifest.roles = sections::read_roles(roles, &path, problems);
    }
    if let Some((channels, path)) = table.take("channels") {
        manifest.channels = sections::read_channels(channels, &path, problems);
    }
    if let Some((functions, path)) = table.take("functions") {
        manifest.functions = functions::read_functions(functions, &path, files, problems);
    }
    if let Some((schedules, path)) = table.take("schedules") {
        manifest.schedules = deliveries::read_schedules(schedules, &path, problems);
    }
    if let Some((webhooks, path)) = table.take("webhooks") {
        manifest.webhooks = deliveries::read_webhooks(webhooks, &path, problems);
    }
    manifest.sources = sources::read_sources(files, problems);
    for section in LATER {
        if let Some((_, path)) = table.take(section) {
            problems.not_available(&path, &format!("The section [{section}]"));
        }
    }
    table.finish(problems);
    Some(manifest)
}

fn read_collections(value: &Value, path: &str, files: &dyn Files, problems: &mut Problems) -> Vec<Definition> {
    let Value::Object(entries) = value else {
        wrong_type(path, "a table of collections", value, problems);
        return Vec::new();
    };
    let mut definitions = Vec::new();
    for (name, entry) in entries {
        let path = format!("{path}/{}", basalt_core::document::pointer_token(name));
        let Some(name) = CollectionName::parse(name).ok().filter(|name| !name.is_system()) else {
            let message = "A collection's name is a letter, then up to 62 of A-Z, a-z, 0-9 and _.";
            problems.add(&path, "bad_name", message);
            continue;
        };
        let Some(entry) = with_schema_file(entry, &path, files, problems) else { continue };
        if let Some(definition) = Definition::read(&name, &entry, &path, problems) {
            definition.check(&path, problems);
            definitions.push(definition);
        }
    }
    definitions
}

/// Buckets are of the collection `files`, which may be declared, too.
fn declare_buckets(
    collections: &mut Vec<Definition>,
    buckets: BTreeMap<BucketName, Arc<Bucket>>,
    problems: &mut Problems,
) {
    let Ok(name) = CollectionName::parse(FILES) else { return };
    let mut files = match collections.iter().position(|definition| definition.name == name) {
        Some(position) => collections.remove(position),
        None => Definition::empty(name),
    };
    if !files.buckets.is_empty() {
        let message = "Buckets are declared as [buckets.NAME].";
        problems.add(&format!("/collections/{FILES}/buckets"), "ambiguous", message);
    }
    files.buckets = buckets;
    // Their faults are those of [buckets.NAME].
    let mut found = Problems::default();
    files.check("", &mut found);
    problems.extend(found.into_faults().into_iter().filter(|fault| fault.path.starts_with("/buckets/")));
    collections.push(files);
}

/// A schema that is a text is a file of the folder.
fn with_schema_file(entry: &Value, path: &str, files: &dyn Files, problems: &mut Problems) -> Option<Value> {
    let Some(schema) = entry.get("schema").filter(|schema| schema.is_string()) else { return Some(entry.clone()) };
    let schema = schema_of(schema, &format!("{path}/schema"), files, problems)?;
    let mut entry = entry.clone();
    entry.as_object_mut()?.insert("schema".to_owned(), schema);
    Some(entry)
}

/// A schema, or what the file says that it names.
fn schema_of(value: &Value, path: &str, files: &dyn Files, problems: &mut Problems) -> Option<Value> {
    let Some(file) = value.as_str() else { return Some(value.clone()) };
    let text = match files.read(file) {
        Ok(text) => text,
        Err(why) => {
            problems.add(path, "bad_file", format!("{file}: {why}"));
            return None;
        }
    };
    match serde_json::from_str(&text) {
        Ok(schema) => Some(basalt_core::json::canonical(schema)),
        Err(error) => {
            problems.add(path, "bad_json", format!("{file} is not valid JSON: {error}."));
            None
        }
    }
}

#[cfg(test)]
mod tests;
