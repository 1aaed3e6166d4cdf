//! Sizes, and words that may not occur.

use crate::tree::{assert_none, files, files_ending, read};

const LINES: usize = 500;

/// Files that are longer, each with the reason.
const LONG: &[(&str, &str)] = &[("sdk/js/src/generated/openapi.ts", "made from docs/openapi.json")];

/// Never in a text file: paths of some machine, and marks of work left undone. Written in two halves, since this file
/// is searched too.
const WORDS: &[(&str, &str)] = &[
    ("/wo", "rk/"),
    ("/ro", "ot/"),
    ("/ho", "me/"),
    ("TO", "DO"),
    ("FIX", "ME"),
    ("unimple", "mented!("),
    ("#[ig", "nore"),
];

const TEXT: &[&str] =
    &[".rs", ".md", ".toml", ".sql", ".sh", ".py", ".mjs", ".js", ".ts", ".yml", ".yaml", ".html", ".css"];

#[test]
fn source_files_are_short() {
    let mut faults = Vec::new();
    // Fixtures are data that a server wrote.
    let source = |name: &String| !name.starts_with("tests/fixtures/");
    for name in files_ending(&[".rs", ".py", ".mjs", ".ts", ".tsx", ".sql"]).into_iter().filter(source) {
        let lines = read(&name).lines().count();
        if lines > LINES && !LONG.iter().any(|(long, _)| *long == name) {
            faults.push(format!("{name}: {lines} lines"));
        }
    }
    assert_none("files over 500 lines", &faults);
}

#[test]
fn the_list_of_long_files_is_current() {
    let faults: Vec<String> = LONG
        .iter()
        .filter(|(name, _)| !files().contains(&(*name).to_owned()) || read(name).lines().count() <= LINES)
        .map(|(name, reason)| format!("{name} ({reason}) is no longer long"))
        .collect();
    assert_none("tests/tidy/sources.rs", &faults);
}

#[test]
fn no_machine_paths_and_nothing_left_undone() {
    let mut faults = Vec::new();
    let scripts = |name: &String| {
        !name.contains('.')
            && ["tools/", "tests/", ".ci/", "examples/", "docker/"].iter().any(|at| name.starts_with(at))
    };
    for name in files().into_iter().filter(|name| TEXT.iter().any(|end| name.ends_with(end)) || scripts(name)) {
        let text = read(&name);
        for (number, line) in text.lines().enumerate() {
            for (first, second) in WORDS {
                let word = format!("{first}{second}");
                if line.contains(&word) {
                    faults.push(format!("{name}:{} has {word}", number + 1));
                }
            }
        }
    }
    assert_none("words that may not occur", &faults);
}

#[test]
fn lock_files_name_no_download_address() {
    let faults: Vec<String> = files_ending(&["package-lock.json"])
        .into_iter()
        .filter(|name| read(name).contains("\"resolved\": \"http"))
        .collect();
    assert_none("lock files with addresses (npm: omit-lockfile-registry-resolved)", &faults);
}
