//! Both engines have the same migrations, by number and name.

use std::collections::BTreeSet;

use crate::tree::{assert_none, files};

fn names(engine: &str) -> BTreeSet<String> {
    let folder = format!("migrations/{engine}/");
    files().iter().filter_map(|name| name.strip_prefix(&folder)).map(str::to_owned).collect()
}

#[test]
fn migrations_are_twins() {
    let (sqlite, postgres) = (names("sqlite"), names("postgres"));
    assert!(!sqlite.is_empty(), "there are no migrations");
    let faults: Vec<String> = sqlite.symmetric_difference(&postgres).cloned().collect();
    assert_none("migrations of one engine only", &faults);
}

#[test]
fn migrations_are_numbered_without_a_gap() {
    let mut faults = Vec::new();
    for (index, name) in names("sqlite").iter().enumerate() {
        if !name.starts_with(&format!("{:04}_", index + 1)) {
            faults.push(name.clone());
        }
    }
    assert_none("migrations out of order", &faults);
}
