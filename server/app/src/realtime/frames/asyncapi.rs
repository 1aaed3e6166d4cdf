//! docs/asyncapi.json tells of each frame, and nothing else.

use basalt_core::{ChannelName, Code, DocumentId, Error, Timestamp};
use serde_json::{Value, json};

use super::channels::Said;
use super::client::{CLIENT_TYPES, ClientFrame};
use super::server::{Op, ServerType};

const DOCUMENT: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/asyncapi.json"));

fn document() -> Value {
    serde_json::from_str(DOCUMENT).unwrap()
}

/// The types that an operation names.
fn named(operation: &str) -> Vec<String> {
    let document = document();
    let messages = document["operations"][operation]["messages"].as_array().unwrap().clone();
    let name = |message: Value| message["$ref"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    messages.into_iter().map(name).collect()
}

fn message(kind: &str) -> Value {
    document()["components"]["messages"][kind].clone()
}

/// What a frame has is described, and what has to be there is.
fn check(frame: &Value) {
    let kind = frame["type"].as_str().unwrap();
    let payload = message(kind)["payload"].clone();
    assert_eq!(payload["properties"]["type"]["const"], kind);
    for name in frame.as_object().unwrap().keys() {
        assert!(payload["properties"].get(name).is_some(), "{kind} has a field {name:?} that isn't described");
    }
    for name in payload["required"].as_array().unwrap() {
        assert!(frame.get(name.as_str().unwrap()).is_some(), "{kind} lacks {name}: {frame}");
    }
}

#[test]
fn all_frames_are_described_and_no_others() {
    assert_eq!(document()["asyncapi"], "3.0.0");
    assert_eq!(named("fromClient"), CLIENT_TYPES);
    assert_eq!(named("toClient"), ServerType::ALL.map(ServerType::as_str));
    let all = document()["components"]["messages"].as_object().unwrap().len();
    assert_eq!(all, CLIENT_TYPES.len() + ServerType::ALL.len());
}

#[test]
fn the_examples_are_frames() {
    for kind in named("fromClient").into_iter().chain(named("toClient")) {
        let examples = message(&kind)["examples"].as_array().unwrap().clone();
        assert!(!examples.is_empty(), "{kind}");
        for example in examples {
            let frame = &example["payload"];
            assert_eq!(frame["type"], kind.as_str());
            check(frame);
            if CLIENT_TYPES.contains(&kind.as_str()) {
                ClientFrame::parse(frame.to_string().as_bytes()).unwrap();
            }
        }
    }
}

#[test]
fn what_is_sent_is_as_described() {
    let (channel, id) = (ChannelName::parse("room:1").unwrap(), DocumentId::parse("m").unwrap());
    let error = Error::new(Code::RuleDenied, "no").retry_after(std::time::Duration::from_secs(1));
    let said = Said::new("e".to_owned(), json!(1)).unwrap();
    let shown = [json!({"key": "k", "userId": null})];
    let frames = [
        super::snapshot("1", std::iter::empty()).frame(ServerType::Snapshot, "s"),
        super::change("1", Op::Added, b"{}", Some(1), true).frame(ServerType::Change, "s"),
        super::presence_state(&channel, &shown, 1),
        super::presence_change(&channel, &shown, &shown, &shown),
        super::message(&channel, &said, None, (&id, Timestamp::from_millis(0))),
        super::ok(Some("a")),
        super::joined(Some("j"), Some("k")),
        super::error(Some("s"), &error),
        super::expelled(Some("j"), &channel, &error),
        super::pong(None),
        super::resync("s"),
        super::resync_channel(&channel),
        super::auth_expired(),
        super::goodbye(1),
    ];
    let mut seen: Vec<String> = Vec::new();
    for frame in frames {
        let frame: Value = serde_json::from_slice(&frame).unwrap();
        check(&frame);
        seen.push(frame["type"].as_str().unwrap().to_owned());
    }
    for kind in ServerType::ALL {
        assert!(seen.iter().any(|seen| seen == kind.as_str()), "{kind:?} isn't tried");
    }
}
