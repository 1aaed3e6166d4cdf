use basalt_testing::Client;
pub(super) use basalt_testing::eventually;
pub(super) use basalt_testing::functions::{all, call, deploy, invoke, module};
use serde_json::json;

pub(super) async fn define(client: &Client, collection: &str) {
    let path = format!("/v1/admin/collections/{collection}");
    let answer = client.put(&path).json(&json!({"indexes": [{"fields": ["of"]}]})).send().await;
    assert!([200, 201].contains(&answer.status), "{answer}");
}
