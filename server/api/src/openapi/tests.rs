use super::*;

fn operations(document: &Value) -> Vec<(String, &Value)> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            found.push((format!("{method} {path}"), operation));
        }
    }
    found
}

#[test]
fn every_operation_has_an_id_a_tag_and_a_summary() {
    let document = document();
    let tags: Vec<&str> =
        document["tags"].as_array().unwrap().iter().map(|tag| tag["name"].as_str().unwrap()).collect();
    let mut ids = BTreeSet::new();
    for (name, operation) in operations(&document) {
        assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()), "{name}");
        assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{name}");
        assert!(tags.contains(&operation["tags"][0].as_str().unwrap()), "{name}");
        assert_eq!(operation["responses"]["default"]["$ref"], "#/components/responses/Problem", "{name}");
    }
}

#[test]
fn every_named_code_is_one() {
    for endpoint in endpoints() {
        let operation = serde_json::to_value((endpoint.operation)()).unwrap();
        for text in operation[CODES].as_array().into_iter().flatten() {
            assert!(code(text).is_some(), "{} names {text}", endpoint.name);
        }
    }
}

#[test]
fn every_path_parameter_is_described_and_every_reference_leads_somewhere() {
    let document = document();
    for (name, operation) in operations(&document) {
        for part in name.split('/').filter(|part| part.starts_with('{')) {
            let part = part.trim_matches(['{', '}']);
            let described = operation["parameters"].as_array().is_some_and(|parameters| {
                parameters.iter().any(|parameter| parameter["in"] == "path" && parameter["name"] == part)
            });
            assert!(described, "{name}: {part}");
        }
    }
    let text = document.to_string();
    for part in text.split("\"$ref\":\"#").skip(1) {
        let pointer = part.split('"').next().unwrap();
        assert!(document.pointer(pointer).is_some(), "{pointer}");
    }
}

#[test]
fn every_query_parameter_of_a_handler_is_described() {
    for endpoint in endpoints() {
        let operation = operation(endpoint);
        let described = operation["parameters"]
            .as_array()
            .is_some_and(|parameters| parameters.iter().any(|parameter| parameter["in"] == "query"));
        assert_eq!((endpoint.contract)().takes_query, described, "{}", endpoint.name);
    }
}

#[test]
fn the_page_shows_every_operation() {
    let (document, page) = (document(), page());
    for (name, operation) in operations(&document) {
        assert!(page.contains(&format!("id=\"{}\"", operation["operationId"].as_str().unwrap())), "{name}");
    }
    assert!(!page.contains("<script"));
}

/// `docs/openapi.json` is the contract that clients are generated from. After a change on purpose write it anew with
/// `basalt openapi > docs/openapi.json`.
#[test]
fn the_document_that_is_checked_in_is_this_one() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        kept == text(),
        "docs/openapi.json differs: run `basalt openapi > docs/openapi.json` and look at the change"
    );
}
