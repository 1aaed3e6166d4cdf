//! Which files of a deploy are functions' entries.

use std::collections::BTreeMap;

use basalt_core::{Code, Error, FieldError, Result};
use bytes::Bytes;

const FOLDER: &str = "functions/";
const SCRIPTS: [&str; 4] = ["ts", "mts", "js", "mjs"];
const MOST_FILES: usize = 2_000;
const MOST_BYTES: usize = 32 << 20;
const MOST_ENTRIES: usize = 500;
const PATH_BYTES: usize = 256;

/// One file directly in `functions/`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    pub path: String,
    pub kind: EntryKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum EntryKind {
    Script,
    /// A callable that is named as its file.
    Wasm,
}

impl Entry {
    /// The file's name without its ending.
    pub(super) fn stem(&self) -> &str {
        let name = self.path.strip_prefix(FOLDER).unwrap_or(&self.path);
        name.rsplit_once('.').map_or(name, |(stem, _)| stem)
    }
}

/// By path. Files that begin with `_`, declarations of types and tests are none.
pub(super) fn entries(files: &BTreeMap<String, Bytes>) -> Result<Vec<Entry>> {
    check(files)?;
    let entries: Vec<Entry> = files.keys().filter_map(|path| entry(path)).collect();
    if entries.len() > MOST_ENTRIES {
        let detail = format!("An app has at most {MOST_ENTRIES} files of functions; put several functions into one.");
        return Err(Error::new(Code::TooLarge, detail));
    }
    Ok(entries)
}

fn entry(path: &str) -> Option<Entry> {
    let name = path.strip_prefix(FOLDER)?;
    if name.contains('/') || name.starts_with(['_', '.']) || name.contains(".d.") || name.contains(".test.") {
        return None;
    }
    let (_, ending) = name.rsplit_once('.')?;
    let kind = match ending {
        "wasm" => EntryKind::Wasm,
        ending if SCRIPTS.contains(&ending) => EntryKind::Script,
        _ => return None,
    };
    Some(Entry { path: path.to_owned(), kind })
}

fn check(files: &BTreeMap<String, Bytes>) -> Result<()> {
    if files.len() > MOST_FILES {
        return Err(Error::new(Code::TooLarge, format!("A deploy has at most {MOST_FILES} files.")));
    }
    if files.values().map(Bytes::len).sum::<usize>() > MOST_BYTES {
        return Err(Error::new(Code::TooLarge, format!("The files of a deploy have at most {MOST_BYTES} bytes.")));
    }
    let bad: Vec<FieldError> = files.keys().filter(|path| !is_path(path)).map(|path| bad_path(path)).collect();
    if bad.is_empty() {
        return Ok(());
    }
    Err(Error::new(Code::InvalidDefinition, "Some files have no proper paths.").with_errors(bad))
}

/// Relative, without steps up, and of plain characters.
fn is_path(path: &str) -> bool {
    let segment = |segment: &str| !segment.is_empty() && segment != "." && segment != "..";
    let plain = |c: char| !c.is_control() && c != '\\';
    path.len() <= PATH_BYTES && path.split('/').all(segment) && path.chars().all(plain)
}

fn bad_path(path: &str) -> FieldError {
    let told: String = path.chars().take(PATH_BYTES).collect();
    FieldError::new(format!("/{told}"), "bad_path", "A path is such as \"functions/add.ts\".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_the_files_directly_in_the_folder() {
        let paths = [
            "functions/add.ts",
            "functions/_shared.ts",
            "functions/types.d.ts",
            "functions/add.test.ts",
            "functions/lib/help.ts",
            "functions/data.json",
            "functions/hash.wasm",
            "functions/.hidden.ts",
            "lib/other.ts",
        ];
        let files = paths.iter().map(|path| ((*path).to_owned(), Bytes::new())).collect();
        let found = entries(&files).unwrap();
        let told: Vec<_> = found.iter().map(|entry| (entry.stem(), entry.kind)).collect();
        assert_eq!(told, [("add", EntryKind::Script), ("hash", EntryKind::Wasm)]);
    }

    #[test]
    fn paths_that_climb_are_refused() {
        for bad in ["../a.ts", "/etc/passwd", "functions//a.ts", "functions/./a.ts", "a\\b.ts", "functions/\u{0}.ts"] {
            let error = entries(&BTreeMap::from([(bad.to_owned(), Bytes::new())])).unwrap_err();
            assert_eq!(error.code(), Code::InvalidDefinition, "{bad}");
        }
    }
}
