//! From what is deployed to what runs: types are stripped, imports are resolved, and what the entry doesn't reach is
//! left out.
//!
//! Promises: a module imports files of the deploy and `basalt:functions`, and nothing else; each fault names file, line
//! and column; the same sources are the same code, whatever else was deployed with them.

mod faults;
mod resolve;
#[cfg(feature = "ts")]
mod script;
#[cfg(not(feature = "ts"))]
#[path = "plain.rs"]
mod script;
mod stack;

use std::collections::BTreeMap;

use basalt_core::Result;
use bytes::Bytes;
use sha2::{Digest, Sha256};

use self::faults::{Fault, fault};
use crate::{Code, CodeId, Sources};

pub use stack::original_stack;

/// The module that every function imports; the prelude has it.
pub const FUNCTIONS: &str = "basalt:functions";

const MAX_FILES: usize = 200;
const MAX_BYTES: usize = 4 << 20;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Language {
    JavaScript,
    TypeScript,
}

/// One file as it runs.
struct Module {
    text: String,
    /// A source map in JSON; files that stay as they are have none.
    map: Option<String>,
    /// Paths of the files that it imports.
    imports: Vec<String>,
}

/// Follows the imports from the entry and makes the code that runs.
pub fn strip(sources: &Sources) -> Result<Code> {
    let mut modules: BTreeMap<String, Module> = BTreeMap::new();
    let mut reached: BTreeMap<&str, &str> = BTreeMap::new();
    let mut faults: Vec<Fault> = Vec::new();
    let mut bytes = 0;
    let mut waiting = vec![sources.entry.clone()];
    while let Some(path) = waiting.pop() {
        if modules.contains_key(&path) {
            continue;
        }
        let Some((path, text)) = file(sources, &path) else {
            return Err(fault(&path, "not_found", "There is no such file.").into());
        };
        let text = text?;
        bytes += text.len();
        if reached.len() == MAX_FILES || bytes > MAX_BYTES {
            let message = format!("A function has at most {MAX_FILES} files and {} MiB of source.", MAX_BYTES >> 20);
            return Err(fault(&sources.entry, "too_large", message).into());
        }
        reached.insert(path, text);
        match one(sources, path, text) {
            Ok(module) => {
                waiting.extend(module.imports.iter().cloned());
                modules.insert(path.to_owned(), module);
            }
            // The others are looked at, too, so that one deploy tells all that is wrong.
            Err(found) => {
                faults.extend(found);
                modules.insert(path.to_owned(), Module { text: String::new(), map: None, imports: Vec::new() });
            }
        }
    }
    if !faults.is_empty() {
        return Err(faults::all(faults));
    }
    Ok(code(sources.entry.clone(), &reached, modules))
}

/// The file's own path and its text.
fn file<'a>(sources: &'a Sources, path: &str) -> Option<(&'a str, Result<&'a str>)> {
    let (path, bytes): (&String, &Bytes) = sources.files.get_key_value(path)?;
    let text = std::str::from_utf8(bytes).map_err(|_| fault(path, "bad_encoding", "The file is no UTF-8.").into());
    Some((path, text))
}

fn one(sources: &Sources, path: &str, text: &str) -> Result<Module, Vec<Fault>> {
    resolve::check_path(path)?;
    match path.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "json" => json(path, text),
        "ts" | "mts" => script::module(sources, path, text, Language::TypeScript),
        "js" | "mjs" => script::module(sources, path, text, Language::JavaScript),
        _ => Err(vec![fault(path, "bad_type", "A module is a .ts, .mts, .js, .mjs or .json file.")]),
    }
}

/// A value that a module imports.
fn json(path: &str, text: &str) -> Result<Module, Vec<Fault>> {
    let parsed: Result<serde::de::IgnoredAny, _> = serde_json::from_str(text);
    if let Err(error) = parsed {
        let message = format!("This is no JSON: {error}.");
        return Err(vec![fault(path, "bad_json", message).at(error.line(), error.column())]);
    }
    // Not as an object of the language: there `__proto__` would mean something else.
    let literal =
        serde_json::Value::from(text).to_string().replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029");
    Ok(Module { text: format!("export default JSON.parse({literal});\n"), map: None, imports: Vec::new() })
}

fn code(entry: String, reached: &BTreeMap<&str, &str>, modules: BTreeMap<String, Module>) -> Code {
    let mut hash = Sha256::new();
    // The entry is part of it: the same files with another entry declare other functions.
    for (path, text) in [("", entry.as_str())].into_iter().chain(reached.iter().map(|(path, text)| (*path, *text))) {
        for part in [path, text] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
    }
    let digit = |four: u8| char::from_digit(u32::from(four), 16);
    let id = hash.finalize().iter().flat_map(|byte| [byte >> 4, byte & 15]).filter_map(digit).collect();
    let mut maps = BTreeMap::new();
    let mut texts = BTreeMap::new();
    for (path, module) in modules {
        if let Some(map) = module.map {
            maps.insert(path.clone(), map);
        }
        texts.insert(path, module.text);
    }
    let sources = reached.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
    Code::Script { id: CodeId(id), entry, modules: texts, sources, maps }
}
