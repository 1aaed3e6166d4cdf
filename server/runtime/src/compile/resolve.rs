//! What an import means: a file of the deploy, or `basalt:functions`.

use super::FUNCTIONS;
use super::faults::{Fault, fault};
use crate::Sources;

const MAX_PATH: usize = 200;

/// Paths are relative to the app's folder, with plain segments.
pub(super) fn check_path(path: &str) -> Result<(), Fault> {
    let plain = |segment: &str| {
        !segment.is_empty()
            && segment != "."
            && segment != ".."
            && segment.chars().all(|c| !c.is_control() && !matches!(c, '\\' | ':' | '"' | '(' | ')'))
    };
    if path.len() <= MAX_PATH && path.split('/').all(plain) {
        return Ok(());
    }
    let message = format!("A file's path is relative, has at most {MAX_PATH} bytes and plain segments.");
    Err(fault(path, "bad_path", message))
}

/// The full name of what `from` imports by `specifier`, and whether it is a file of the deploy. An `Err` says what is
/// wrong, for people.
#[cfg_attr(not(feature = "ts"), expect(dead_code, reason = "without TypeScript a function is one file"))]
pub(super) fn resolve(sources: &Sources, from: &str, specifier: &str) -> Result<(String, bool), String> {
    if specifier == FUNCTIONS {
        return Ok((specifier.to_owned(), false));
    }
    if !specifier.starts_with("./") && !specifier.starts_with("../") {
        return Err(if specifier.starts_with('/') || specifier.contains(':') {
            format!("{specifier:?} can't be imported: a function imports its own files and {FUNCTIONS:?}.")
        } else {
            format!(
                "{specifier:?} is a package: bundle it with the command line (`basalt deploy` does when Node is there)."
            )
        });
    }
    let wanted = join(from, specifier).ok_or_else(|| format!("{specifier:?} leads out of the app's folder."))?;
    candidates(&wanted)
        .into_iter()
        .find(|path| sources.files.contains_key(path))
        .map(|path| (path, true))
        .ok_or_else(|| format!("There is no file {specifier:?}."))
}

fn join(from: &str, specifier: &str) -> Option<String> {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for segment in specifier.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            other => parts.push(other),
        }
    }
    Some(parts.join("/"))
}

/// As TypeScript looks: the file itself, with an extension, a folder's index; `./a.js` may be written for `./a.ts`.
fn candidates(path: &str) -> Vec<String> {
    let mut all = vec![path.to_owned()];
    for (written, meant) in [(".js", ".ts"), (".mjs", ".mts")] {
        if let Some(stem) = path.strip_suffix(written) {
            all.push(format!("{stem}{meant}"));
        }
    }
    for extension in ["ts", "mts", "js", "mjs", "json"] {
        all.push(format!("{path}.{extension}"));
    }
    all.push(format!("{path}/index.ts"));
    all.push(format!("{path}/index.js"));
    all
}
