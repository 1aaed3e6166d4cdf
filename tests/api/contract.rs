//! Nothing is promised that no test shows: every operation of the OpenAPI document, every error code and every promise
//! of the docs stands in `tests/contract.toml` with its tests, or with the reason why there is none.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use basalt_core::Code;
use serde_json::Value;

const CASES: [&str; 3] = ["anonymous", "wrong_user", "allowed"];

fn tests_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn contract() -> toml::Table {
    let text = std::fs::read_to_string(tests_folder().join("contract.toml")).expect("tests/contract.toml");
    text.parse().expect("TOML")
}

/// `POST /v1/transactions` and so on, of the checked-in document.
fn operations() -> BTreeSet<String> {
    let path = tests_folder().join("../docs/openapi.json");
    let text = std::fs::read_to_string(path).expect("docs/openapi.json");
    let document: Value = serde_json::from_str(&text).expect("JSON");
    let mut operations = BTreeSet::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for method in ["get", "put", "post", "delete", "patch", "head", "options"] {
            if item.get(method).is_some() {
                operations.insert(format!("{} {path}", method.to_uppercase()));
            }
        }
    }
    operations
}

/// A fault when `entry` is neither the place of a test nor a reason.
fn fault_of(entry: &toml::Value) -> Option<String> {
    let Some(text) = entry.as_str() else { return Some("is no text".into()) };
    if text.strip_prefix("none: ").is_some_and(|reason| reason.len() > 10) {
        return None;
    }
    let (file, name) = text.split_once("::")?;
    let Ok(source) = std::fs::read_to_string(tests_folder().join(file)) else {
        return Some(format!("names the file {file}, which isn't there"));
    };
    let is_script = [".ts", ".tsx"].iter().any(|end| file.ends_with(end));
    let declared = if is_script { format!("(\"{name}\",") } else { format!("fn {name}(") };
    (!source.contains(&declared)).then(|| format!("names {name}, which isn't in {file}"))
}

fn assert_none(what: &str, faults: &[String]) {
    assert!(faults.is_empty(), "tests/contract.toml, {what}:\n  {}", faults.join("\n  "));
}

#[test]
fn every_operation_has_an_anonymous_a_wrong_user_and_an_allowed_case() {
    let contract = contract();
    let listed = contract["operations"].as_table().expect("operations");
    let mut faults = Vec::new();
    for operation in operations() {
        let Some(cases) = listed.get(&operation).and_then(toml::Value::as_table) else {
            faults.push(format!("{operation} is missing"));
            continue;
        };
        for case in CASES {
            match cases.get(case) {
                None => faults.push(format!("{operation} lacks its {case} case")),
                Some(entry) => faults.extend(fault_of(entry).map(|fault| format!("{operation} {case} {fault}"))),
            }
        }
    }
    let known = operations();
    faults.extend(listed.keys().filter(|name| !known.contains(*name)).map(|name| format!("{name} is not served")));
    assert_none("operations", &faults);
}

#[test]
fn every_error_code_has_a_test() {
    let contract = contract();
    let listed = contract["codes"].as_table().expect("codes");
    let mut faults = Vec::new();
    for code in Code::ALL {
        match listed.get(code.as_str()) {
            None => faults.push(format!("{} is missing", code.as_str())),
            Some(entry) => faults.extend(fault_of(entry).map(|fault| format!("{} {fault}", code.as_str()))),
        }
    }
    let known: BTreeSet<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    faults.extend(listed.keys().filter(|name| !known.contains(name.as_str())).map(|name| format!("{name} is no code")));
    assert_none("codes", &faults);
}

#[test]
fn every_promise_has_a_test() {
    let contract = contract();
    let mut faults = Vec::new();
    for (promise, entry) in contract["promises"].as_table().expect("promises") {
        faults.extend(fault_of(entry).map(|fault| format!("{promise:?} {fault}")));
    }
    assert_none("promises", &faults);
}

#[test]
fn every_error_code_is_documented() {
    let page = std::fs::read_to_string(tests_folder().join("../docs/errors.md")).expect("docs/errors.md");
    let missing: Vec<String> = Code::ALL
        .iter()
        .filter(|code| !page.contains(&format!("| {} | `{}` |", code.status(), code.as_str())))
        .map(|code| format!("docs/errors.md lacks {} {}", code.status(), code.as_str()))
        .collect();
    assert_none("codes", &missing);
}
