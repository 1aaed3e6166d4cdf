//! The code beside a manifest: what lies in `functions/`.

use std::collections::BTreeMap;

use crate::declared::Problems;

use super::folder::Files;

/// The folder of functions.
pub const FUNCTIONS: &str = "functions";
/// Files of code.
pub const MOST_FILES: usize = 200;
/// Bytes of all of them.
pub const MOST_BYTES: usize = 4 << 20;
/// What is code, or is imported by it; other files lie there for people.
const ENDINGS: [&str; 6] = ["ts", "mts", "js", "mjs", "json", "wasm"];

/// Files of code by their paths, such as `functions/add.ts`.
pub type Sources = BTreeMap<String, Vec<u8>>;

pub(super) fn read_sources(files: &dyn Files, problems: &mut Problems) -> Sources {
    let mut sources = Sources::new();
    let listed = match files.list(FUNCTIONS, MOST_FILES) {
        Ok(listed) => listed,
        Err(why) => {
            problems.add("/functions", "bad_file", format!("{FUNCTIONS}/: {why}"));
            return sources;
        }
    };
    let mut left = MOST_BYTES;
    for path in listed.into_iter().filter(|path| is_code(path)) {
        match files.bytes(&path) {
            Ok(bytes) if bytes.len() > left => {
                let message = format!("The files in {FUNCTIONS}/ have more than {MOST_BYTES} bytes.");
                problems.add("/functions", "too_large", message);
                return sources;
            }
            Ok(bytes) => {
                left -= bytes.len();
                sources.insert(path, bytes);
            }
            Err(why) => problems.add("/functions", "bad_file", format!("{path}: {why}")),
        }
    }
    sources
}

/// Declarations of types run nowhere.
fn is_code(path: &str) -> bool {
    let ending = path.rsplit_once('.').map(|(_, ending)| ending);
    ending.is_some_and(|ending| ENDINGS.contains(&ending)) && !path.ends_with(".d.ts")
}
