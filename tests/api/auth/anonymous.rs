use basalt_testing::{TestServer, on_both_engines};
use serde_json::json;

use crate::support::{create, define_notes, get};

on_both_engines! {
    anyone_gets_a_user_without_a_name,
    signing_up_keeps_the_same_id_and_documents,
    an_upgraded_user_logs_in_by_password,
    it_is_off_until_it_is_switched_on,
    signing_up_with_a_full_account_is_another_user_or_refused,
}

const ON: &str = "[auth]\nanonymous = true\n";

async fn anyone_gets_a_user_without_a_name(server: TestServer) {
    let server = server.with_app(ON).await;
    let one = server.visitor().post("/v1/auth/anonymous").expect(201).await;
    let two = server.visitor().post("/v1/auth/anonymous").expect(201).await;
    assert_eq!(one.at("/user/anonymous"), true);
    assert_ne!(one.at("/user/id"), two.at("/user/id"));
}

async fn signing_up_keeps_the_same_id_and_documents(server: TestServer) {
    let server = server.with_app(ON).await;
    define_notes(&server).await;
    let answer = server.visitor().post("/v1/auth/anonymous").expect(201).await;
    let id = answer.text_at("/user/id");
    let guest = server.visitor().with_token(&answer.text_at("/session/accessToken"));
    create(&guest, "notes", json!({"id": "n1", "owner": id})).await;
    let body = json!({"email": "ann@example.com", "password": "a long enough phrase"});
    let signed = guest.post("/v1/auth/signup").json(&body).expect(201).await;
    assert_eq!(signed.at("/user/id"), json!(id));
    assert_eq!(signed.at("/user/anonymous"), false);
    let ann = server.visitor().with_token(&signed.text_at("/session/accessToken"));
    assert_eq!(get(&ann, "notes", "n1").await["owner"], json!(id));
}

async fn an_upgraded_user_logs_in_by_password(server: TestServer) {
    let server = server.with_app(ON).await;
    let answer = server.visitor().post("/v1/auth/anonymous").expect(201).await;
    let guest = server.visitor().with_token(&answer.text_at("/session/accessToken"));
    let body = json!({"email": "ann@example.com", "password": "a long enough phrase"});
    guest.post("/v1/auth/signup").json(&body).expect(201).await;
    let login = server.visitor().post("/v1/auth/login").json(&body).expect(200).await;
    assert_eq!(login.at("/user/id"), answer.at("/user/id"));
    server.visitor().post("/v1/auth/signup").json(&body).expect(409).await;
}

async fn it_is_off_until_it_is_switched_on(server: TestServer) {
    server.visitor().post("/v1/auth/anonymous").problem(403, "method_disabled").await;
    let server = server.with_app(ON).await;
    server.visitor().post("/v1/auth/anonymous").expect(201).await;
    let server = server.with_app("[auth]\nanonymous = false\n").await;
    server.visitor().post("/v1/auth/anonymous").problem(403, "method_disabled").await;
}

async fn signing_up_with_a_full_account_is_another_user_or_refused(server: TestServer) {
    let ann = server.user("ann").await;
    let body = json!({"email": "second@example.com", "password": "a long enough phrase"});
    let answer = ann.post("/v1/auth/signup").json(&body).send().await;
    if answer.status == 201 {
        assert_ne!(answer.at("/user/id"), json!(ann.id), "a full account isn't taken over");
    } else {
        assert!((400..500).contains(&answer.status), "{answer}");
    }
    ann.get("/v1/auth/me").expect(200).await;
}
