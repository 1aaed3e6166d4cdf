//! A token that is sent and bad is 401 at every door, never a visitor.

use std::time::Duration;

use basalt_core::Clock as _;
use basalt_testing::{TestServer, on_both_engines};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::support::{define_open, documents};

on_both_engines! {
    an_expired_token_says_so,
    forged_tokens_are_refused_everywhere,
    a_token_of_another_server_is_refused,
    a_deleted_or_expired_key_is_refused,
    odd_authorization_headers_are_refused,
    a_refresh_token_opens_no_door,
}

async fn an_expired_token_says_so(server: TestServer) {
    define_open(&server).await;
    let ann = server.user("ann").await;
    server.clock().advance(Duration::from_mins(14));
    ann.get("/v1/auth/me").expect(200).await;
    server.clock().advance(Duration::from_mins(2));
    ann.get("/v1/auth/me").problem(401, "token_expired").await;
    // Also where a visitor would be let in.
    ann.get(&documents("open")).problem(401, "token_expired").await;
    let body = json!({"refreshToken": ann.refresh_token});
    server.visitor().post("/v1/auth/refresh").json(&body).expect(200).await;
}

/// Takes a token apart into its header, its claims and its signature.
fn parts(token: &str) -> (Value, Value, String) {
    let mut parts = token.split('.');
    let mut json = || -> Value {
        let bytes = URL_SAFE_NO_PAD.decode(parts.next().unwrap()).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    };
    let (header, claims) = (json(), json());
    (header, claims, parts.next().unwrap().to_owned())
}

fn join(header: &Value, claims: &Value, signature: &str) -> String {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.{signature}", encode(header), encode(claims))
}

fn with(value: &Value, name: &str, new: Value) -> Value {
    let mut value = value.clone();
    value[name] = new;
    value
}

async fn forged_tokens_are_refused_everywhere(server: TestServer) {
    define_open(&server).await;
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    let (header, claims, signature) = parts(&ann.access_token);
    let flipped = {
        let mut bytes = URL_SAFE_NO_PAD.decode(&signature).unwrap();
        bytes[0] ^= 1;
        URL_SAFE_NO_PAD.encode(bytes)
    };
    let far = json!(4_102_444_800_i64);
    let forged = [
        join(&header, &with(&claims, "sub", json!(bob.id)), &signature),
        join(&header, &with(&claims, "roles", json!(["admin"])), &signature),
        join(&header, &with(&claims, "exp", far), &signature),
        join(&with(&header, "alg", json!("none")), &claims, ""),
        join(&with(&header, "alg", json!("none")), &claims, &signature),
        join(&with(&header, "alg", json!("None")), &claims, ""),
        join(&with(&header, "alg", json!("HS256")), &claims, &signature),
        join(&with(&header, "alg", json!("RS256")), &claims, &signature),
        join(&with(&header, "kid", json!("../../../etc/passwd")), &claims, &signature),
        join(&with(&header, "kid", json!("' or 1=1 --")), &claims, &signature),
        join(&with(&header, "kid", Value::Null), &claims, &signature),
        join(&with(&header, "typ", json!("JWT")), &claims, &signature),
        join(&with(&header, "jku", json!("http://127.0.0.1:1/keys")), &claims, &signature),
        join(&header, &claims, &flipped),
        join(&header, &claims, ""),
        join(&header, &json!({}), &signature),
        format!("{}.", ann.access_token),
        format!("{}.x", ann.access_token),
        ann.access_token.rsplit_once('.').unwrap().0.to_owned(),
        "x.y.z".into(),
        "..".into(),
        "a".repeat(20_000),
        "bst_sk_".into(),
        format!("bst_sk_{}", "A".repeat(43)),
    ];
    for token in forged {
        let client = server.visitor().with_token(&token);
        for answer in [
            client.get("/v1/auth/me").send().await,
            client.get(&documents("open")).send().await,
            client.post(&documents("open")).json(&json!({})).send().await,
            client.post("/v1/auth/logout").json(&json!({"scope": "all"})).send().await,
        ] {
            let shown: String = token.chars().take(80).collect();
            assert!(answer.status == 401 || answer.status == 431, "{shown}: {answer}");
            answer.assert_is_problem();
        }
    }
    ann.get("/v1/auth/me").expect(200).await;
}

async fn a_token_of_another_server_is_refused(server: TestServer) {
    let other = TestServer::start_with_seed(server.engine(), 4_711).await;
    let ann = other.user("ann").await;
    let stranger = server.visitor().with_token(&ann.access_token);
    stranger.get("/v1/auth/me").problem(401, "invalid_token").await;
    other.stop().await;
}

async fn a_deleted_or_expired_key_is_refused(server: TestServer) {
    define_open(&server).await;
    let end = server.clock().now().plus(Duration::from_hours(1));
    let body = json!({"name": "short", "scopes": ["documents:read"], "expiresAt": end.to_string()});
    let answer = server.owner().post("/v1/admin/keys").json(&body).expect(201).await;
    let key = server.visitor().with_token(&answer.text_at("/key"));
    key.get(&documents("open")).expect(200).await;
    server.clock().advance(Duration::from_hours(2));
    let refused = key.get(&documents("open")).send().await;
    assert_eq!(refused.status, 401, "{refused}");

    let body = json!({"name": "gone", "scopes": ["documents:read"]});
    let owner = server.owner_again().await;
    let answer = owner.post("/v1/admin/keys").json(&body).expect(201).await;
    let key = server.visitor().with_token(&answer.text_at("/key"));
    key.get(&documents("open")).expect(200).await;
    owner.delete(&format!("/v1/admin/keys/{}", answer.text_at("/id"))).expect(204).await;
    let refused = key.get(&documents("open")).send().await;
    assert_eq!(refused.status, 401, "{refused}");
}

async fn odd_authorization_headers_are_refused(server: TestServer) {
    define_open(&server).await;
    let ann = server.user("ann").await;
    for header in ["Bearer", "Bearer ", "Basic dTpw", &ann.access_token, "bearer  x", "Token x"] {
        let client = server.visitor().with_header("Authorization", header);
        let answer = client.get(&documents("open")).send().await;
        assert_eq!(answer.status, 401, "{header}: {answer}");
        answer.assert_is_problem();
    }
    // The scheme's name is case-insensitive (RFC 9110).
    let client = server.visitor().with_header("Authorization", &format!("bearer {}", ann.access_token));
    client.get("/v1/auth/me").expect(200).await;
    let twice = ann.get("/v1/auth/me").header("Authorization", "Bearer x").send().await;
    assert!(twice.status == 401 || twice.status == 400, "{twice}");
}

async fn a_refresh_token_opens_no_door(server: TestServer) {
    let ann = server.user("ann").await;
    let answer = server.visitor().with_token(&ann.refresh_token).get("/v1/auth/me").send().await;
    assert_eq!(answer.status, 401, "{answer}");
}
