use basalt_testing::{Client, TestServer, User, on_both_engines};
use serde_json::json;

on_both_engines! {
    the_current_session_ends_at_once,
    others_end_and_this_one_stays,
    all_end,
    a_visitor_has_nothing_to_end,
    an_unknown_scope_is_refused,
}

async fn second_session(server: &TestServer, user: &User) -> (Client, String) {
    let body = json!({"email": user.email, "password": user.password});
    let answer = server.visitor().post("/v1/auth/login").json(&body).expect(200).await;
    let client = server.visitor().with_token(&answer.text_at("/session/accessToken"));
    (client, answer.text_at("/session/refreshToken"))
}

async fn ended(server: &TestServer, client: &Client, refresh: &str) -> bool {
    let access = client.get("/v1/auth/me").send().await;
    let body = json!({"refreshToken": refresh});
    let refreshed = server.visitor().post("/v1/auth/refresh").json(&body).send().await;
    assert_eq!(access.status == 401, refreshed.status == 401, "{access}\n{refreshed}");
    access.status == 401
}

async fn the_current_session_ends_at_once(server: TestServer) {
    let ann = server.user("ann").await;
    let (other, token) = second_session(&server, &ann).await;
    ann.post("/v1/auth/logout").json(&json!({"scope": "current"})).expect(204).await;
    ann.get("/v1/auth/me").problem(401, "session_ended").await;
    assert!(ended(&server, &ann, &ann.refresh_token).await);
    assert!(!ended(&server, &other, &token).await);
}

async fn others_end_and_this_one_stays(server: TestServer) {
    let ann = server.user("ann").await;
    let (other, token) = second_session(&server, &ann).await;
    ann.post("/v1/auth/logout").json(&json!({"scope": "others"})).expect(204).await;
    assert!(ended(&server, &other, &token).await);
    assert!(!ended(&server, &ann, &ann.refresh_token).await);
}

async fn all_end(server: TestServer) {
    let ann = server.user("ann").await;
    let bob = server.user("bob").await;
    let (other, token) = second_session(&server, &ann).await;
    ann.post("/v1/auth/logout").json(&json!({"scope": "all"})).expect(204).await;
    assert!(ended(&server, &other, &token).await);
    assert!(ended(&server, &ann, &ann.refresh_token).await);
    assert!(!ended(&server, &bob, &bob.refresh_token).await);
}

async fn a_visitor_has_nothing_to_end(server: TestServer) {
    let call = server.visitor().post("/v1/auth/logout").json(&json!({"scope": "all"}));
    call.problem(401, "unauthenticated").await;
}

async fn an_unknown_scope_is_refused(server: TestServer) {
    let ann = server.user("ann").await;
    for body in [json!({"scope": "everybody"}), json!({"scope": 1}), json!({"user": "x"})] {
        let answer = ann.post("/v1/auth/logout").json(&body).send().await;
        assert_eq!(answer.status, 400, "{body}: {answer}");
    }
    ann.get("/v1/auth/me").expect(200).await;
}
