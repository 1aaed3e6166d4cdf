use std::time::{Duration, Instant};

use basalt_testing::{PasswordCost, TestServer, on_both_engines};
use serde_json::{Value, json};

on_both_engines! {
    the_right_password_opens_a_session,
    wrong_user_and_wrong_password_answer_alike,
    unknown_users_take_as_long_as_known_ones,
    a_disabled_account_stays_out,
    malformed_input_is_refused,
    many_wrong_tries_are_slowed_down_but_not_for_good,
}

async fn the_right_password_opens_a_session(server: TestServer) {
    let ann = server.user("ann").await;
    for email in [ann.email.clone(), ann.email.to_uppercase()] {
        let body = json!({"email": email, "password": ann.password});
        let answer = server.visitor().post("/v1/auth/login").json(&body).expect(200).await;
        assert_eq!(answer.at("/user/id"), json!(ann.id));
        let token = answer.text_at("/session/accessToken");
        server.visitor().with_token(&token).get("/v1/auth/me").expect(200).await;
    }
}

async fn wrong_user_and_wrong_password_answer_alike(server: TestServer) {
    let ann = server.user("ann").await;
    let log_in = |email: &str, password: &str| {
        server.visitor().post("/v1/auth/login").json(&json!({"email": email, "password": password})).send()
    };
    let shape = |answer: basalt_testing::Answer| {
        let mut body = answer.problem(401, "invalid_credentials").body();
        body["requestId"] = Value::Null;
        body
    };
    let wrong = shape(log_in(&ann.email, "not the right phrase").await);
    let unknown = shape(log_in("nobody@example.com", "not the right phrase").await);
    assert_eq!(wrong, unknown);
}

async fn unknown_users_take_as_long_as_known_ones(server: TestServer) {
    // Hashes that cost what they cost outside of tests.
    let dear = PasswordCost::default();
    let server = TestServer::start_configured(server.engine(), |settings| settings.password_cost = dear).await;
    let ann = server.user("ann").await;
    let mut known = Vec::new();
    let mut unknown = Vec::new();
    for n in 0..6 {
        // So that the account never has to wait.
        server.clock().advance(Duration::from_hours(1));
        for (times, email) in [(&mut known, ann.email.clone()), (&mut unknown, format!("nobody{n}@example.com"))] {
            let body = json!({"email": email, "password": "not the right phrase"});
            let start = Instant::now();
            server.visitor().post("/v1/auth/login").json(&body).expect(401).await;
            times.push(start.elapsed());
        }
    }
    let least = |times: &[Duration]| times.iter().min().copied().unwrap_or_default().as_secs_f64();
    let ratio = least(&unknown) / least(&known);
    assert!((0.4..2.5).contains(&ratio), "known {known:?}, unknown {unknown:?}");
}

async fn a_disabled_account_stays_out(server: TestServer) {
    let ann = server.user("ann").await;
    let path = format!("/v1/admin/users/{}", ann.id);
    server.owner().patch(&path).json(&json!({"disabled": true})).expect(200).await;
    let body = json!({"email": ann.email, "password": ann.password});
    let answer = server.visitor().post("/v1/auth/login").json(&body).send().await;
    assert!([401, 403].contains(&answer.status), "{answer}");
    // Whoever doesn't know the password doesn't learn that the account is disabled.
    let body = json!({"email": ann.email, "password": "not the right phrase"});
    server.visitor().post("/v1/auth/login").json(&body).problem(401, "invalid_credentials").await;
}

async fn malformed_input_is_refused(server: TestServer) {
    for body in [
        json!({}),
        json!({"email": "ann@example.com"}),
        json!({"email": ["ann@example.com"], "password": "x"}),
        json!({"email": "ann@example.com", "password": null}),
        json!({"email": "ann@example.com", "password": "x", "admin": true}),
    ] {
        let answer = server.visitor().post("/v1/auth/login").json(&body).send().await;
        assert!([400, 401, 422].contains(&answer.status), "{body}: {answer}");
        answer.assert_is_problem();
    }
}

async fn many_wrong_tries_are_slowed_down_but_not_for_good(server: TestServer) {
    let ann = server.user("ann").await;
    let log_in = |password: &str| {
        server.visitor().post("/v1/auth/login").json(&json!({"email": ann.email, "password": password})).send()
    };
    let mut slowed = None;
    for _ in 0..60 {
        let answer = log_in("not the right phrase").await;
        if answer.status == 429 {
            slowed = Some(answer.problem(429, "rate_limited"));
            break;
        }
    }
    let slowed = slowed.expect("60 wrong tries are too many");
    let seconds: u64 = slowed.header("retry-after").expect("Retry-After").parse().expect("seconds");
    assert!((1..=3_600).contains(&seconds), "{slowed}");
    server.clock().advance(Duration::from_secs(seconds + 1));
    let _ = log_in(&ann.password).await.expect(200);
}
