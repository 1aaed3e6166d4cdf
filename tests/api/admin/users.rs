use basalt_testing::{TestServer, on_both_engines};
use serde_json::json;

use crate::support::document;

on_both_engines! {
    an_operator_makes_changes_and_deletes_users,
    lists_filter_by_every_field,
    addresses_stay_unique,
    bad_input_is_refused,
    who_is_no_operator_is_refused,
    nothing_secret_is_shown,
}

const USERS: &str = "/v1/admin/users";

async fn an_operator_makes_changes_and_deletes_users(server: TestServer) {
    let owner = server.owner();
    let body = json!({
        "email": "ann@example.com", "password": "a long enough phrase", "emailVerified": true,
        "claims": {"team": "red"}, "data": {"displayName": "Ann"},
    });
    let made = owner.post(USERS).json(&body).expect(201).await;
    let path = format!("{USERS}/{}", made.text_at("/id"));
    assert_eq!(made.header("location"), Some(path.clone()));
    assert_eq!((made.at("/emailVerified"), made.at("/displayName")), (json!(true), json!("Ann")));
    let login = json!({"email": "ann@example.com", "password": "a long enough phrase"});
    server.visitor().post("/v1/auth/login").json(&login).expect(200).await;
    let change = json!({"email": "anna@example.com", "data": {"displayName": "Anna"}});
    let changed = owner.patch(&path).json(&change).expect(200).await;
    assert_eq!((changed.at("/email"), changed.at("/displayName")), (json!("anna@example.com"), json!("Anna")));
    server.visitor().post("/v1/auth/login").json(&login).problem(401, "invalid_credentials").await;
    let login = json!({"email": "anna@example.com", "password": "a long enough phrase"});
    server.visitor().post("/v1/auth/login").json(&login).expect(200).await;
    assert_eq!(owner.get(&path).expect(200).await.at("/claims/team"), "red");
    owner.delete(&path).expect(204).await;
    owner.get(&path).problem(404, "user_not_found").await;
    owner.delete(&path).problem(404, "user_not_found").await;
    owner.patch(&path).json(&json!({"disabled": true})).problem(404, "user_not_found").await;
    owner.get(&format!("{path}/sessions")).problem(404, "user_not_found").await;
    owner.delete(&format!("{path}/sessions")).problem(404, "user_not_found").await;
    server.visitor().post("/v1/auth/login").json(&login).problem(401, "invalid_credentials").await;
}

async fn lists_filter_by_every_field(server: TestServer) {
    let ann = server.user("ann").await;
    server.user("bob").await;
    let page = server.owner().get(USERS).query(&[("filter", "email == 'ann@example.com'")]).expect(200).await;
    assert_eq!(page.column("id"), [json!(ann.id)]);
    let page = server.owner().get(USERS).query(&[("sort", "-email"), ("count", "exact")]).expect(200).await;
    assert_eq!(
        (page.column("email"), page.at("/total")),
        (vec![json!("bob@example.com"), json!("ann@example.com")], json!(2))
    );
}

async fn addresses_stay_unique(server: TestServer) {
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    let taken = json!({"email": ann.email.to_uppercase()});
    let answer = server.owner().patch(&format!("{USERS}/{}", bob.id)).json(&taken).send().await;
    assert_eq!(answer.status, 409, "{answer}");
    let body = json!({"email": ann.email, "password": "a long enough phrase"});
    server.owner().post(USERS).json(&body).expect(409).await;
    // What is given up can be taken.
    let path = format!("{USERS}/{}", ann.id);
    server.owner().patch(&path).json(&json!({"email": "new@example.com"})).expect(200).await;
    server.owner().patch(&format!("{USERS}/{}", bob.id)).json(&json!({"email": ann.email})).expect(200).await;
}

async fn bad_input_is_refused(server: TestServer) {
    let ann = server.user("ann").await;
    for body in [
        json!({"roles": "admin"}),
        json!({"disabled": 1}),
        json!({"bogus": true}),
        json!({"email": "no address"}),
        json!({"password": "short"}),
        json!({"claims": []}),
        json!({"data": {"roles": ["admin"]}}),
        json!({"data": {"_x": 1}}),
    ] {
        let answer = server.owner().patch(&format!("{USERS}/{}", ann.id)).json(&body).send().await;
        assert!([400, 403, 422].contains(&answer.status), "{body}: {answer}");
        answer.assert_is_problem();
    }
}

async fn who_is_no_operator_is_refused(server: TestServer) {
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    let path = format!("{USERS}/{}", bob.id);
    let sessions = format!("{path}/sessions");
    let key = server.key(&["users:read"]).await;
    for (client, status) in [(&server.visitor(), 401), (&*ann, 403), (&key, 403)] {
        for answer in [
            client.get(USERS).send().await,
            client.post(USERS).json(&json!({"email": "x@example.com"})).send().await,
            client.get(&path).send().await,
            client.patch(&path).json(&json!({"roles": ["admin"]})).send().await,
            client.delete(&path).send().await,
            client.get(&sessions).send().await,
            client.delete(&sessions).send().await,
        ] {
            assert_eq!(answer.status, status, "{answer}");
            answer.assert_is_problem();
        }
    }
    bob.get("/v1/auth/me").expect(200).await;
}

async fn nothing_secret_is_shown(server: TestServer) {
    let ann = server.user("ann").await;
    let shown = server.owner().get(&format!("{USERS}/{}", ann.id)).expect(200).await;
    let sessions = server.owner().get(&format!("{USERS}/{}/sessions", ann.id)).expect(200).await;
    let document = server.service().get(&document("users", &ann.id)).expect(200).await;
    for answer in [shown, sessions, document] {
        let text = answer.text().to_lowercase();
        for secret in ["\"password\":", "hash", "argon2", "refresh"] {
            assert!(!text.contains(secret), "{secret}: {answer}");
        }
    }
}
