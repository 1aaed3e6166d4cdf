use std::time::Duration;

use basalt_testing::{TestServer, on_both_engines};
use serde_json::json;

on_both_engines! {
    sign_ups_of_one_network_are_limited,
    a_forwarding_header_of_a_stranger_is_not_believed,
    a_locked_account_is_free_again_and_was_never_locked_for_its_session,
}

async fn sign_ups_of_one_network_are_limited(server: TestServer) {
    let app = "[auth]\nanonymous = true\n[auth.limits]\nsignUpsPerHour = 5\n";
    let server = server.with_app(app).await;
    let mut answers = Vec::new();
    for _ in 0..8 {
        answers.push(server.visitor().post("/v1/auth/anonymous").send().await);
    }
    let limited: Vec<_> = answers.iter().filter(|answer| answer.status == 429).collect();
    assert!(!limited.is_empty(), "eight are too many");
    assert_eq!(limited[0].code().as_deref(), Some("rate_limited"));
    let seconds: u64 = limited[0].header("retry-after").expect("Retry-After").parse().expect("seconds");
    server.clock().advance(Duration::from_secs(seconds + 1));
    server.visitor().post("/v1/auth/anonymous").expect(201).await;
}

async fn a_forwarding_header_of_a_stranger_is_not_believed(server: TestServer) {
    let app = "[auth]\nanonymous = true\n[auth.limits]\nsignUpsPerHour = 3\n";
    let server = server.with_app(app).await;
    let mut statuses = Vec::new();
    for n in 0..8 {
        let client = server.visitor().with_header("X-Forwarded-For", &format!("203.0.113.{n}"));
        statuses.push(client.post("/v1/auth/anonymous").send().await.status);
    }
    assert!(statuses.contains(&429), "{statuses:?}");
}

async fn a_locked_account_is_free_again_and_was_never_locked_for_its_session(server: TestServer) {
    let ann = server.user("ann").await;
    let log_in = |password: &str| {
        server.visitor().post("/v1/auth/login").json(&json!({"email": ann.email, "password": password})).send()
    };
    for _ in 0..10 {
        log_in("not the right phrase").await;
    }
    ann.get("/v1/auth/me").expect(200).await;
    server.clock().advance(Duration::from_mins(14));
    ann.get("/v1/auth/me").expect(200).await;
    server.clock().advance(Duration::from_mins(2));
    let _ = log_in(&ann.password).await.expect(200);
}
