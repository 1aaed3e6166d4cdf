use basalt_testing::{TestServer, on_both_engines};
use serde_json::json;

use crate::support::{define_open, documents};

on_both_engines! {
    every_answer_has_a_request_id_and_takes_over_a_good_one,
    security_headers_are_on_every_answer,
    answers_do_not_say_what_they_are_made_with,
    larger_answers_are_compressed_for_who_asks,
}

async fn every_answer_has_a_request_id_and_takes_over_a_good_one(server: TestServer) {
    define_open(&server).await;
    for path in ["/health/live", "/nosuch", &documents("open")] {
        let answer = server.visitor().get(path).send().await;
        assert!(answer.header("x-request-id").is_some_and(|id| id.len() >= 8), "{answer}");
        let answer = server.visitor().get(path).header("X-Request-Id", "my-request-1").send().await;
        assert_eq!(answer.header("x-request-id").as_deref(), Some("my-request-1"));
    }
    for bad in ["a b", &"x".repeat(300), "<script>", "\"quoted\""] {
        let answer = server.visitor().get("/nosuch").header("X-Request-Id", bad).send().await;
        assert_ne!(answer.header("x-request-id").as_deref(), Some(bad));
    }
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    server.visitor().get("/health/live").header("traceparent", parent).expect(200).await;
}

async fn security_headers_are_on_every_answer(server: TestServer) {
    for path in ["/health/live", "/nosuch", "/v1/auth/me", "/v1/docs", "/_/setup"] {
        let answer = server.visitor().get(path).send().await;
        assert_eq!(answer.header("x-content-type-options").as_deref(), Some("nosniff"), "{path}");
        assert!(answer.header("referrer-policy").is_some(), "{path}");
        let framed = answer.header("x-frame-options").is_some()
            || answer.header("content-security-policy").is_some_and(|policy| policy.contains("frame-ancestors"));
        assert!(framed, "{path}");
    }
}

async fn answers_do_not_say_what_they_are_made_with(server: TestServer) {
    define_open(&server).await;
    for answer in [
        server.visitor().get("/health/live").send().await,
        server.visitor().post(&documents("open")).json(&json!([])).send().await,
    ] {
        for name in ["server", "x-powered-by"] {
            assert_eq!(answer.header(name), None, "{answer}");
        }
    }
}

async fn larger_answers_are_compressed_for_who_asks(server: TestServer) {
    let plain = server.visitor().get("/v1/openapi.json").expect(200).await;
    assert_eq!(plain.header("content-encoding"), None);
    let asking = server.visitor().with_header("Accept-Encoding", "gzip, br");
    let smaller = asking.get("/v1/openapi.json").expect(200).await;
    assert_eq!(smaller.header("content-encoding").as_deref(), Some("gzip"));
    let length = |answer: &basalt_testing::Answer| answer.header("content-length").unwrap().parse::<u64>().unwrap();
    assert!(length(&smaller) < length(&plain) / 2);
    assert_eq!(asking.get("/health/live").expect(200).await.header("content-encoding"), None, "too small");
}
