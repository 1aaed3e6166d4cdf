//! Functions that tests deploy, and waiting for what they do.

use std::future::Future;
use std::time::Duration;

pub(crate) use basalt_testing::eventually;
pub(crate) use basalt_testing::functions::{IMPORTS, call, files, invoke, module};
use basalt_testing::{Answer, TestServer};
use serde_json::{Value, json};

/// `/v1/functions/{name}`
pub(crate) fn function(name: &str) -> String {
    format!("/v1/functions/{name}")
}

/// `/v1/admin/functions/{rest}`
pub(crate) fn admin(rest: &str) -> String {
    format!("/v1/admin/functions/{rest}")
}

/// Deploys a body as the owner; hands back the answer, whatever it is.
pub(crate) async fn try_deploy(server: &TestServer, body: &Value) -> Answer {
    server.owner().post(&admin("deploy")).json(body).send().await
}

/// Deploys one module as the owner, and fails the test when it isn't applied.
pub(crate) async fn deploy(server: &TestServer, source: &str) -> Answer {
    basalt_testing::functions::deploy(server.owner(), source).await
}

/// Asks again and again while the server's clock goes on: by leaps, with time between them for what is under way to end.
pub(crate) async fn as_time_passes<T, F>(
    server: &TestServer,
    leap: Duration,
    what: &str,
    mut look: impl FnMut() -> F,
) -> T
where
    F: Future<Output = Option<T>>,
{
    let mut looks = 0_u32;
    eventually(what, || {
        looks += 1;
        if looks.is_multiple_of(40) {
            server.clock().advance(leap);
        }
        look()
    })
    .await
}

/// Waits until a collection has so many documents and hands them back, oldest first.
pub(crate) async fn collected(server: &TestServer, collection: &str, count: usize) -> Vec<Value> {
    let path = crate::support::documents(collection);
    eventually(&format!("{count} documents of {collection}"), || async {
        let answer = server.service().get(&path).query(&[("sort", "createdAt,id"), ("limit", "500")]).expect(200).await;
        Some(answer.items()).filter(|items| items.len() >= count)
    })
    .await
}

/// A collection that functions write to as the service, and nobody else.
pub(crate) async fn define_closed(server: &TestServer, collection: &str) {
    server.define(collection, &json!({})).await;
}

/// The invocation records of a function, newest first, once there are so many.
pub(crate) async fn invocations(server: &TestServer, function: &str, count: usize) -> Vec<Value> {
    eventually(&format!("{count} invocations of {function}"), || async {
        let answer = server.owner().get("/v1/admin/invocations").query(&[("function", function)]).expect(200).await;
        Some(answer.items()).filter(|items| items.len() >= count)
    })
    .await
}

/// The lines that a function has logged, oldest first, once there are so many.
pub(crate) async fn logs(server: &TestServer, function: &str, count: usize) -> Vec<Value> {
    eventually(&format!("{count} lines of {function}"), || async {
        let answer = server.owner().get("/v1/admin/logs").query(&[("function", function)]).expect(200).await;
        Some(answer.items()).filter(|items| items.len() >= count)
    })
    .await
}
