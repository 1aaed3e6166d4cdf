mod consumers;
mod pages;
mod stream;

use basalt_testing::TestServer;
use serde_json::json;

/// Collections that services write to, and nobody else.
async fn define(server: &TestServer, names: &[&str]) {
    for name in names {
        server.define(name, &json!({})).await;
    }
}
