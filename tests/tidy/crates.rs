//! Which crate may name which: the floors of ARCHITECTURE.md, and the bans and licences of deny.toml.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

use crate::tree::{assert_none, read, root};

/// What each crate of the server may name of the others, outside its tests.
const FLOORS: &[(&str, &[&str])] = &[
    ("basalt-core", &[]),
    ("basalt-expr", &["basalt-core"]),
    ("basalt-wal", &[]),
    ("basalt-store", &["basalt-core", "basalt-wal"]),
    ("basalt-blob", &["basalt-core"]),
    ("basalt-images", &["basalt-core"]),
    ("basalt-runtime", &["basalt-core"]),
    ("basalt-outbound", &["basalt-core"]),
    ("basalt-data", &["basalt-core", "basalt-expr", "basalt-store"]),
    (
        "basalt-app",
        &[
            "basalt-core",
            "basalt-expr",
            "basalt-store",
            "basalt-blob",
            "basalt-images",
            "basalt-outbound",
            "basalt-runtime",
            "basalt-data",
        ],
    ),
    ("basalt-api", &["basalt-core", "basalt-data", "basalt-app"]),
    (
        "basalt",
        &[
            "basalt-core",
            "basalt-expr",
            "basalt-store",
            "basalt-blob",
            "basalt-outbound",
            "basalt-runtime",
            "basalt-data",
            "basalt-app",
            "basalt-api",
        ],
    ),
];

struct Graph {
    /// Package name → names of its direct dependencies, without development ones.
    dependencies: BTreeMap<String, BTreeSet<String>>,
    /// Package name → licence expression.
    licences: BTreeMap<String, String>,
}

fn graph() -> Graph {
    let cargo = option_env!("CARGO").unwrap_or("cargo");
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--locked", "--filter-platform", "x86_64-unknown-linux-gnu"])
        .current_dir(root())
        .output()
        .expect("cargo metadata");
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut names = BTreeMap::new();
    let mut licences = BTreeMap::new();
    for package in metadata["packages"].as_array().expect("packages") {
        names.insert(text(&package["id"]), text(&package["name"]));
        licences.insert(text(&package["name"]), text(&package["license"]));
    }
    let mut dependencies: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for node in metadata["resolve"]["nodes"].as_array().expect("nodes") {
        let of = dependencies.entry(names[&text(&node["id"])].clone()).or_default();
        for dependency in node["deps"].as_array().expect("deps") {
            let kinds = dependency["dep_kinds"].as_array().expect("kinds");
            if kinds.iter().any(|kind| kind["kind"] != "dev") {
                of.insert(names[&text(&dependency["pkg"])].clone());
            }
        }
    }
    Graph { dependencies, licences }
}

#[test]
fn each_crate_names_only_crates_of_lower_floors() {
    let graph = graph();
    let mut faults = Vec::new();
    for (name, allowed) in FLOORS {
        let Some(dependencies) = graph.dependencies.get(*name) else {
            faults.push(format!("there is no crate {name}"));
            continue;
        };
        for other in dependencies.iter().filter(|other| other.starts_with("basalt")) {
            if !allowed.contains(&other.as_str()) {
                faults.push(format!("{name} may not name {other}"));
            }
        }
    }
    assert_none("floors", &faults);
}

#[test]
fn core_does_no_io_and_app_and_data_know_no_wire_types() {
    let graph = graph();
    let mut faults = Vec::new();
    for (name, banned) in [
        ("basalt-core", &["tokio", "utoipa"][..]),
        ("basalt-expr", &["tokio", "utoipa"]),
        ("basalt-data", &["utoipa"]),
        ("basalt-app", &["utoipa"]),
    ] {
        for other in banned.iter().filter(|other| graph.dependencies[name].contains(**other)) {
            faults.push(format!("{name} may not name {other}"));
        }
    }
    assert_none("floors", &faults);
}

#[test]
fn the_bans_of_deny_toml_hold() {
    let graph = graph();
    let deny: toml::Table = read("deny.toml").parse().expect("deny.toml");
    let mut faults = Vec::new();
    for ban in deny["bans"]["deny"].as_array().expect("bans.deny") {
        let banned = ban["crate"].as_str().expect("crate");
        let wrappers: Vec<&str> = ban
            .get("wrappers")
            .and_then(toml::Value::as_array)
            .map(|names| names.iter().filter_map(toml::Value::as_str).collect())
            .unwrap_or_default();
        for (name, dependencies) in &graph.dependencies {
            if dependencies.contains(banned) && !wrappers.contains(&name.as_str()) {
                faults.push(format!("{name} may not name {banned}: {}", ban["reason"].as_str().unwrap_or_default()));
            }
        }
    }
    assert_none("deny.toml", &faults);
}

#[test]
fn every_licence_is_allowed_by_deny_toml() {
    let deny: toml::Table = read("deny.toml").parse().expect("deny.toml");
    let allowed: Vec<&str> =
        deny["licenses"]["allow"].as_array().expect("licenses.allow").iter().filter_map(toml::Value::as_str).collect();
    let mut faults = Vec::new();
    for (name, licence) in graph().licences {
        if !is_allowed(&licence, &allowed) {
            faults.push(format!("{name}: {licence:?}"));
        }
    }
    assert_none("licences that deny.toml does not allow", &faults);
}

/// Whether one branch of an SPDX expression is allowed as a whole (`/` is an old spelling of OR; brackets are one deep).
fn is_allowed(expression: &str, allowed: &[&str]) -> bool {
    let expression = expression.replace('/', " OR ");
    split_outside_brackets(&expression, " AND ").iter().all(|part| {
        let part = part.trim().trim_start_matches('(').trim_end_matches(')');
        part.split(" OR ").any(|licence| allowed.contains(&licence.trim()))
    })
}

fn split_outside_brackets<'a>(text: &'a str, separator: &str) -> Vec<&'a str> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0_usize, 0_usize);
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            _ if depth == 0 && text[index..].starts_with(separator) => {
                parts.push(&text[start..index]);
                start = index + separator.len();
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

#[test]
fn licence_expressions_are_read_as_spdx_means_them() {
    let allowed = ["MIT", "Unicode-3.0"];
    assert!(is_allowed("MIT OR GPL-3.0", &allowed));
    assert!(is_allowed("(MIT OR Apache-2.0) AND Unicode-3.0", &allowed));
    assert!(is_allowed("GPL-3.0/MIT", &allowed));
    assert!(!is_allowed("MIT AND GPL-3.0", &allowed));
    assert!(!is_allowed("", &allowed));
}
