use basalt_testing::{TestServer, on_both_engines};
use serde_json::json;

on_both_engines! {
    changing_it_ends_the_other_sessions,
    the_current_one_is_asked_for,
    the_new_one_has_to_be_good,
    a_visitor_is_asked_to_sign_in,
}

async fn changing_it_ends_the_other_sessions(server: TestServer) {
    let ann = server.user("ann").await;
    let login = json!({"email": ann.email, "password": ann.password});
    let other = server.visitor().post("/v1/auth/login").json(&login).expect(200).await;
    let body = json!({"currentPassword": ann.password, "newPassword": "another long phrase"});
    ann.post("/v1/auth/password/change").json(&body).expect(204).await;
    ann.get("/v1/auth/me").expect(200).await;
    let other = server.visitor().with_token(&other.text_at("/session/accessToken"));
    other.get("/v1/auth/me").problem(401, "session_ended").await;
    server.visitor().post("/v1/auth/login").json(&login).problem(401, "invalid_credentials").await;
    let login = json!({"email": ann.email, "password": "another long phrase"});
    server.visitor().post("/v1/auth/login").json(&login).expect(200).await;
}

async fn the_current_one_is_asked_for(server: TestServer) {
    let ann = server.user("ann").await;
    let body = json!({"currentPassword": "not the right phrase", "newPassword": "another long phrase"});
    let answer = ann.post("/v1/auth/password/change").json(&body).send().await;
    let _ = answer.problem(401, "invalid_credentials");
    let login = json!({"email": ann.email, "password": ann.password});
    server.visitor().post("/v1/auth/login").json(&login).expect(200).await;
}

async fn the_new_one_has_to_be_good(server: TestServer) {
    let ann = server.user("ann").await;
    for new in ["short", "password", ""] {
        let body = json!({"currentPassword": ann.password, "newPassword": new});
        ann.post("/v1/auth/password/change").json(&body).problem(422, "weak_password").await;
    }
}

async fn a_visitor_is_asked_to_sign_in(server: TestServer) {
    let body = json!({"currentPassword": "x", "newPassword": "another long phrase"});
    server.visitor().post("/v1/auth/password/change").json(&body).problem(401, "unauthenticated").await;
}
