use basalt_testing::{TestServer, on_both_engines};

use super::deployed;

on_both_engines! {
    a_start_with_an_older_folder_leaves_what_was_deployed_after_it,
    a_start_applies_the_whole_folder,
}

fn hook(path: &str) -> String {
    format!("[webhooks.crm]\nurl = \"https://crm.example.com/{path}\"\n")
}

async fn url(server: &TestServer) -> String {
    server.owner().get("/v1/admin/webhooks/crm").expect(200).await.text_at("/url")
}

async fn a_start_applies_the_whole_folder(server: TestServer) {
    let app = format!("{}[schedules.nightly]\ncron = \"0 3 * * *\"\nfunction = \"cleanup\"\n", hook("one"));
    let server = server.with_app(&app).await;
    assert_eq!(url(&server).await, "https://crm.example.com/one");
    server.owner().get("/v1/admin/schedules/nightly").expect(200).await;
    let listed = server.owner().get("/v1/admin/deployments").expect(200).await;
    assert_eq!((listed.items().len(), listed.at("/items/0/from")), (1, "start".into()), "{listed}");
    let server = server.with_app(&app).await;
    assert_eq!(server.owner().get("/v1/admin/deployments").expect(200).await.items().len(), 1);
}

async fn a_start_with_an_older_folder_leaves_what_was_deployed_after_it(server: TestServer) {
    let server = server.with_app(&hook("one")).await;
    deployed(&server, &hook("two")).await;
    let server = server.with_app(&hook("one")).await;
    assert_eq!(url(&server).await, "https://crm.example.com/two");
    let server = server.with_app(&hook("three")).await;
    assert_eq!(url(&server).await, "https://crm.example.com/three", "a folder with something new is newer");
}
