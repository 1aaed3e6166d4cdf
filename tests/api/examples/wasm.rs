//! `examples/wasm`: a function that isn't TypeScript. That its module is what its source says is seen by `tests/guests`.

use std::fmt::Write as _;

use basalt_testing::{TestServer, on_both_engines};
use flate2::Crc;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::support::{deploy, deploy_with, try_deploy_with};
use crate::functions::support::{admin, call, invocations, invoke, logs};

on_both_engines!(
    a_guest_sums_up_a_text,
    what_is_no_text_is_refused_before_the_guest,
    a_guest_refuses_for_itself,
    calls_at_once_share_nothing,
    what_is_no_module_is_not_deployed,
);

const MODULE: &str = "functions/checksum.wasm";

/// What the guest is to find, by other implementations.
fn sums(text: &str) -> Value {
    let mut crc = Crc::new();
    crc.update(text.as_bytes());
    let mut digits = String::new();
    for byte in Sha256::digest(text.as_bytes()) {
        let _ = write!(digits, "{byte:02x}");
    }
    json!({"crc32": crc.sum(), "sha256": digits})
}

async fn a_guest_sums_up_a_text(server: TestServer) {
    deploy(&server, "wasm").await;
    let visitor = server.visitor();
    // As the example's page shows it.
    let shown = json!({
        "crc32": 907_060_870,
        "sha256": "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
    });
    assert_eq!(invoke(&visitor, "checksum", json!({"text": "hello"})).await, shown);
    for text in ["", "hello", "grüße 🌍", "\"\\\n", "x".repeat(300_000).as_str()] {
        assert_eq!(invoke(&visitor, "checksum", json!({ "text": text })).await, sums(text));
    }
    // It is seen like any other function.
    assert_eq!(logs(&server, "checksum", 6).await[0]["message"], "5 bytes");
    let records = invocations(&server, "checksum", 6).await;
    assert!(records.iter().all(|record| record["outcome"] == "succeeded"), "{records:?}");
    assert_eq!(server.owner().get(&admin("checksum")).expect(200).await.at("/kind"), "callable");
}

async fn what_is_no_text_is_refused_before_the_guest(server: TestServer) {
    deploy(&server, "wasm").await;
    for input in [json!({}), json!({"text": 1}), json!({"text": null}), json!("hello"), json!(null)] {
        call(&server.visitor(), "checksum", &input).problem(422, "schema_violation").await;
    }
    server.visitor().get("/v1/functions/checksum").problem(405, "method_not_allowed").await;
}

/// Without the schema its input reaches it.
async fn a_guest_refuses_for_itself(server: TestServer) {
    let without_schema = |path: &str, content: Vec<u8>| {
        if path != "app.toml" {
            return content;
        }
        let manifest = String::from_utf8(content).unwrap();
        let kept: Vec<&str> = manifest.lines().filter(|line| !line.starts_with("input = ")).collect();
        kept.join("\n").into_bytes()
    };
    deploy_with(&server, "wasm", without_schema).await;
    for input in [json!({}), json!({"text": 1}), json!("hello")] {
        let refused = call(&server.visitor(), "checksum", &input).problem(422, "bad_input").await;
        assert_eq!(refused.at("/detail"), "give a text: {\"text\": \"…\"}", "{refused}");
    }
    assert_eq!(invoke(&server.visitor(), "checksum", json!({"text": "hello"})).await, sums("hello"));
}

async fn calls_at_once_share_nothing(server: TestServer) {
    deploy(&server, "wasm").await;
    let visitor = server.visitor();
    let texts: Vec<String> = (0..16).map(|n| "ab".repeat(n * 100)).collect();
    let inputs: Vec<Value> = texts.iter().map(|text| json!({ "text": text })).collect();
    let calls = inputs.iter().map(|input| call(&visitor, "checksum", input).expect(200));
    let answers = futures_util::future::join_all(calls).await;
    for (text, answer) in texts.iter().zip(answers) {
        assert_eq!(answer.body(), sums(text));
    }
}

async fn what_is_no_module_is_not_deployed(server: TestServer) {
    deploy(&server, "wasm").await;
    let cut = |path: &str, mut content: Vec<u8>| {
        if path == MODULE {
            content.truncate(content.len() / 2);
        }
        content
    };
    let refused = try_deploy_with(&server, "wasm", cut).await.problem(422, "invalid_definition");
    assert_eq!(refused.at("/errors/0/path"), format!("/{MODULE}"), "{refused}");
    // What was there goes on.
    assert_eq!(invoke(&server.visitor(), "checksum", json!({"text": "hello"})).await, sums("hello"));
}
