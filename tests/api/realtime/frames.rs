//! Bad frames, and too many.

use basalt_testing::{TestServer, on_both_engines};
use futures_util::SinkExt;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use crate::support::define_open;

on_both_engines!(
    a_bad_frame_is_answered_and_the_connection_lives_on,
    what_is_no_frame_ends_the_connection,
    a_frame_that_says_it_is_huge_is_not_waited_for,
    a_message_may_come_in_pieces,
    a_connection_has_a_hundred_subscriptions,
    too_many_frames_are_refused,
    pings_are_answered,
    a_stop_says_goodbye,
);

async fn a_bad_frame_is_answered_and_the_connection_lives_on(server: TestServer) {
    define_open(&server).await;
    let mut socket = server.visitor().socket().await;
    let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
    for (text, code) in [
        ("{", "bad_json"),
        ("[]", "bad_json"),
        (deep.as_str(), "bad_json"),
        (r#"{"type":"dance"}"#, "bad_request"),
        (r#"{"type":"subscribe","id":"s"}"#, "bad_parameter"),
        (r#"{"type":"subscribe","id":"s","collection":"open","filter":"("}"#, "bad_filter"),
        (r#"{"type":"subscribe","id":"s","collection":"open","filter":"a.b.matches('x')"}"#, "bad_filter"),
        (r#"{"type":"subscribe","id":"s","collection":"open","limit":501}"#, "bad_parameter"),
        (r#"{"type":"subscribe","id":"s","collection":"open","search":"x"}"#, "unknown_field"),
        (r#"{"type":"subscribe","id":"s","collection":"open","sort":"$a"}"#, "bad_parameter"),
        (r#"{"type":"ping","id":"s","more":1}"#, "unknown_field"),
    ] {
        socket.send_text(text).await;
        let frame = socket.next().await;
        assert_eq!((&frame["type"], frame["code"].as_str()), (&json!("error"), Some(code)), "{text}: {frame}");
    }
    let filter = json!({"type": "subscribe", "id": "s", "collection": "open", "filter": "a ==\n == 1"});
    socket.send(&filter).await;
    let frame = socket.next().await;
    assert_eq!((&frame["id"], &frame["errors"][0]["line"]), (&json!("s"), &json!(2)), "{frame}");
    socket.send_text(&format!(r#"{{"type":"ping","id":"{}"}}"#, "x".repeat(65 << 10))).await;
    let frame = socket.try_next().await;
    assert!(frame.is_none_or(|frame| frame["code"] == "too_large"));
    let mut socket = server.visitor().socket().await;
    socket.subscribe(json!({"id": "s", "collection": "open"})).await;
    socket.send(&json!({"type": "subscribe", "id": "s", "collection": "open"})).await;
    assert_eq!(socket.next().await["code"], "bad_request", "the id is taken");
}

async fn what_is_no_frame_ends_the_connection(server: TestServer) {
    let mut socket = server.visitor().socket().await;
    socket.stream().send(Message::binary(vec![1, 2, 3])).await.unwrap();
    assert_eq!(socket.try_next().await, None);
    let mut socket = server.visitor().socket().await;
    let piece = Frame::message("x", OpCode::Data(Data::Continue), true);
    socket.stream().send(Message::Frame(piece)).await.unwrap();
    assert_eq!(socket.try_next().await, None);
}

async fn a_frame_that_says_it_is_huge_is_not_waited_for(server: TestServer) {
    for length in [1_u64 << 20, 1 << 40, u64::MAX >> 1, u64::MAX] {
        let mut socket = server.visitor().socket().await;
        let mut head = vec![0x81, 0x80 | 0x7f];
        head.extend_from_slice(&length.to_be_bytes());
        head.extend_from_slice(&[0; 4]);
        let stream = socket.stream().get_mut();
        stream.write_all(&head).await.unwrap();
        // More than a frame may have, of what would go on without end.
        let _ = stream.write_all(&vec![b'x'; 70 << 10]).await;
        assert_eq!(socket.try_next().await, None, "{length}");
    }
}

async fn a_message_may_come_in_pieces(server: TestServer) {
    let mut socket = server.visitor().socket().await;
    let text = r#"{"type":"ping","id":"p"}"#;
    let (first, rest) = text.split_at(7);
    let (second, third) = rest.split_at(5);
    for (text, code, last) in
        [(first, Data::Text, false), (second, Data::Continue, false), (third, Data::Continue, true)]
    {
        let frame = Frame::message(text.to_owned(), OpCode::Data(code), last);
        socket.stream().send(Message::Frame(frame)).await.unwrap();
    }
    assert_eq!(socket.next().await, json!({"type": "pong", "id": "p"}));
    // Too long in sum: refused, and the connection lives on.
    let piece = "x".repeat(40 << 10);
    for (code, last) in [(Data::Text, false), (Data::Continue, true)] {
        let frame = Frame::message(piece.clone(), OpCode::Data(code), last);
        socket.stream().send(Message::Frame(frame)).await.unwrap();
    }
    assert_eq!(socket.next().await["code"], "too_large");
    socket.expect_silence().await;
}

async fn a_connection_has_a_hundred_subscriptions(server: TestServer) {
    define_open(&server).await;
    let mut socket = server.visitor().socket().await;
    for n in 0..100 {
        socket
            .subscribe(json!({"id": format!("s{n}"), "collection": "open", "filter": format!("n == {}", n % 7)}))
            .await;
    }
    socket.send(&json!({"type": "subscribe", "id": "one too many", "collection": "open"})).await;
    let frame = socket.next().await;
    assert_eq!((&frame["id"], &frame["code"]), (&json!("one too many"), &json!("quota_exceeded")));
}

async fn too_many_frames_are_refused(server: TestServer) {
    let mut socket = server.visitor().socket().await;
    for _ in 0..400 {
        socket.send(&json!({"type": "ping"})).await;
    }
    let mut kinds: Vec<Value> = Vec::new();
    for _ in 0..400 {
        let frame = socket.next().await;
        kinds.push(if frame["type"] == "error" { frame["code"].clone() } else { frame["type"].clone() });
    }
    assert!(kinds.contains(&json!("pong")) && kinds.contains(&json!("rate_limited")), "{kinds:?}");
}

async fn pings_are_answered(server: TestServer) {
    use futures_util::StreamExt;
    let mut socket = server.visitor().socket().await;
    socket.stream().send(Message::Ping(vec![7; 125].into())).await.unwrap();
    let answer = socket.stream().next().await.unwrap().unwrap();
    assert_eq!(answer, Message::Pong(vec![7; 125].into()));
    socket.stream().send(Message::Close(None)).await.unwrap();
    assert_eq!(socket.try_next().await, None);
}

async fn a_stop_says_goodbye(server: TestServer) {
    define_open(&server).await;
    let mut socket = server.visitor().socket().await;
    socket.subscribe(json!({"id": "s", "collection": "open"})).await;
    let stopped = tokio::spawn(server.stop());
    let frame = socket.next().await;
    assert_eq!(frame["type"], "goodbye", "{frame}");
    assert!(frame["retryAfterMs"].as_u64().is_some_and(|after| after < 5_000));
    assert_eq!(socket.try_next().await, None);
    stopped.await.unwrap();
}
