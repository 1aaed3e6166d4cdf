use basalt_testing::{TestServer, on_both_engines};
use reqwest::Method;

use crate::support::{define_open, documents};

on_both_engines! {
    a_page_of_localhost_may_call_while_listening_on_loopback,
    a_foreign_page_may_not,
    a_declared_origin_may_call,
}

async fn preflight(server: &TestServer, origin: &str) -> basalt_testing::Answer {
    let call = server.visitor().call(Method::OPTIONS, &documents("open"));
    let call = call.header("Origin", origin).header("Access-Control-Request-Method", "POST");
    call.header("Access-Control-Request-Headers", "authorization,content-type,idempotency-key").send().await
}

fn allowed(answer: &basalt_testing::Answer) -> Option<String> {
    answer.header("access-control-allow-origin")
}

async fn a_page_of_localhost_may_call_while_listening_on_loopback(server: TestServer) {
    define_open(&server).await;
    let origin = "http://localhost:5173";
    let answer = preflight(&server, origin).await;
    assert!([200, 204].contains(&answer.status), "{answer}");
    assert_eq!(allowed(&answer).as_deref(), Some(origin));
    let headers = answer.header("access-control-allow-headers").unwrap_or_default().to_lowercase();
    assert!(headers.contains("authorization") && headers.contains("idempotency-key"), "{headers}");
    let answer = server.visitor().get(&documents("open")).header("Origin", origin).expect(200).await;
    assert_eq!(allowed(&answer).as_deref(), Some(origin));
    assert!(answer.header("vary").unwrap_or_default().to_lowercase().contains("origin"));
    // Tokens travel in a header, never by ambient cookies.
    assert_eq!(answer.header("access-control-allow-credentials"), None);
}

async fn a_foreign_page_may_not(server: TestServer) {
    define_open(&server).await;
    for origin in ["https://evil.example", "http://localhost.evil.example", "null", "http://127.0.0.1.evil.example"] {
        let answer = preflight(&server, origin).await;
        assert_eq!(allowed(&answer), None, "{origin}: {answer}");
        let answer = server.visitor().get(&documents("open")).header("Origin", origin).send().await;
        assert_eq!(allowed(&answer), None, "{origin}: {answer}");
    }
}

async fn a_declared_origin_may_call(server: TestServer) {
    let server = server.with_app("[cors]\norigins = [\"https://app.example\"]\n").await;
    define_open(&server).await;
    assert_eq!(allowed(&preflight(&server, "https://app.example").await).as_deref(), Some("https://app.example"));
    assert_eq!(allowed(&preflight(&server, "https://other.example").await), None);
}
