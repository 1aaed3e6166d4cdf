//! `app.toml`, as `basalt serve --app DIR` applies it.

use basalt_testing::{TestServer, on_both_engines};
use serde_json::json;

use crate::support::{create, document, documents};

on_both_engines! {
    an_app_declares_collections_and_settings,
    applying_again_changes_nothing,
    what_is_absent_is_kept,
    what_was_deployed_after_it_stays,
}

const APP: &str = r#"
[collections.notes]
indexes = [{ fields = ["owner", "-updatedAt"] }]
[collections.notes.rules]
read = "auth.id == doc.owner"
create = "auth.id == next.owner"
[auth]
signUp = true
anonymous = true
"#;

async fn an_app_declares_collections_and_settings(server: TestServer) {
    let server = server.with_app(APP).await;
    let answer = server.visitor().post("/v1/auth/anonymous").expect(201).await;
    let guest = server.visitor().with_token(&answer.text_at("/session/accessToken"));
    create(&guest, "notes", json!({"owner": answer.at("/user/id")})).await;
    guest.post(&documents("notes")).json(&json!({"owner": "x"})).problem(403, "rule_denied").await;
}

async fn applying_again_changes_nothing(server: TestServer) {
    let server = server.with_app(APP).await;
    create(server.service(), "notes", json!({"id": "n", "owner": "x"})).await;
    let before = server.owner().get("/v1/admin/collections/notes").expect(200).await.body();
    let server = server.with_app(APP).await;
    assert_eq!(server.owner().get("/v1/admin/collections/notes").expect(200).await.body(), before);
    server.service().get(&document("notes", "n")).expect(200).await;
}

async fn what_is_absent_is_kept(server: TestServer) {
    let server = server.with_app(APP).await;
    create(server.service(), "notes", json!({"id": "n", "owner": "x"})).await;
    let server = server.with_app("[collections.other]\n").await;
    server.service().get(&document("notes", "n")).expect(200).await;
    server.service().get(&documents("other")).expect(200).await;
}

async fn what_was_deployed_after_it_stays(server: TestServer) {
    const NOTES: &str = "/v1/admin/collections/notes";
    let rule = |answer: basalt_testing::Answer| answer.at("/definition/rules/get");
    let server = server.with_app(APP).await;
    let deployed = json!({"rules": {"read": "'auditor' in auth.roles"}});
    server.owner().put(NOTES).json(&deployed).expect(200).await;
    let server = server.with_app(APP).await;
    assert_eq!(rule(server.owner().get(NOTES).expect(200).await), "'auditor' in auth.roles");
    // The settings of the manifest hold all the same, and a second start changes nothing either.
    server.visitor().post("/v1/auth/anonymous").expect(201).await;
    let server = server.with_app(APP).await;
    assert_eq!(rule(server.owner().get(NOTES).expect(200).await), "'auditor' in auth.roles");
    // What says something new of the collection is the newer one.
    let edited = APP.replace("auth.id == doc.owner", "auth.id in [doc.owner, doc.editor]");
    let server = server.with_app(&edited).await;
    assert_eq!(rule(server.owner().get(NOTES).expect(200).await), "auth.id in [doc.owner, doc.editor]");
    // While nobody else changes it, a manifest may go back on its own.
    let server = server.with_app(APP).await;
    assert_eq!(rule(server.owner().get(NOTES).expect(200).await), "auth.id == doc.owner");
}
