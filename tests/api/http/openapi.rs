use basalt_core::Code;
use basalt_testing::{TestServer, on_both_engines};
use serde_json::Value;

on_both_engines! {
    the_checked_in_document_is_the_served_one,
    every_code_is_listed,
    the_docs_page_loads_nothing_from_outside,
}

fn checked_in() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
    let text = std::fs::read_to_string(path).expect("docs/openapi.json");
    serde_json::from_str(&text).expect("JSON")
}

async fn the_checked_in_document_is_the_served_one(server: TestServer) {
    let document = server.visitor().get("/v1/openapi.json").expect(200).await.body();
    assert_eq!(document["openapi"].as_str().map(|version| &version[..3]), Some("3.1"));
    assert!(
        document == checked_in(),
        "docs/openapi.json is old: write it anew with `basalt openapi > docs/openapi.json`"
    );
}

async fn every_code_is_listed(server: TestServer) {
    let text = server.visitor().get("/v1/openapi.json").expect(200).await.text();
    let missing: Vec<&str> =
        Code::ALL.iter().map(|code| code.as_str()).filter(|code| !text.contains(&format!("\"{code}\""))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

async fn the_docs_page_loads_nothing_from_outside(server: TestServer) {
    let page = server.visitor().get("/v1/docs").expect(200).await;
    assert!(page.header("content-type").unwrap().starts_with("text/html"));
    for outside in ["src=\"http", "href=\"http", "src=\"//", "url(http", "import(\"http"] {
        assert!(!page.text().contains(outside), "{outside}");
    }
}
