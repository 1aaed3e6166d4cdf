use basalt_testing::{TestServer, on_both_engines};
use serde_json::{Value, json};

use super::support::{WEBHOOKS, shown, webhook};

on_both_engines! {
    an_owner_declares_changes_and_deletes_webhooks,
    one_is_made_under_a_name_or_without,
    who_is_no_owner_is_refused,
    a_bad_definition_is_refused_with_every_fault,
    an_app_declares_webhooks,
    there_are_so_many_and_no_more,
}

const URL: &str = "https://example.org/hook";

async fn an_owner_declares_changes_and_deletes_webhooks(server: TestServer) {
    let owner = server.owner();
    let body = json!({
        "url": URL, "events": "op == 'create'", "description": "orders", "timeout": "1500ms", "retries": 3,
        "headers": {"X-Key": "hunter2"},
    });
    let made = owner.put(&webhook("crm", "")).json(&body).expect(201).await;
    assert!(made.text_at("/secret").starts_with("whsec_"));
    let told = shown(&server, "crm").await;
    let said = |name: &str| told[name].clone();
    assert_eq!((said("name"), said("url"), said("events")), (json!("crm"), json!(URL), json!("op == 'create'")));
    assert_eq!((said("timeout"), said("retries"), said("enabled")), (json!("1500ms"), json!(3), json!(true)));
    assert_eq!((said("headers"), said("description")), (json!(["x-key"]), json!("orders")));
    assert!(!told.to_string().contains("hunter2") && !told.to_string().contains("whsec_"));
    let same = owner.put(&webhook("crm", "")).json(&body).expect(200).await;
    assert_eq!(same.body(), told, "the same content changes nothing");
    owner.put(&webhook("crm", "")).json(&json!({"url": URL})).expect(200).await;
    let changed = shown(&server, "crm").await;
    assert_eq!(
        (&changed["events"], &changed["timeout"], &changed["retries"]),
        (&Value::Null, &json!("15s"), &json!(7))
    );
    assert_eq!(changed["headers"], json!(["x-key"]), "what is written only stays");
    owner.put(&webhook("other", "")).json(&json!({"url": URL})).expect(201).await;
    assert_eq!(owner.get(WEBHOOKS).expect(200).await.column("name"), ["crm", "other"]);
    owner.delete(&webhook("crm", "")).expect(204).await;
    owner.get(&webhook("crm", "")).problem(404, "webhook_not_found").await;
    let told = owner.get("/v1/admin/audit").expect(200).await;
    assert_eq!(told.column("action")[..4], ["webhooks.delete", "webhooks.put", "webhooks.put", "webhooks.put"]);
    assert!(!told.text().contains("hunter2"));
}

async fn one_is_made_under_a_name_or_without(server: TestServer) {
    let owner = server.owner();
    let made = owner.post(WEBHOOKS).json(&json!({"name": "crm", "url": URL})).expect(201).await;
    assert_eq!(made.header("location").as_deref(), Some("/v1/admin/webhooks/crm"));
    owner.post(WEBHOOKS).json(&json!({"name": "crm", "url": URL})).problem(409, "document_exists").await;
    let other = owner.post(WEBHOOKS).json(&json!({"url": URL})).expect(201).await;
    owner.get(&webhook(&other.text_at("/name"), "")).expect(200).await;
    owner.post(WEBHOOKS).json(&json!({"url": URL, "colour": 1})).problem(400, "unknown_field").await;
    owner.put(&webhook("crm", "")).json(&json!({"url": URL, "colour": 1})).problem(400, "unknown_field").await;
}

async fn who_is_no_owner_is_refused(server: TestServer) {
    let body = json!({"url": URL});
    server.owner().put(&webhook("crm", "")).json(&body).expect(201).await;
    let (ann, key) = (server.user("ann").await, server.key(&["documents:write"]).await);
    for (client, status) in [(&server.visitor(), 401), (&*ann, 403), (&key, 403)] {
        for answer in [
            client.get(WEBHOOKS).send().await,
            client.post(WEBHOOKS).json(&body).send().await,
            client.get(&webhook("crm", "")).send().await,
            client.put(&webhook("crm", "")).json(&body).send().await,
            client.delete(&webhook("crm", "")).send().await,
            client.post(&webhook("crm", "/rotate")).send().await,
            client.post(&webhook("crm", "/test")).send().await,
            client.get(&webhook("crm", "/deliveries")).send().await,
            client.get(&webhook("crm", "/deliveries/x")).send().await,
            client.post(&webhook("crm", "/deliveries/x/replay")).send().await,
        ] {
            assert_eq!(answer.status, status, "{answer}");
            answer.assert_is_problem();
        }
    }
    let (viewer, editor) = (server.operator("viewer").await, server.operator("editor").await);
    viewer.get(&webhook("crm", "/deliveries")).expect(200).await;
    viewer.post(&webhook("crm", "/test")).problem(403, "operator_role_missing").await;
    viewer.post(&webhook("crm", "/deliveries/x/replay")).problem(403, "operator_role_missing").await;
    editor.put(&webhook("crm", "")).json(&body).problem(403, "operator_role_missing").await;
    editor.post(WEBHOOKS).json(&body).problem(403, "operator_role_missing").await;
    editor.post(&webhook("crm", "/rotate")).problem(403, "operator_role_missing").await;
    editor.delete(&webhook("crm", "")).problem(403, "operator_role_missing").await;
}

async fn a_bad_definition_is_refused_with_every_fault(server: TestServer) {
    let body = json!({
        "url": "ftp://example.org/", "events": "colour ==", "description": "x".repeat(2_000), "timeout": "10m",
        "retries": 1_000, "headers": {"a b": "1"}, "secret": "hunter2",
    });
    let answer = server.owner().put(&webhook("crm", "")).json(&body).problem(422, "invalid_definition").await;
    let mut paths: Vec<String> =
        answer.at("/errors").as_array().unwrap().iter().map(|fault| fault["path"].as_str().unwrap().into()).collect();
    paths.sort();
    assert_eq!(paths, ["/description", "/events", "/headers/a b", "/retries", "/secret", "/timeout", "/url"]);
    assert!(!answer.text().contains("hunter2"));
    let body = json!({"url": URL, "timeout": "soon"});
    server.owner().put(&webhook("crm", "")).json(&body).problem(400, "bad_request").await;
    for url in ["http://u:p@example.org/", "http://example.org:25/", "/relative", ""] {
        let body = json!({"url": url});
        server.owner().put(&webhook("crm", "")).json(&body).problem(422, "invalid_definition").await;
    }
    server.owner().get(&webhook("crm", "")).problem(404, "webhook_not_found").await;
}

async fn an_app_declares_webhooks(server: TestServer) {
    let manifest = "[webhooks.crm]\nurl = \"https://example.org/hook\"\nevents = \"op == 'create'\"\n";
    let server = server.with_app(manifest).await;
    assert_eq!(shown(&server, "crm").await["events"], "op == 'create'");
    // What an operator changed afterwards stays, as long as the app says the same.
    server.owner().put(&webhook("crm", "")).json(&json!({"url": "https://example.org/other"})).expect(200).await;
    let server = server.with_app(manifest).await;
    assert_eq!(shown(&server, "crm").await["url"], "https://example.org/other");
    // What is left out is kept.
    let server = server.with_app("").await;
    shown(&server, "crm").await;
}

async fn there_are_so_many_and_no_more(server: TestServer) {
    for n in 0..200 {
        server.service().put(&webhook(&format!("w{n}"), "")).json(&json!({"url": URL})).expect(201).await;
    }
    server.service().put(&webhook("more", "")).json(&json!({"url": URL})).problem(429, "quota_exceeded").await;
    server.service().put(&webhook("w0", "")).json(&json!({"url": "https://example.org/2"})).expect(200).await;
}
