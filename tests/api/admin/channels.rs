use basalt_testing::{TestServer, on_both_engines};
use serde_json::{Value, json};

on_both_engines! {
    an_owner_declares_changes_and_closes_channels,
    who_is_no_owner_is_refused,
    a_bad_definition_is_refused_with_every_fault,
    an_app_declares_channels,
}

const CHANNELS: &str = "/v1/admin/channels";
const ROOM: &str = "/v1/admin/channels/room:%7Broom%7D";

async fn an_owner_declares_changes_and_closes_channels(server: TestServer) {
    let owner = server.owner();
    let body = json!({"rules": {"join": "auth != null", "publish": "auth != null"}});
    let made = owner.put(ROOM).json(&body).expect(200).await;
    assert_eq!((made.at("/pattern"), made.at("/rules")), (json!("room:{room}"), body["rules"].clone()));
    let same = owner.put(ROOM).json(&body).expect(200).await;
    assert_eq!(same.at("/updatedAt"), made.at("/updatedAt"), "the same content changes nothing");
    owner.put("/v1/admin/channels/news").json(&json!({})).expect(200).await;
    assert_eq!(owner.get(CHANNELS).expect(200).await.column("pattern"), ["news", "room:{room}"]);
    // The same names fit: it is the same one under other words.
    owner.put("/v1/admin/channels/room:%7Bid%7D").json(&body).expect(200).await;
    owner.get(ROOM).problem(404, "channel_not_found").await;
    owner.delete("/v1/admin/channels/room:%7Bid%7D").expect(204).await;
    owner.delete("/v1/admin/channels/room:%7Bid%7D").problem(404, "channel_not_found").await;
    let told: Vec<Value> = owner.get("/v1/admin/audit").expect(200).await.column("action");
    assert_eq!(told[..4], ["channels.delete", "channels.put", "channels.put", "channels.put"]);
}

async fn who_is_no_owner_is_refused(server: TestServer) {
    server.owner().put(ROOM).json(&json!({})).expect(200).await;
    let (ann, key) = (server.user("ann").await, server.key(&["channels:write"]).await);
    for (client, status) in [(&server.visitor(), 401), (&*ann, 403), (&key, 403)] {
        for answer in [
            client.get(CHANNELS).send().await,
            client.get(ROOM).send().await,
            client.put(ROOM).json(&json!({})).send().await,
            client.delete(ROOM).send().await,
        ] {
            assert_eq!(answer.status, status, "{answer}");
            answer.assert_is_problem();
        }
    }
    let editor = server.operator("editor").await;
    editor.get(ROOM).expect(200).await;
    editor.put(ROOM).json(&json!({})).problem(403, "operator_role_missing").await;
}

async fn a_bad_definition_is_refused_with_every_fault(server: TestServer) {
    let body = json!({"rules": {"join": "event == 'x'", "publish": "event =", "leave": "true"}, "colour": 1});
    let answer = server.owner().put(ROOM).json(&body).problem(422, "invalid_definition").await;
    let mut paths: Vec<String> =
        answer.at("/errors").as_array().unwrap().iter().map(|fault| fault["path"].as_str().unwrap().into()).collect();
    paths.sort();
    assert_eq!(paths, ["/colour", "/rules/join", "/rules/leave", "/rules/publish"]);
    server.owner().put("/v1/admin/channels/%7B1%7D").json(&json!({})).problem(400, "bad_request").await;
}

async fn an_app_declares_channels(server: TestServer) {
    let manifest = "[channels.\"room:{room}\".rules]\njoin = \"params.room == 'a'\"\npublish = \"true\"\n";
    let server = server.with_app(manifest).await;
    assert_eq!(server.owner().get(ROOM).expect(200).await.at("/rules/publish"), "true");
    server.visitor().get("/v1/channels/room:a/presence").expect(200).await;
    server.visitor().get("/v1/channels/room:b/presence").problem(401, "unauthenticated").await;
    // What an operator changed afterwards stays, as long as the app says the same.
    server.owner().put(ROOM).json(&json!({"rules": {"publish": "false"}})).expect(200).await;
    let server = server.with_app(manifest).await;
    assert_eq!(server.owner().get(ROOM).expect(200).await.at("/rules/publish"), "false");
}
