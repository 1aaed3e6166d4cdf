use basalt_testing::{TestServer, on_both_engines};
use serde_json::json;

on_both_engines! {
    each_sign_in_is_listed_with_where_and_when,
    one_can_be_ended,
    another_users_session_is_not_found,
    a_visitor_is_asked_to_sign_in,
}

async fn each_sign_in_is_listed_with_where_and_when(server: TestServer) {
    let ann = server.user("ann").await;
    let body = json!({"email": ann.email, "password": ann.password});
    let phone = server.visitor().with_header("User-Agent", "phone/1");
    phone.post("/v1/auth/login").json(&body).expect(200).await;
    let sessions = ann.get("/v1/auth/sessions").expect(200).await.items();
    assert_eq!(sessions.len(), 2, "{sessions:?}");
    assert_eq!(sessions.iter().filter(|session| session["current"] == true).count(), 1);
    let other = sessions.iter().find(|session| session["current"] != true).unwrap();
    assert_eq!((&other["agent"], &other["ip"]), (&json!("phone/1"), &json!("127.0.0.1")));
    for session in &sessions {
        assert!(session["createdAt"].is_string() && session["lastUsedAt"].is_string(), "{session}");
        let text = session.to_string().to_lowercase();
        assert!(!text.contains("token") && !text.contains("hash"), "{session}");
    }
}

async fn one_can_be_ended(server: TestServer) {
    let ann = server.user("ann").await;
    let body = json!({"email": ann.email, "password": ann.password});
    let other = server.visitor().post("/v1/auth/login").json(&body).expect(200).await;
    let sessions = ann.get("/v1/auth/sessions").expect(200).await.items();
    let id = sessions.iter().find(|session| session["current"] != true).unwrap()["id"].clone();
    ann.delete(&format!("/v1/auth/sessions/{}", id.as_str().unwrap())).expect(204).await;
    let other = server.visitor().with_token(&other.text_at("/session/accessToken"));
    other.get("/v1/auth/me").problem(401, "session_ended").await;
    assert_eq!(ann.get("/v1/auth/sessions").expect(200).await.items().len(), 1);
}

async fn another_users_session_is_not_found(server: TestServer) {
    let (ann, eve) = (server.user("ann").await, server.user("eve").await);
    let id = ann.get("/v1/auth/sessions").expect(200).await.items()[0]["id"].clone();
    let path = format!("/v1/auth/sessions/{}", id.as_str().unwrap());
    eve.delete(&path).problem(404, "session_not_found").await;
    eve.delete("/v1/auth/sessions/nosuch").problem(404, "session_not_found").await;
    ann.get("/v1/auth/me").expect(200).await;
}

async fn a_visitor_is_asked_to_sign_in(server: TestServer) {
    server.visitor().get("/v1/auth/sessions").problem(401, "unauthenticated").await;
    server.visitor().delete("/v1/auth/sessions/x").problem(401, "unauthenticated").await;
}
