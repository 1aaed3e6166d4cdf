//! One trace from a request to the last thing that it caused: hook, write, trigger, function, webhook; as a collector sees it.

use basalt_testing::{CollectedSpan, Collector, Engine, Receiver, TestServer};
use serde_json::{Value, json};

use super::support::{define_closed, deploy, invocations, logs};
use crate::support::{define_open, documents};

/// What the client sends: a trace that began before it came to us.
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

const SOURCE: &str = r#"
    export const stamp = beforeDocument("open", async (change: any, ctx) => { ctx.log.info("asked"); return { ...change.next, stamped: true }; });
    export const copy = onDocument("open", { on: ["create"] }, async (event: any, ctx) => {
        ctx.log.info("copying");
        await ctx.asService().db.collection("copies").create({ of: event.doc.id, traceparent: ctx.traceparent });
        await ctx.asService().functions.invoke("inner", {});
    });
    export const inner = callable(async (_: unknown, ctx) => { ctx.log.info("within"); });
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_sqlite() {
    one_trace_leads_from_the_request_to_the_webhook(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgres() {
    one_trace_leads_from_the_request_to_the_webhook(Engine::Postgres).await;
}

async fn one_trace_leads_from_the_request_to_the_webhook(engine: Engine) {
    let (collector, receiver) = (Collector::start().await, Receiver::start().await);
    let url = collector.url();
    let server = TestServer::start_configured(engine, |settings| settings.otlp.url = Some(url)).await;
    define_open(&server).await;
    define_closed(&server, "copies").await;
    deploy(&server, SOURCE).await;
    let hook = json!({"name": "crm", "url": receiver.url("/hook"), "events": "collection == 'copies'"});
    let answer = server.owner().post("/v1/admin/webhooks").json(&hook).send().await;
    assert!([200, 201].contains(&answer.status), "{answer}");

    let sent = server.visitor().post(&documents("open")).header("traceparent", &format!("00-{TRACE}-{SPAN}-01"));
    let made = sent.json(&json!({"id": "quince"})).expect(201).await;
    assert_eq!(made.at("/stamped"), true, "{made}");
    let delivered = receiver.next().await;
    let parent = delivered.header("traceparent").unwrap_or_default().to_owned();
    assert!(parent.contains(TRACE), "the webhook goes on with the trace: {parent}");

    let wanted = [
        "POST /v1/collections/{collection}/documents",
        "before stamp",
        "write open",
        "trigger function/copy",
        "function copy",
        "write copies",
        "function inner",
        "trigger webhook/crm",
        "webhook crm",
    ];
    let has = |spans: &[CollectedSpan], name: &str| spans.iter().any(|span| span.name == name);
    let spans = collector.trace(TRACE, |spans| wanted.iter().all(|name| has(spans, name))).await;
    let one = |name: &str| {
        let found: Vec<&CollectedSpan> = spans.iter().filter(|span| span.name == name).collect();
        assert_eq!(found.len(), 1, "{name}: {spans:#?}");
        found[0]
    };
    let [request, hook, write, trigger, function, copies, inner, second, webhook] = wanted.map(one);
    assert_eq!((request.kind, request.parent.as_deref()), ("server", Some(SPAN)));
    // A rule was asked, a hook was, and then it was written.
    assert_eq!((hook.kind, hook.parent.as_deref()), ("internal", Some(request.id.as_str())), "{spans:#?}");
    assert_eq!((write.kind, write.parent.as_deref()), ("internal", Some(request.id.as_str())));
    assert_eq!(write.attributes["basalt.rule"], "asked", "{write:?}");
    // What follows lies below the write that it follows from.
    assert_eq!((trigger.kind, trigger.parent.as_deref()), ("consumer", Some(write.id.as_str())), "{spans:#?}");
    assert_eq!(function.parent.as_deref(), Some(trigger.id.as_str()), "{spans:#?}");
    assert_eq!(copies.parent.as_deref(), Some(function.id.as_str()), "{spans:#?}");
    assert_eq!(copies.attributes["basalt.rule"], "passed over", "{copies:?}");
    assert_eq!(inner.parent.as_deref(), Some(function.id.as_str()), "{spans:#?}");
    assert_eq!(second.parent.as_deref(), Some(copies.id.as_str()), "{spans:#?}");
    assert_eq!((webhook.kind, webhook.parent.as_deref()), ("client", Some(second.id.as_str())), "{spans:#?}");
    assert!(parent.contains(&webhook.id), "the receiver goes on below the delivery: {parent}");
    assert_eq!(function.attributes["basalt.function"], "copy");
    for span in &spans {
        assert_eq!(span.error, None, "{span:?}");
        assert!(span.resource["service.name"].is_string(), "{span:?}");
        assert!(
            !format!("{:?}", span.attributes).contains("quince"),
            "what is in documents is nobody's to trace: {span:?}"
        );
    }

    // The records and the log lead there, too.
    let record = &invocations(&server, "copy", 1).await[0];
    assert_eq!((&record["trace"], &record["outcome"]), (&json!(TRACE), &json!("succeeded")), "{record}");
    assert!(record["durationMs"].as_f64().is_some_and(|millis| millis > 0.0), "{record}");
    for function in ["stamp", "copy", "inner"] {
        assert_eq!(logs(&server, function, 1).await[0]["trace"], TRACE, "{function}");
    }
    let of_trace = server.owner().get(&format!("/v1/admin/invocations?trace={TRACE}")).expect(200).await;
    assert_eq!(of_trace.items().len(), 3, "{of_trace}");
    let copy = &super::support::collected(&server, "copies", 1).await[0];
    assert!(copy["traceparent"].as_str().is_some_and(|text| text.contains(&function.id)), "{copy}");
    assert_eq!(receiver.count(), 1);
    assert_eq!(delivered.json()["doc"]["of"], Value::from("quince"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_want_to_be_traced_is_not() {
    let collector = Collector::start().await;
    let url = collector.url();
    let server = TestServer::start_configured(Engine::Sqlite, |settings| settings.otlp.url = Some(url)).await;
    define_open(&server).await;
    let call = server.visitor().post(&documents("open"));
    call.header("traceparent", &format!("00-{TRACE}-{SPAN}-00")).json(&json!({})).expect(201).await;
    // One that is no trace at all begins one of its own.
    let call = server.visitor().post(&documents("open")).header("traceparent", "nonsense");
    call.json(&json!({})).expect(201).await;
    let name = "POST /v1/collections/{collection}/documents";
    let spans = collector.until(|spans| spans.iter().any(|span| span.name == name)).await;
    assert!(spans.iter().all(|span| span.trace != TRACE), "{spans:#?}");
}
