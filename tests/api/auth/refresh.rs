use std::time::Duration;

use basalt_testing::{Answer, TestServer, on_both_engines};
use futures_util::future::join_all;
use serde_json::json;

on_both_engines! {
    it_rotates_both_tokens,
    a_spent_token_ends_the_whole_session,
    a_lost_answer_can_be_fetched_again_at_once,
    many_at_once_leave_one_working_session,
    a_forged_token_is_refused,
    an_old_session_has_ended,
    a_disabled_user_gets_no_new_token,
}

async fn refresh(server: &TestServer, token: &str) -> Answer {
    server.visitor().post("/v1/auth/refresh").json(&json!({"refreshToken": token})).send().await
}

async fn it_rotates_both_tokens(server: TestServer) {
    let ann = server.user("ann").await;
    let first = refresh(&server, &ann.refresh_token).await.expect(200);
    let second = refresh(&server, &first.text_at("/session/refreshToken")).await.expect(200);
    assert_ne!(first.at("/session/refreshToken"), second.at("/session/refreshToken"));
    for answer in [&first, &second] {
        let client = server.visitor().with_token(&answer.text_at("/session/accessToken"));
        client.get("/v1/auth/me").expect(200).await;
    }
}

async fn a_spent_token_ends_the_whole_session(server: TestServer) {
    let ann = server.user("ann").await;
    let first = refresh(&server, &ann.refresh_token).await.expect(200);
    let second = refresh(&server, &first.text_at("/session/refreshToken")).await.expect(200);
    server.clock().advance(Duration::from_mins(1));
    let answer = refresh(&server, &ann.refresh_token).await;
    assert_eq!(answer.status, 401, "{answer}");
    answer.assert_is_problem();
    // Whoever stole it is out, and so is the one it was stolen from.
    assert_eq!(refresh(&server, &second.text_at("/session/refreshToken")).await.status, 401);
    let client = server.visitor().with_token(&second.text_at("/session/accessToken"));
    client.get("/v1/auth/me").problem(401, "session_ended").await;
    let body = json!({"email": ann.email, "password": ann.password});
    server.visitor().post("/v1/auth/login").json(&body).expect(200).await;
}

async fn a_lost_answer_can_be_fetched_again_at_once(server: TestServer) {
    let ann = server.user("ann").await;
    let lost = refresh(&server, &ann.refresh_token).await.expect(200);
    server.clock().advance(Duration::from_secs(5));
    let again = refresh(&server, &ann.refresh_token).await.expect(200);
    let client = server.visitor().with_token(&again.text_at("/session/accessToken"));
    client.get("/v1/auth/me").expect(200).await;
    drop(lost);
}

async fn many_at_once_leave_one_working_session(server: TestServer) {
    let ann = server.user("ann").await;
    let answers = join_all((0..20).map(|_| refresh(&server, &ann.refresh_token))).await;
    let good: Vec<&Answer> = answers.iter().filter(|answer| answer.status == 200).collect();
    assert!(!good.is_empty());
    for answer in &answers {
        assert!([200, 401, 429].contains(&answer.status), "{answer}");
    }
    let sessions = ann.get("/v1/auth/sessions").expect(200).await.items();
    assert_eq!(sessions.len(), 1, "{sessions:?}");
}

async fn a_forged_token_is_refused(server: TestServer) {
    let ann = server.user("ann").await;
    let good = &ann.refresh_token;
    let mut changed = good.clone();
    let last = changed.pop().unwrap();
    changed.push(if last == 'A' { 'B' } else { 'A' });
    for token in ["", "x", "bst_rt_", &changed, &good[..good.len() - 2], &format!("{good}x"), &ann.access_token] {
        let answer = refresh(&server, token).await;
        assert!([400, 401].contains(&answer.status), "{token}: {answer}");
        answer.assert_is_problem();
    }
    // Trying did the session no harm.
    let _ = refresh(&server, good).await.expect(200);
}

async fn an_old_session_has_ended(server: TestServer) {
    let ann = server.user("ann").await;
    server.clock().advance(Duration::from_hours(400 * 24));
    assert_eq!(refresh(&server, &ann.refresh_token).await.status, 401);
}

async fn a_disabled_user_gets_no_new_token(server: TestServer) {
    let ann = server.user("ann").await;
    let path = format!("/v1/admin/users/{}", ann.id);
    server.owner().patch(&path).json(&json!({"disabled": true})).expect(200).await;
    let answer = refresh(&server, &ann.refresh_token).await;
    assert!([401, 403].contains(&answer.status), "{answer}");
}
