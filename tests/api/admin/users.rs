use basalt_testing::{TestServer, on_both_engines};
use serde_json::json;

use crate::support::document;

on_both_engines! {
    an_operator_makes_changes_and_deletes_users,
    lists_filter_by_every_field,
    addresses_stay_unique,
    bad_input_is_refused,
    users_of_other_systems_come_with_their_passwords,
    a_user_who_cannot_be_taken_leaves_the_others_alone,
    who_may_not_change_users_imports_none,
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

const IMPORT: &str = "/v1/admin/users/import";

async fn import(client: &basalt_testing::Client, users: &[serde_json::Value]) -> Vec<serde_json::Value> {
    let lines: Vec<String> = users.iter().map(|user| format!("{user}\n")).collect();
    let answer = client.post(IMPORT).body("application/x-ndjson", lines.concat()).expect(200).await;
    answer.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Every hash is of the phrase that the tests sign in with.
async fn users_of_other_systems_come_with_their_passwords(server: TestServer) {
    let salt = "c2FsdCBvZiBhbm4=";
    let firebase = json!({
        "signerKey": "jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==",
        "saltSeparator": "Bw==", "rounds": 8, "memCost": 8,
    });
    let hashes = [
        json!({"algorithm": "bcrypt", "hash": "$2b$04$N9qo8uLOickgx2ZMRZoMyeq64Nv5rG2P0idpnVmg0FTa8o7mQW5du"}),
        json!({
            "algorithm": "pbkdf2", "hash": "xFIcu4mJH3axrm/0Mc7Xl8Y6TADIwhSpDd679LMs4VU=", "salt": salt,
            "params": {"iterations": 1000, "digest": "sha256"},
        }),
        json!({
            "algorithm": "firebase-scrypt", "salt": "42xEC+ixf3L2lw==", "params": firebase,
            "hash": "z7OmLOiX4mRH3xDCzQgArc3j6h7PdQbpIfqRQWQS5Xg5Pz/Lyl5j/gwgXs4ZJMg9b1KexS3iecj4jEdqGSScQQ==",
        }),
        json!({
            "algorithm": "leancloud-sha512", "salt": "h60d8x797d3oa0naxybxxv9bn7xpt2yiowz68mpiwou7gwr2",
            "hash": "k4Lko50UCLqJWqOGycv9d3wwJIDj0vvwjwRkvrJFpVJ1DjfKP4Wls+cu+z3gl9KA+RPac/GPdVkaJKJE4H437g==",
        }),
    ];
    let user = |(n, password): (usize, &serde_json::Value)| {
        json!({
            "id": format!("u{n}"), "email": format!("u{n}@example.com"), "emailVerified": true, "displayName": "Ann",
            "createdAt": "2020-01-02T03:04:05.678Z", "password": password, "claims": {"n": n}, "identities": [],
        })
    };
    let users: Vec<_> = hashes.iter().enumerate().map(user).collect();
    let done = json!({"done": true, "created": 4, "replaced": 0, "failed": 0, "lastLine": 4});
    assert_eq!(import(server.owner(), &users).await, [done]);
    for n in 0..hashes.len() {
        let path = format!("{USERS}/u{n}");
        let shown = server.owner().get(&path).expect(200).await;
        assert_eq!((shown.at("/displayName"), shown.at("/emailVerified")), (json!("Ann"), json!(true)));
        assert_eq!(shown.at("/createdAt"), "2020-01-02T03:04:05.678Z");
        assert!(!shown.text().contains("algorithm"), "{shown}");
        let log_in = |password: &str| {
            let body = json!({"email": format!("u{n}@example.com"), "password": password});
            server.visitor().post("/v1/auth/login").json(&body)
        };
        log_in("another long phrase").problem(401, "invalid_credentials").await;
        // The second time it is one of ours.
        for _ in 0..2 {
            assert_eq!(log_in("a long enough phrase").expect(200).await.at("/user/id"), json!(format!("u{n}")));
        }
    }
    let taken = import(server.service(), &users[..1]).await;
    assert_eq!(taken[0]["status"], 409, "{taken:?}");
}

async fn a_user_who_cannot_be_taken_leaves_the_others_alone(server: TestServer) {
    server.user("ann").await;
    let odd = [
        json!({"email": "ann@example.com"}),
        json!({"username": "bob"}),
        json!({"displayName": "nobody"}),
        json!({"email": "c@example.com", "password": "a long enough phrase"}),
        json!({"email": "d@example.com", "roles": ["undeclared"]}),
        json!({"email": "e@example.com", "emailVerified": "yes"}),
        json!({"email": "f@example.com", "identities": [{"provider": "google", "subject": "1"}]}),
        json!({"email": "g@example.com", "lastLoginAt": "2020-01-02T03:04:05.678Z"}),
    ];
    let mut told = import(server.service(), &odd).await;
    let last = told.pop().unwrap();
    told.sort_by_key(|failure| failure["line"].as_u64());
    let codes: Vec<_> = told.iter().map(|it| (it["line"].as_u64().unwrap(), it["code"].as_str().unwrap())).collect();
    let wanted = [
        (1, "unique_conflict"),
        (3, "bad_request"),
        (4, "bad_request"),
        (5, "schema_violation"),
        (6, "schema_violation"),
        (7, "not_available"),
        (8, "field_protected"),
    ];
    assert_eq!(codes, wanted, "{told:?}");
    assert_eq!((&last["created"], &last["failed"]), (&json!(1), &json!(7)));
    assert!(!told.iter().any(|failure| failure.to_string().contains("long enough")), "{told:?}");
    let upsert = server.service().post(&format!("{IMPORT}?mode=upsert")).body("application/x-ndjson", "{}");
    upsert.problem(400, "bad_parameter").await;
}

async fn who_may_not_change_users_imports_none(server: TestServer) {
    let call = |client: &basalt_testing::Client| {
        client.post(IMPORT).body("application/x-ndjson", "{\"email\":\"a@example.com\"}\n")
    };
    call(&server.visitor()).problem(401, "unauthenticated").await;
    call(&*server.user("ann").await).problem(403, "forbidden").await;
    call(&server.operator("viewer").await).problem(403, "operator_role_missing").await;
    call(&server.key(&["documents:write"]).await).problem(403, "scope_missing").await;
    let page = server.owner().get(USERS).query(&[("filter", "email == 'a@example.com'")]).expect(200).await;
    assert!(page.items().is_empty());
    call(&server.operator("editor").await).expect(200).await;
}
