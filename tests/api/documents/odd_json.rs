//! JSON that parsers disagree about gets one clear answer, on both engines alike.

use basalt_testing::{TestServer, on_both_engines};
use serde_json::{Value, json};

use crate::support::{define_open, document, documents, query};

on_both_engines! {
    what_is_no_json_is_refused,
    what_cannot_be_stored_is_refused,
    numbers_are_canonical,
    texts_come_back_as_they_went_in,
    odd_values_in_vars_are_refused,
    deep_and_broken_bodies_never_break_the_server,
}

const JSON: &str = "application/json";

async fn what_is_no_json_is_refused(server: TestServer) {
    define_open(&server).await;
    let bodies: &[&[u8]] = &[
        b"",
        b"{",
        b"{\"a\":}",
        b"{\"a\":1,}",
        b"{'a':1}",
        b"{\"a\":1} x",
        b"{\"a\":1}{\"b\":2}",
        b"{\"a\":01}",
        b"{\"a\":+1}",
        b"{\"a\":.5}",
        b"{\"a\":NaN}",
        b"{\"a\":Infinity}",
        b"{\"a\":\"\t\"}",
        b"{\"a\":\"\\x\"}",
        b"{\"a\":\"\xff\"}",
        b"\xef\xbb\xbf{\"a\":1}",
        b"{\"a\":\"\\ud800\"}",
        b"{\"a\":\"\\udc00\\ud800\"}",
        b"{\"a\":1e400}",
        b"{\"a\":-1e400}",
        b"{\"a\":1,\"a\":2}",
        b"{\"a\":{\"b\":1,\"b\":1}}",
        b"{\"a\":1,\"\\u0061\":2}",
    ];
    for body in bodies {
        let shown = String::from_utf8_lossy(body);
        for answer in [
            server.service().post(&documents("open")).body(JSON, *body).send().await,
            server.service().put(&document("open", "x")).body(JSON, *body).send().await,
            server.service().patch(&document("open", "x")).body(JSON, *body).send().await,
            server.service().post("/v1/transactions").body(JSON, *body).send().await,
            server.visitor().post("/v1/auth/login").body(JSON, *body).send().await,
        ] {
            let _ = answer.clone().expect(400);
            assert_eq!(answer.code().as_deref(), Some("bad_json"), "{shown}: {answer}");
            answer.assert_is_problem();
        }
    }
}

async fn what_cannot_be_stored_is_refused(server: TestServer) {
    define_open(&server).await;
    for body in ["{\"a\":\"x\\u0000y\"}", "{\"a\\u0000\":1}", "{\"a\":[\"\\u0000\"]}"] {
        for answer in [
            server.service().post(&documents("open")).body(JSON, body).send().await,
            server.service().put(&document("open", "x")).body(JSON, body).send().await,
            server.service().patch(&document("open", "x")).query(&[("upsert", "true")]).body(JSON, body).send().await,
        ] {
            assert_eq!(answer.status, 400, "{body}: {answer}");
            answer.assert_is_problem();
        }
    }
}

async fn numbers_are_canonical(server: TestServer) {
    define_open(&server).await;
    for (sent, kept) in [
        ("1", json!(1)),
        ("1.0", json!(1)),
        ("-0", json!(0)),
        ("-0.0", json!(0)),
        ("1e2", json!(100)),
        ("0.1", json!(0.1)),
        ("1.5e-300", json!(1.5e-300)),
        ("9007199254740993", json!(9_007_199_254_740_993_i64)),
        ("9223372036854775807", json!(i64::MAX)),
        ("-9223372036854775808", json!(i64::MIN)),
        ("9223372036854775808", json!(9_223_372_036_854_775_808.0)),
        ("1e308", json!(1e308)),
    ] {
        let body = format!("{{\"n\":{sent}}}");
        let made = server.service().post(&documents("open")).body(JSON, body).expect(201).await;
        assert_eq!(made.at("/n"), kept, "{sent}");
        let read = server.service().get(&document("open", &made.text_at("/id"))).expect(200).await;
        assert_eq!(read.body(), made.body(), "{sent}");
        assert!(!read.text().contains("-0"), "{read}");
    }
    // Neighbours beyond 2^53 are told apart by filters.
    let ask = json!({"filter": "n == 9007199254740993"});
    let found = server.service().post(&query("open")).json(&ask).expect(200).await;
    assert_eq!(found.column("n"), [json!(9_007_199_254_740_993_i64)]);
    let ask = json!({"filter": "n == 9007199254740992"});
    assert!(server.service().post(&query("open")).json(&ask).expect(200).await.items().is_empty());
}

async fn texts_come_back_as_they_went_in(server: TestServer) {
    define_open(&server).await;
    for text in [
        "",
        " ",
        "\u{1}",
        "\u{7f}",
        "é",
        "e\u{301}",
        "漢字",
        "😀",
        "\u{2028}",
        "\\",
        "\"",
        "%_'",
        "\u{fffd}",
        "</script>",
    ] {
        let made = server.service().post(&documents("open")).json(&json!({"s": text, "list": [text]}));
        let made = made.expect(201).await;
        assert_eq!(made.at("/s"), text);
        let ask = json!({"filter": "s == vars.s", "vars": {"s": text}});
        let found = server.service().post(&query("open")).json(&ask).expect(200).await;
        assert_eq!(found.column("s"), [json!(text)], "{text:?}");
    }
}

async fn odd_values_in_vars_are_refused(server: TestServer) {
    define_open(&server).await;
    for body in [
        "{\"filter\":\"a == vars.x\",\"vars\":{\"x\":\"\\u0000\"}}",
        "{\"filter\":\"a == vars.x\",\"vars\":{\"x\":1e400}}",
        "{\"filter\":\"a == '\\u0000'\"}",
    ] {
        let answer = server.service().post(&query("open")).body(JSON, body).send().await;
        assert!(answer.status == 200 || answer.status == 400, "{body}: {answer}");
        if answer.status == 200 {
            assert_eq!(answer.items(), Vec::<Value>::new());
        }
    }
}

async fn deep_and_broken_bodies_never_break_the_server(server: TestServer) {
    define_open(&server).await;
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    let maps = format!("{}1{}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
    for body in [deep, maps, "[".repeat(1_000_000), "{\"a\":".repeat(100_000)] {
        for path in [documents("open"), query("open"), "/v1/transactions".into(), "/v1/auth/signup".into()] {
            let answer = server.service().post(&path).body(JSON, body.clone()).send().await;
            let _ = answer.problem(400, "bad_json");
        }
    }
    server.visitor().get("/health/live").expect(200).await;
}
