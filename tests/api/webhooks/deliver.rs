use basalt_testing::{Receiver, TestServer, on_both_engines};
use serde_json::json;

use super::support::{crm, declare, make, signed_by, webhook};
use crate::support::{define_open, document, documents};

on_both_engines! {
    an_event_arrives_signed_as_a_cloud_event,
    only_what_the_condition_means_arrives,
    what_is_the_systems_never_leaves,
    a_private_address_is_not_reached,
}

async fn an_event_arrives_signed_as_a_cloud_event(server: TestServer) {
    let further = json!({"headers": {"X-Tenant": "a"}});
    let (receiver, secret) = crm(&server, further).await;
    let sent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let body = json!({"id": "n 1".replace(' ', "-"), "n": 1});
    server.service().post(&documents("open")).header("traceparent", sent).json(&body).expect(201).await;
    let heard = receiver.next().await;
    assert_eq!((heard.method.as_str(), heard.path.as_str()), ("POST", "/hook"));
    let event = heard.json();
    let header = |name: &str| heard.header(name).unwrap_or_else(|| panic!("{name} of {heard:?}"));
    assert_eq!(header("ce-specversion"), "1.0");
    assert_eq!(header("ce-type"), "basalt.document.created");
    assert_eq!(header("ce-source"), "/v1/collections/open");
    assert_eq!((header("ce-subject"), header("ce-id")), ("n-1", header("webhook-id")));
    assert_eq!((header("content-type"), header("x-tenant")), ("application/json", "a"));
    assert!(header("traceparent").starts_with(&sent[..36]), "{heard:?}");
    assert_eq!(event["id"], header("webhook-id"));
    assert_eq!((&event["op"], &event["doc"]["n"], &event["attempt"]), (&json!("create"), &json!(1), &json!(1)));
    assert_eq!(event["actor"]["type"], "service");
    assert_eq!(signed_by(&heard, &secret), 1);
    assert_eq!(signed_by(&heard, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), 0);
}

async fn only_what_the_condition_means_arrives(server: TestServer) {
    define_open(&server).await;
    let receiver = Receiver::start().await;
    let definition = json!({"url": receiver.url("/"), "events": "op == 'update' && before.n == 1 && doc.n > 1"});
    declare(&server, "crm", &definition).await;
    make(&server, "a").await;
    for n in [1, 5] {
        server.service().patch(&document("open", "a")).json(&json!({"n": n})).expect(200).await;
    }
    let event = receiver.next().await.json();
    assert_eq!((&event["op"], &event["doc"]["n"], &event["before"]["n"]), (&json!("update"), &json!(5), &json!(1)));
    assert_eq!(receiver.count(), 1);
    // Another condition holds from now on.
    let definition = json!({"url": receiver.url("/"), "events": "op == 'delete'"});
    server.service().put(&webhook("crm", "")).json(&definition).expect(200).await;
    make(&server, "b").await;
    server.service().delete(&document("open", "a")).expect(204).await;
    let event = receiver.next().await.json();
    assert_eq!((&event["op"], &event["doc"]["n"]), (&json!("delete"), &json!(5)), "as it was");
    assert_eq!(receiver.count(), 2);
}

async fn what_is_the_systems_never_leaves(server: TestServer) {
    define_open(&server).await;
    let receiver = Receiver::start().await;
    declare(&server, "all", &json!({"url": receiver.url("/")})).await;
    server.owner().post("/v1/admin/keys").json(&json!({"name": "k", "scopes": ["*"]})).expect(201).await;
    server.operator("editor").await;
    make(&server, "a").await;
    let event = receiver.next().await.json();
    assert_eq!((&event["collection"], &event["doc"]["id"]), (&json!("open"), &json!("a")));
    assert_eq!(receiver.count(), 1, "keys, sessions and the audit are nobody's business");
}

async fn a_private_address_is_not_reached(server: TestServer) {
    for url in ["http://10.0.0.1/", "http://[::1]/", "http://169.254.169.254/latest/meta-data/", "http://0xa000001/"] {
        let body = json!({"url": url});
        let path = webhook("inside", "");
        let answer = server.service().put(&path).json(&body).send().await;
        assert!([200, 201].contains(&answer.status), "{answer}");
        let tried = server.service().post(&webhook("inside", "/test")).expect(200).await;
        assert_eq!(tried.at("/outcome"), "refused", "{tried}");
        assert!(tried.text_at("/error").starts_with("address_refused"), "{tried}");
        assert_eq!(tried.at("/response"), json!(null));
    }
}
