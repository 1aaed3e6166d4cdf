use basalt_testing::{TestServer, on_both_engines};

use super::{DEPLOY, archive};

on_both_engines! {
    an_app_is_deployed_by_owners_and_services_alone,
    what_was_deployed_is_shown_to_operators_page_by_page,
}

async fn an_app_is_deployed_by_owners_and_services_alone(server: TestServer) {
    let app = archive(&[("app.toml", "[collections.notes]\n")]);
    let deploy = |client: &basalt_testing::Client| client.post(DEPLOY).body("application/zip", app.clone());
    deploy(&server.visitor()).problem(401, "unauthenticated").await;
    deploy(&*server.user("ann").await).expect(403).await;
    deploy(&server.key(&["documents:write"]).await).problem(403, "scope_missing").await;
    deploy(&server.operator("editor").await).problem(403, "operator_role_missing").await;
    server.owner().get("/v1/admin/collections/notes").problem(404, "collection_not_found").await;
    deploy(&server.key(&["admin"]).await).expect(200).await;
    server.owner().get("/v1/admin/collections/notes").expect(200).await;
}

async fn what_was_deployed_is_shown_to_operators_page_by_page(server: TestServer) {
    const DEPLOYMENTS: &str = "/v1/admin/deployments";
    server.visitor().get(DEPLOYMENTS).problem(401, "unauthenticated").await;
    server.user("ann").await.get(DEPLOYMENTS).expect(403).await;
    for name in ["a", "b", "c"] {
        super::deployed(&server, &format!("[collections.{name}]\n")).await;
        server.clock().advance(std::time::Duration::from_secs(1));
    }
    let viewer = server.operator("viewer").await;
    let first = viewer.get(&format!("{DEPLOYMENTS}?limit=2")).expect(200).await;
    let named = |answer: &basalt_testing::Answer| -> Vec<serde_json::Value> {
        answer.items().iter().map(|item| item["plan"]["collections"].as_array().unwrap().len().into()).collect()
    };
    assert_eq!(named(&first), [3, 2], "newest first, each with what was kept: {first}");
    let cursor = first.text_at("/nextCursor");
    let rest = viewer.get(&format!("{DEPLOYMENTS}?cursor={cursor}")).expect(200).await;
    assert_eq!(named(&rest), [1]);
    viewer.get(&format!("{DEPLOYMENTS}?limit=0")).problem(400, "bad_parameter").await;
    viewer.get(&format!("{DEPLOYMENTS}?cursor=x")).problem(400, "bad_cursor").await;
}
