//! Which room may import which.

use std::collections::BTreeSet;

use crate::tree::{assert_none, files_ending, read};

/// Rooms of `data`, each with the rooms that it stands on.
const DATA: &[(&str, &[&str])] = &[
    ("declared", &[]),
    ("events", &[]),
    ("changes", &["events"]),
    ("jobs", &[]),
    ("rules", &["declared"]),
    ("channels", &["declared", "rules"]),
    ("collections", &["declared", "rules"]),
    ("manifest", &["declared", "channels", "collections", "rules"]),
    ("documents", &["changes", "jobs", "rules", "collections"]),
];

/// What every room of `app` may import: it holds no use cases. No room imports another.
const APP: &[&str] = &["common"];

/// The one room that speaks for others, since it is what functions may call; nobody imports it.
const HOST: (&str, &[&str]) = ("host", &["files", "realtime"]);

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
        let named = named_of_crate(&read(&name));
        for sibling in rooms.iter().filter(|sibling| *sibling != room && named.contains(*sibling)) {
            found.push((name.clone(), room.to_owned(), sibling.clone()));
        }
    }
    found
}

/// What a source names right below `crate::`, also as `use crate::{a::B, c};` over several lines.
fn named_of_crate(source: &str) -> BTreeSet<String> {
    let lines = source.lines().map(|line| line.split("//").next().unwrap_or_default());
    let text = lines.collect::<Vec<_>>().join(" ");
    let mut named = BTreeSet::new();
    for rest in text.split("crate::").skip(1) {
        match rest.strip_prefix('{') {
            None => named.insert(first_name(rest)),
            Some(list) => {
                named.extend(entries(list).into_iter().map(|entry| first_name(entry.trim_start())));
                false
            }
        };
    }
    named.remove("");
    named
}

/// The entries of a list up to its closing brace; lists within an entry are part of it.
fn entries(list: &str) -> Vec<&str> {
    let (mut depth, mut begin, mut found) = (0, 0, Vec::new());
    for (at, character) in list.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                found.push(&list[begin..at]);
                begin = at + 1;
                if character == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    found
}

fn first_name(path: &str) -> String {
    path.chars().take_while(|character| character.is_alphanumeric() || *character == '_').collect()
}

#[test]
fn every_import_of_a_list_is_seen() {
    let source =
        "use crate::{\n    auth::{Auth, keys::K}, // crate::comment\n    keys,\n};\nfn f() { crate::audit::g() }";
    let named: Vec<String> = named_of_crate(source).into_iter().collect();
    assert_eq!(named, ["audit", "auth", "keys"]);
}

#[test]
fn no_room_of_app_imports_a_sibling() {
    assert!(!rooms_in("app").is_empty(), "app has no rooms");
    let faults: Vec<String> = imports("app")
        .into_iter()
        .filter(|(_, _, sibling)| !APP.contains(&sibling.as_str()))
        .filter(|(_, room, sibling)| room != HOST.0 || !HOST.1.contains(&sibling.as_str()))
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
