//! Modules of a server without the feature `ts`: one JavaScript file, as it is.

use super::faults::{Fault, fault};
use super::{Language, Module};
use crate::Sources;

pub(super) fn module(_: &Sources, path: &str, text: &str, language: Language) -> Result<Module, Vec<Fault>> {
    if language == Language::TypeScript {
        return Err(vec![fault(path, "not_available", "This server has no TypeScript: deploy one bundled .js file.")]);
    }
    Ok(Module { text: text.to_owned(), map: None, imports: Vec::new() })
}
