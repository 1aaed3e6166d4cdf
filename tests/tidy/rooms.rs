//! Which room may import which.

use crate::tree::{assert_none, files_ending, read};

/// Rooms of `data`, each with the rooms that it stands on.
const DATA: &[(&str, &[&str])] = &[
    ("declared", &[]),
    ("changes", &[]),
    ("jobs", &[]),
    ("rules", &["declared"]),
    ("collections", &["declared", "rules"]),
    ("manifest", &["declared", "collections", "rules"]),
    ("documents", &["changes", "jobs", "rules", "collections"]),
];

/// What every room of `app` may import: it holds no use cases. No room imports another.
const APP: &[&str] = &["common"];

/// No room but a shelf: what several rooms use.
const COMMON: &str = "common";

fn rooms_in(floor: &str) -> Vec<String> {
    let folder = format!("server/{floor}/src/");
    let mut rooms: Vec<String> = files_ending(&[".rs"])
        .iter()
        .filter_map(|name| name.strip_prefix(&folder))
        .filter_map(|rest| rest.split_once('/').map(|(room, _)| room.to_owned()))
        .filter(|room| room != COMMON)
        .collect();
    rooms.sort();
    rooms.dedup();
    rooms
}

/// Each import of a sibling room, as (file, room, sibling). Unit tests may speak through the rooms above.
fn imports(floor: &str) -> Vec<(String, String, String)> {
    let rooms = rooms_in(floor);
    let folder = format!("server/{floor}/src/");
    let mut found = Vec::new();
    for name in files_ending(&[".rs"]).into_iter().filter(|name| !name.ends_with("/tests.rs")) {
        let Some((room, _)) = name.strip_prefix(&folder).and_then(|rest| rest.split_once('/')) else { continue };
        let text = read(&name);
        for sibling in rooms.iter().filter(|sibling| *sibling != room) {
            let names_it = |line: &str| {
                let line = line.split("//").next().unwrap_or_default();
                line.contains(&format!("crate::{sibling}::"))
                    || line.contains(&format!("crate::{sibling};"))
                    || line.contains(&format!("crate::{{{sibling}"))
            };
            if text.lines().any(names_it) {
                found.push((name.clone(), room.to_owned(), sibling.clone()));
            }
        }
    }
    found
}

#[test]
fn no_room_of_app_imports_a_sibling() {
    assert!(!rooms_in("app").is_empty(), "app has no rooms");
    let faults: Vec<String> = imports("app")
        .into_iter()
        .filter(|(_, _, sibling)| !APP.contains(&sibling.as_str()))
        .map(|(file, _, sibling)| format!("{file} imports {sibling}"))
        .collect();
    assert_none("imports of siblings", &faults);
}

#[test]
fn rooms_of_data_import_only_those_they_stand_on() {
    let mut faults = Vec::new();
    for room in rooms_in("data") {
        if !DATA.iter().any(|(name, _)| *name == room) {
            faults.push(format!("{room} is not listed in tests/tidy/rooms.rs"));
        }
    }
    for (file, room, sibling) in imports("data") {
        let allowed = DATA.iter().find(|(name, _)| *name == room).is_some_and(|(_, on)| on.contains(&sibling.as_str()));
        if !allowed {
            faults.push(format!("{file} imports {sibling}"));
        }
    }
    assert_none("rooms of data", &faults);
}
