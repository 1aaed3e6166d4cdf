use basalt_testing::{TestServer, on_both_engines};
use futures_util::future::join_all;
use serde_json::{Value, json};

on_both_engines! {
    it_makes_a_user_and_a_session,
    an_address_is_taken_once_however_it_is_spelled,
    of_many_at_once_exactly_one_wins,
    weak_and_common_passwords_are_refused,
    malformed_input_names_what_is_wrong,
    it_can_be_switched_off,
    a_user_name_is_enough,
    nothing_secret_is_in_the_answer,
}

const PASSWORD: &str = "a long enough phrase";

async fn it_makes_a_user_and_a_session(server: TestServer) {
    let body = json!({"email": "Ann@Example.com", "password": PASSWORD, "data": {"displayName": "Ann"}});
    let answer = server.visitor().post("/v1/auth/signup").json(&body).expect(201).await;
    assert_eq!(answer.at("/user/displayName"), "Ann");
    assert_eq!(answer.at("/user/emailVerified"), false);
    assert_eq!(answer.at("/user/anonymous"), false);
    assert_eq!(answer.at("/session/tokenType"), "Bearer");
    assert_eq!(answer.at("/session/expiresIn"), 900);
    let token = answer.text_at("/session/accessToken");
    let me = server.visitor().with_token(&token).get("/v1/auth/me").expect(200).await;
    assert!(me.text().contains(&answer.text_at("/user/id")), "{me}");
    let cache = answer.header("cache-control").unwrap_or_default();
    assert!(cache.contains("no-store"), "tokens may not be cached: {cache:?}");
}

async fn an_address_is_taken_once_however_it_is_spelled(server: TestServer) {
    let sign_up =
        |email: &str| server.visitor().post("/v1/auth/signup").json(&json!({"email": email, "password": PASSWORD}));
    sign_up("ann@example.com").expect(201).await;
    for email in ["ann@example.com", "ANN@EXAMPLE.COM", "Ann@example.com"] {
        let answer = sign_up(email).send().await;
        assert_eq!(answer.status, 409, "{email}: {answer}");
        answer.assert_is_problem();
    }
}

async fn of_many_at_once_exactly_one_wins(server: TestServer) {
    let body = json!({"email": "ann@example.com", "password": PASSWORD});
    let answers = join_all((0..20).map(|_| server.visitor().post("/v1/auth/signup").json(&body).send())).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        assert!(answer.status == 409 || answer.status == 429, "{answer}");
    }
}

async fn weak_and_common_passwords_are_refused(server: TestServer) {
    for password in ["", "short", "1234567", "password", "12345678", "qwertyuiop", "Password1"] {
        let body = json!({"email": "ann@example.com", "password": password});
        server.visitor().post("/v1/auth/signup").json(&body).problem(422, "weak_password").await;
    }
    let body = json!({"email": "ann@example.com", "password": "x".repeat(1_025)});
    let answer = server.visitor().post("/v1/auth/signup").json(&body).send().await;
    assert!((400..500).contains(&answer.status), "{answer}");
    let body = json!({"email": "ann@example.com", "password": "ünïcödé is fine, too 漢字"});
    server.visitor().post("/v1/auth/signup").json(&body).expect(201).await;
}

async fn malformed_input_names_what_is_wrong(server: TestServer) {
    let sign_up = |body: Value| server.visitor().post("/v1/auth/signup").json(&body).send();
    for body in [
        json!({}),
        json!({"email": "ann@example.com"}),
        json!({"password": PASSWORD}),
        json!({"email": "no address", "password": PASSWORD}),
        json!({"email": "a@b@c", "password": PASSWORD}),
        json!({"email": "a\r\nb@example.com", "password": PASSWORD}),
        json!({"email": format!("{}@example.com", "x".repeat(400)), "password": PASSWORD}),
        json!({"email": 1, "password": PASSWORD}),
        json!({"email": "ann@example.com", "password": 12_345_678}),
        json!({"email": "ann@example.com", "password": PASSWORD, "data": []}),
        json!({"email": "ann@example.com", "password": PASSWORD, "roles": ["admin"]}),
        json!({"email": "ann@example.com", "password": PASSWORD, "data": {"_x": 1}}),
    ] {
        let answer = sign_up(body.clone()).await;
        assert!([400, 422].contains(&answer.status), "{body}: {answer}");
        answer.assert_is_problem();
    }
    let answer = sign_up(json!({"email": "ann@example.com", "password": PASSWORD, "bogus": 1})).await;
    assert!(answer.problem(400, "unknown_field").text().contains("bogus"));
}

async fn it_can_be_switched_off(server: TestServer) {
    let server = server.with_app("[auth]\nsignUp = false\n").await;
    let body = json!({"email": "ann@example.com", "password": PASSWORD});
    server.visitor().post("/v1/auth/signup").json(&body).problem(403, "sign_up_disabled").await;
}

async fn a_user_name_is_enough(server: TestServer) {
    let body = json!({"username": "Ann_1", "password": PASSWORD});
    let answer = server.visitor().post("/v1/auth/signup").json(&body).expect(201).await;
    let body = json!({"username": "ann_1", "password": PASSWORD});
    server.visitor().post("/v1/auth/signup").json(&body).expect(409).await;
    let login = server.visitor().post("/v1/auth/login").json(&body).expect(200).await;
    assert_eq!(login.at("/user/id"), answer.at("/user/id"));
}

async fn nothing_secret_is_in_the_answer(server: TestServer) {
    let body = json!({"email": "ann@example.com", "password": PASSWORD});
    let answer = server.visitor().post("/v1/auth/signup").json(&body).expect(201).await;
    for secret in ["password", "hash", "argon2", PASSWORD] {
        assert!(!answer.text().to_lowercase().contains(secret), "{answer}");
    }
}
