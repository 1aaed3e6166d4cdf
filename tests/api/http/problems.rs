use basalt_testing::{TestServer, on_both_engines};
use reqwest::Method;
use serde_json::json;

use crate::support::{define_open, document, documents};

on_both_engines! {
    an_unknown_path_is_a_problem_too,
    a_wrong_method_names_the_right_ones,
    a_wrong_content_type_is_refused,
    an_unknown_parameter_is_refused_everywhere,
    odd_paths_are_answered,
    a_method_override_is_ignored_or_refused,
}

async fn an_unknown_path_is_a_problem_too(server: TestServer) {
    for path in
        ["/v1", "/v1/nosuch", "/v2/collections", "/nosuch", "/v1/collections/open/nosuch", "/.env", "/v1/admin/nosuch"]
    {
        server.visitor().get(path).problem(404, "route_not_found").await;
    }
}

async fn a_wrong_method_names_the_right_ones(server: TestServer) {
    define_open(&server).await;
    for (method, path, allowed) in [
        (Method::PUT, documents("open"), &["GET", "POST"][..]),
        (Method::POST, document("open", "a"), &["GET", "PUT", "PATCH", "DELETE"]),
        (Method::GET, "/v1/transactions".into(), &["POST"]),
        (Method::GET, "/v1/auth/login".into(), &["POST"]),
        (Method::POST, "/v1/auth/me".into(), &["GET", "PATCH", "DELETE"]),
        (Method::DELETE, "/health/live".into(), &["GET"]),
    ] {
        let answer = server.visitor().call(method, &path).send().await.problem(405, "method_not_allowed");
        let allow = answer.header("allow").expect("Allow");
        for method in allowed {
            assert!(allow.contains(method), "{path}: {allow}");
        }
    }
}

async fn a_wrong_content_type_is_refused(server: TestServer) {
    define_open(&server).await;
    for content_type in
        ["text/plain", "application/xml", "multipart/form-data", "application/x-www-form-urlencoded", "x"]
    {
        for path in [documents("open"), "/v1/transactions".into(), "/v1/auth/login".into()] {
            let call = server.visitor().post(&path).body(content_type, "{}");
            call.problem(415, "unsupported_media_type").await;
        }
    }
    let call = server.visitor().post(&documents("open")).body("application/json; charset=utf-8", "{\"a\":1}");
    call.expect(201).await;
}

async fn an_unknown_parameter_is_refused_everywhere(server: TestServer) {
    define_open(&server).await;
    let ann = server.user("ann").await;
    for answer in [
        ann.get(&documents("open")).query(&[("bogus", "1")]).send().await,
        ann.post(&documents("open")).query(&[("bogus", "1")]).json(&json!({})).send().await,
        ann.put(&document("open", "a")).query(&[("bogus", "1")]).json(&json!({})).send().await,
        ann.get("/v1/auth/me").query(&[("bogus", "1")]).send().await,
        ann.get("/v1/auth/sessions").query(&[("bogus", "1")]).send().await,
        ann.post("/v1/transactions").query(&[("bogus", "1")]).json(&json!({"operations": []})).send().await,
    ] {
        let _ = answer.problem(400, "unknown_parameter");
    }
}

async fn odd_paths_are_answered(server: TestServer) {
    define_open(&server).await;
    for path in [
        "/v1/collections/open/documents/%00",
        "/v1/collections/open/documents/..%2f..%2fetc",
        "/v1/collections/open/documents/%ff",
        "/v1/collections/%2e%2e/documents",
        "/v1/collections/open/documents/a%20b",
        "/v1//collections/open/documents",
        "/v1/collections/open/documents/",
        "/v1/collections/;drop/documents",
    ] {
        let answer = server.service().get(path).send().await;
        assert!([400, 404].contains(&answer.status), "{answer}");
        answer.assert_is_problem();
    }
}

async fn a_method_override_is_ignored_or_refused(server: TestServer) {
    define_open(&server).await;
    server.service().put(&document("open", "a")).json(&json!({})).expect(201).await;
    let call = server.service().get(&document("open", "a")).header("X-HTTP-Method-Override", "DELETE");
    let answer = call.send().await;
    assert!(answer.status == 200 || answer.status == 400, "{answer}");
    server.service().get(&document("open", "a")).expect(200).await;
}
