//! Spans out, as a collector sees them; the whole way with functions in it is in `functions/trace.rs`.

use basalt_testing::{CollectedSpan, Collector, Receiver, Reply, TestServer, on_both_engines};
use serde_json::json;

use super::support::{declare, make};
use crate::support::{define_open, documents};

on_both_engines! {
    a_write_and_the_webhook_that_it_causes_are_one_trace,
    only_a_share_of_the_requests_begins_a_trace,
    a_collector_that_is_silent_holds_nobody_up,
    what_waits_is_sent_at_the_end,
}

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// The same engine, with a collector.
async fn with_collector(server: &TestServer, ratio: f64) -> (TestServer, Collector) {
    let collector = Collector::start().await;
    let url = collector.url();
    let traced = TestServer::start_configured(server.engine(), |settings| {
        settings.otlp.url = Some(url);
        settings.otlp.sample_ratio = ratio;
    });
    (traced.await, collector)
}

async fn a_write_and_the_webhook_that_it_causes_are_one_trace(server: TestServer) {
    let (server, collector) = with_collector(&server, 1.0).await;
    define_open(&server).await;
    let receiver = Receiver::start().await;
    receiver.answers(|_| Reply::status(503));
    declare(&server, "crm", &json!({"url": receiver.url("/"), "events": "collection == 'open'"})).await;
    let call = server.visitor().post(&documents("open")).header("traceparent", SENT);
    call.json(&json!({"id": "secret-id"})).expect(201).await;
    let heard = receiver.next().await;
    let has = |spans: &[CollectedSpan], name: &str| spans.iter().any(|span| span.name == name);
    let spans = collector.trace(TRACE, |spans| has(spans, "trigger webhook/crm")).await;
    let one = |name: &str| spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("{name}: {spans:#?}"));
    let request = one("POST /v1/collections/{collection}/documents");
    assert_eq!((request.kind, request.parent.as_deref()), ("server", Some("00f067aa0ba902b7")));
    assert_eq!(request.attributes["http.response.status_code"], 201);
    assert_eq!(request.attributes["http.route"], "/v1/collections/{collection}/documents");
    let write = one("write open");
    assert_eq!((write.kind, write.parent.as_ref()), ("internal", Some(&request.id)));
    assert_eq!(
        (&write.attributes["basalt.rule"], &write.attributes["basalt.operations"]),
        (&json!("asked"), &json!(1))
    );
    let trigger = one("trigger webhook/crm");
    assert_eq!((trigger.kind, trigger.parent.as_ref()), ("consumer", Some(&write.id)));
    let webhook = one("webhook crm");
    assert_eq!((webhook.kind, webhook.parent.as_ref()), ("client", Some(&trigger.id)));
    assert_eq!(webhook.attributes["http.response.status_code"], 503);
    assert!(webhook.error.as_ref().is_some_and(|error| error.contains("503")), "{webhook:?}");
    assert_eq!(heard.header("traceparent"), Some(format!("00-{TRACE}-{}-01", webhook.id).as_str()));
    assert_eq!(webhook.resource["service.name"], "basalt");
    assert!(!format!("{spans:?}").contains("secret-id"));
}

async fn only_a_share_of_the_requests_begins_a_trace(server: TestServer) {
    let (server, collector) = with_collector(&server, 0.0).await;
    define_open(&server).await;
    make(&server, "a").await;
    let call = server.visitor().get(&documents("open")).header("traceparent", SENT);
    call.expect(200).await;
    let spans = collector.until(|spans| !spans.is_empty()).await;
    let name = "GET /v1/collections/{collection}/documents";
    assert!(spans.iter().all(|span| span.trace == TRACE && span.name == name), "{spans:#?}");
}

async fn a_collector_that_is_silent_holds_nobody_up(server: TestServer) {
    let (server, collector) = with_collector(&server, 1.0).await;
    collector.receiver().answers(|_| Reply::Silence);
    define_open(&server).await;
    for n in 0..50 {
        make(&server, &format!("d{n}")).await;
    }
    assert_eq!(server.service().get(&documents("open")).expect(200).await.items().len(), 30);
}

async fn what_waits_is_sent_at_the_end(server: TestServer) {
    let (server, collector) = with_collector(&server, 1.0).await;
    server.visitor().get("/health/live").header("traceparent", SENT).expect(200).await;
    server.stop().await;
    let spans = collector.trace(TRACE, |spans| !spans.is_empty()).await;
    assert_eq!(spans[0].name, "GET /health/live");
}
