//! `examples/chatbot`: a signed webhook in, an answer out.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use basalt_testing::{Answer, Call, TestServer, on_both_engines};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::support::deploy;
use crate::functions::support::function;
use crate::support::documents;

on_both_engines!(
    the_bot_answers_and_remembers,
    a_message_that_is_sent_again_is_answered_the_same,
    what_isnt_signed_is_refused,
);

const SECRET: &str = "s3cret of the chat service";

/// Functions have the time of their machine.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// HMAC (RFC 2104) with SHA-256, of a key that is no longer than a block.
fn hmac(key: &[u8], data: &[u8]) -> String {
    let pad = |with: u8| {
        let mut block = [with; 64];
        block.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
        block
    };
    let inner = Sha256::new().chain_update(pad(0x36)).chain_update(data).finalize();
    let outer = Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize();
    outer.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

fn message(id: &str, text: &str) -> Value {
    json!({"id": id, "conversation": "c1", "from": "Ada", "text": text})
}

fn knock(server: &TestServer, body: &str, secret: &str, at: u64) -> Call {
    let signature = format!("sha256={}", hmac(secret.as_bytes(), format!("{at}.{body}").as_bytes()));
    let call = server.visitor().post(&function("chat")).body("application/json", body);
    // A chat service has a key of its own, which is none of ours.
    call.header("authorization", "Chat abc")
        .header("x-chat-timestamp", &at.to_string())
        .header("x-chat-signature", &signature)
}

async fn say(server: &TestServer, id: &str, text: &str) -> String {
    knock(server, &message(id, text).to_string(), SECRET, now()).expect(200).await.text_at("/text")
}

async fn deployed(server: &TestServer) -> Answer {
    deploy(server, "chatbot").await;
    server.owner().put("/v1/admin/secrets/CHAT_SECRET").json(&json!({"value": SECRET})).send().await
}

async fn the_bot_answers_and_remembers(server: TestServer) {
    deployed(&server).await;
    assert_eq!(say(&server, "m1", "Hello!").await, "Hello Ada, I'm Basil.");
    assert_eq!(say(&server, "m2", "What is my colour?").await, "You haven't told me your colour.");
    assert_eq!(say(&server, "m3", "Remember my colour is blue.").await, "I'll remember that your colour is blue.");
    assert_eq!(say(&server, "m4", "what is my colour").await, "Your colour is blue.");
    let kept = server.service().get(&documents("messages")).query(&[("sort", "id")]).expect(200).await;
    assert_eq!(kept.column("id"), [json!("m1"), json!("m2"), json!("m3"), json!("m4")]);
    assert_eq!(kept.at("/items/3/answer"), "Your colour is blue.");
    server.visitor().get(&documents("messages")).expect(403).await;
}

async fn a_message_that_is_sent_again_is_answered_the_same(server: TestServer) {
    deployed(&server).await;
    let first = say(&server, "m1", "What is my name?").await;
    say(&server, "m2", "remember my name is Ada").await;
    assert_eq!(say(&server, "m1", "What is my name?").await, first);
    assert_eq!(server.service().get(&documents("messages")).expect(200).await.items().len(), 2);
}

async fn what_isnt_signed_is_refused(server: TestServer) {
    deploy(&server, "chatbot").await;
    let body = message("m1", "Hello").to_string();
    knock(&server, &body, SECRET, now()).expect(503).await;
    server.owner().put("/v1/admin/secrets/CHAT_SECRET").json(&json!({"value": SECRET})).send().await;
    knock(&server, &body, "another secret", now()).expect(401).await;
    let old = now() - Duration::from_mins(6).as_secs();
    knock(&server, &body, SECRET, old).expect(401).await;
    server.visitor().post(&function("chat")).body("application/json", body.as_str()).expect(401).await;
    server.visitor().get(&function("chat")).expect(405).await;
    knock(&server, "{\"id\": 1}", SECRET, now()).expect(400).await;
    assert!(server.service().get(&documents("messages")).expect(200).await.items().is_empty());
}
