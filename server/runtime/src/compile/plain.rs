//! Modules of a server without the feature `ts`: one JavaScript file, as it is.

use super::Module;
use super::faults::{Fault, fault};
use crate::Sources;

pub(super) fn module(_: &Sources, path: &str, text: &str) -> Result<Module, Vec<Fault>> {
    if path.ends_with(".ts") || path.ends_with(".mts") {
        return Err(vec![fault(path, "not_available", "This server has no TypeScript: deploy one bundled .js file.")]);
    }
    Ok(Module { text: text.to_owned(), map: None, imports: Vec::new() })
}
