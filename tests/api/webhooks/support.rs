//! Webhooks of tests, and their receivers.

pub(crate) use basalt_testing::eventually;
use basalt_testing::{Heard, Receiver, TestServer};
use serde_json::{Value, json};
use standardwebhooks::Webhook;

pub(crate) const WEBHOOKS: &str = "/v1/admin/webhooks";

/// `/v1/admin/webhooks/{name}{rest}`
pub(crate) fn webhook(name: &str, rest: &str) -> String {
    format!("{WEBHOOKS}/{name}{rest}")
}

/// Declares a new one; hands back its secret.
pub(crate) async fn declare(server: &TestServer, name: &str, definition: &Value) -> String {
    server.service().put(&webhook(name, "")).json(definition).expect(201).await.text_at("/secret")
}

/// A receiver, and the webhook `crm` that points to it and wants everything of the collection `open`.
pub(crate) async fn crm(server: &TestServer, further: Value) -> (Receiver, String) {
    crate::support::define_open(server).await;
    let receiver = Receiver::start().await;
    let mut definition = json!({"url": receiver.url("/hook"), "events": "collection == 'open'"});
    let further = further.as_object().cloned().unwrap_or_default();
    definition.as_object_mut().unwrap().extend(further);
    let secret = declare(server, "crm", &definition).await;
    (receiver, secret)
}

/// Makes a document of `open`.
pub(crate) async fn make(server: &TestServer, id: &str) {
    let path = crate::support::documents("open");
    server.service().post(&path).json(&json!({"id": id, "n": 1})).expect(201).await;
}

pub(crate) async fn shown(server: &TestServer, name: &str) -> Value {
    server.service().get(&webhook(name, "")).expect(200).await.body()
}

/// The tries of a webhook, newest first, once there are so many.
pub(crate) async fn tries(server: &TestServer, name: &str, count: usize) -> Vec<Value> {
    eventually(&format!("{count} tries of {name}"), || async {
        let answer = server.service().get(&webhook(name, "/deliveries")).expect(200).await;
        Some(answer.items()).filter(|items| items.len() >= count)
    })
    .await
}

/// Once it is so.
pub(crate) async fn until(server: &TestServer, name: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    eventually(name, || async { Some(shown(server, name).await).filter(|shown| is_so(shown)) }).await
}

/// How many of its signatures are by this secret, as somebody else's library makes them. (It would compare the time
/// with the machine's clock, which is not the server's here.)
pub(crate) fn signed_by(heard: &Heard, secret: &str) -> usize {
    let receiver = Webhook::new(secret).unwrap();
    let seconds = heard.header("webhook-timestamp").unwrap().parse().unwrap();
    let expected = receiver.sign(heard.header("webhook-id").unwrap(), seconds, &heard.body).unwrap();
    heard.header("webhook-signature").unwrap().split(' ').filter(|signature| *signature == expected).count()
}
