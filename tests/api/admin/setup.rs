use basalt_testing::{TestServer, on_both_engines};
use futures_util::future::join_all;
use serde_json::json;

on_both_engines! {
    the_first_owner_is_made_once,
    a_wrong_token_makes_nobody,
    of_many_at_once_exactly_one_wins,
    an_operator_signs_in_and_out_by_cookie,
    wrong_operator_credentials_answer_alike,
    a_foreign_origin_is_refused,
    the_set_up_page_works_without_anything_from_outside,
}

async fn the_first_owner_is_made_once(server: TestServer) {
    // The test server's own set-up was the first.
    let body =
        json!({"token": server.setup_token(), "email": "second@example.com", "password": "a long enough phrase"});
    server.visitor().post("/v1/admin/setup").json(&body).problem(409, "setup_done").await;
    let audit = server.owner().get("/v1/admin/audit").expect(200).await.items();
    let set_up = audit.iter().find(|entry| entry["action"] == "operators.setUp").expect("an entry of the set-up");
    assert_eq!((&set_up["actor"]["type"], &set_up["after"]["role"]), (&json!("operator"), &json!("owner")));
    let me = server.owner().get("/v1/admin/me").expect(200).await;
    assert_eq!((me.at("/type"), me.at("/role")), (json!("operator"), json!("owner")));
}

async fn a_wrong_token_makes_nobody(server: TestServer) {
    let fresh = TestServer::start_unclaimed(server.engine()).await;
    for token in ["", "x", "bst_setup_x", &fresh.setup_token()[1..]] {
        let body = json!({"token": token, "email": "eve@example.com", "password": "a long enough phrase"});
        let answer = fresh.visitor().post("/v1/admin/setup").json(&body).send().await;
        assert!([400, 401].contains(&answer.status), "{token:?}: {answer}");
        answer.assert_is_problem();
    }
    let body = json!({"token": fresh.setup_token(), "email": "ann@example.com", "password": "a long enough phrase"});
    fresh.visitor().post("/v1/admin/setup").json(&body).expect(201).await;
    fresh.stop().await;
}

async fn of_many_at_once_exactly_one_wins(server: TestServer) {
    let fresh = TestServer::start_unclaimed(server.engine()).await;
    let set_ups = (0..10).map(|n| {
        let email = format!("o{n}@example.com");
        let body = json!({"token": fresh.setup_token(), "email": email, "password": "a long enough phrase"});
        fresh.visitor().post("/v1/admin/setup").json(&body).send()
    });
    let answers = join_all(set_ups).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1, "{answers:?}");
    for answer in &answers {
        assert!(answer.status < 500, "{answer}");
    }
    fresh.stop().await;
}

async fn an_operator_signs_in_and_out_by_cookie(server: TestServer) {
    let body = json!({"email": server.owner_email(), "password": server.owner_password()});
    let answer = server.visitor().post("/v1/admin/login").json(&body).expect(200).await;
    let cookie = answer.header("set-cookie").expect("a cookie");
    for part in ["HttpOnly", "SameSite=Strict", "Path=/v1/admin"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let pair = cookie.split(';').next().unwrap().to_owned();
    let operator = server.visitor().with_header("Cookie", &pair).with_header("Origin", server.base());
    operator.get("/v1/admin/me").expect(200).await;
    operator.post("/v1/admin/logout").expect(204).await;
    operator.get("/v1/admin/me").expect(401).await;
    server.owner().get("/v1/admin/me").expect(200).await;
}

async fn wrong_operator_credentials_answer_alike(server: TestServer) {
    let log_in = |email: &str| {
        let body = json!({"email": email, "password": "not the right phrase"});
        server.visitor().post("/v1/admin/login").json(&body).send()
    };
    let mut known = log_in(server.owner_email()).await.problem(401, "invalid_credentials").body();
    let mut unknown = log_in("nobody@example.com").await.problem(401, "invalid_credentials").body();
    known["requestId"] = json!("");
    unknown["requestId"] = json!("");
    assert_eq!(known, unknown);
}

async fn a_foreign_origin_is_refused(server: TestServer) {
    let operator = server.owner().with_header("Origin", "https://evil.example");
    for answer in [
        operator.put("/v1/admin/collections/x").json(&json!({})).send().await,
        operator.post("/v1/admin/keys").json(&json!({"name": "x", "scopes": ["*"]})).send().await,
        operator.post("/v1/admin/logout").send().await,
    ] {
        let _ = answer.problem(403, "origin_refused");
    }
    server.owner().get("/v1/admin/me").expect(200).await;
}

async fn the_set_up_page_works_without_anything_from_outside(server: TestServer) {
    let page = server.visitor().get("/_/setup").expect(200).await;
    assert!(page.header("content-type").unwrap().starts_with("text/html"));
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(!policy.contains("unsafe-inline") && !policy.contains("unsafe-eval"), "{policy}");
    let text = page.text();
    assert!(!text.contains("http://") && !text.contains("https://") && !text.contains("src=\"//"), "{text}");
    assert!(text.contains("password"), "{text}");
}
