//! Times are texts; those that the schema declares are kept as UTC milliseconds, hence ordered.

use basalt_testing::{TestServer, on_both_engines};
use serde_json::json;

use crate::support::{create, documents};

on_both_engines! {
    declared_times_are_kept_in_utc,
    what_is_no_time_is_refused_where_one_is_declared,
    filters_compare_declared_times_as_times,
    a_rule_may_ask_for_the_time_of_the_request,
}

async fn define(server: &TestServer) {
    let definition = json!({
        "schema": {
            "type": "object",
            "properties": {
                "at": {"type": "string", "format": "date-time"},
                "nested": {"type": "object", "properties": {"at": {"type": "string", "format": "date-time"}}},
            },
        },
        "indexes": [{"fields": ["at"]}],
        "rules": {"read": "timestamp(doc.at) > request.time", "create": "timestamp(next.at) > request.time"},
    });
    server.define("events", &definition).await;
}

async fn declared_times_are_kept_in_utc(server: TestServer) {
    define(&server).await;
    for (sent, kept) in [
        ("2026-11-22T08:00:00Z", "2026-11-22T08:00:00.000Z"),
        ("2026-11-22T16:00:00.123456+08:00", "2026-11-22T08:00:00.123Z"),
        ("2026-11-21t23:30:00-08:30", "2026-11-22T08:00:00.000Z"),
    ] {
        let made = create(server.service(), "events", json!({"at": sent, "nested": {"at": sent}, "other": sent})).await;
        assert_eq!(made["at"], kept, "{sent}");
        assert_eq!(made["nested"]["at"], kept, "{sent}");
        assert_eq!(made["other"], sent, "what isn't declared stays as it is");
    }
}

async fn what_is_no_time_is_refused_where_one_is_declared(server: TestServer) {
    define(&server).await;
    for bad in ["", "yesterday", "2026-11-22", "2026-13-22T08:00:00Z", "2026-11-22T08:00:00", "20261122T080000Z"] {
        let call = server.service().post(&documents("events")).json(&json!({"at": bad}));
        let answer = call.problem(422, "schema_violation").await;
        assert_eq!(answer.at("/errors/0/path"), "/at", "{answer}");
    }
}

async fn filters_compare_declared_times_as_times(server: TestServer) {
    define(&server).await;
    for (id, at) in [("a", "2026-11-22T09:00:00+02:00"), ("b", "2026-11-22T08:00:00Z"), ("c", "2027-01-01T00:00:00Z")] {
        create(server.service(), "events", json!({"id": id, "at": at, "loose": at})).await;
    }
    let ask = |filter: &str| server.service().get(&documents("events")).query(&[("filter", filter), ("sort", "at")]);
    let found = ask("timestamp(doc.at) < timestamp('2026-11-22T07:30:00Z')").expect(200).await;
    assert_eq!(found.column("id"), ["a"]);
    let found = ask("timestamp(doc.at) >= timestamp('2026-11-22T09:00:00+01:00')").expect(200).await;
    assert_eq!(found.column("id"), ["b", "c"]);
    let found = ask("timestamp(doc.createdAt) > timestamp('2020-01-01T00:00:00Z')").expect(200).await;
    assert_eq!(found.column("id"), ["a", "b", "c"]);
    ask("timestamp(doc.loose) > timestamp('2020-01-01T00:00:00Z')").problem(400, "bad_filter").await;
}

async fn a_rule_may_ask_for_the_time_of_the_request(server: TestServer) {
    define(&server).await;
    let ann = server.user("ann").await;
    let past = json!({"at": "2026-11-22T07:00:00Z"});
    ann.post(&documents("events")).json(&past).problem(403, "rule_denied").await;
    create(&ann, "events", json!({"id": "soon", "at": "2026-11-22T08:10:00Z"})).await;
    create(&ann, "events", json!({"id": "later", "at": "2026-11-22T08:12:00Z"})).await;
    assert_eq!(ann.get(&documents("events")).expect(200).await.items().len(), 2);
    server.clock().advance(std::time::Duration::from_mins(11));
    assert_eq!(ann.get(&documents("events")).expect(200).await.column("id"), ["later"]);
    ann.get(&crate::support::document("events", "soon")).problem(404, "document_not_found").await;
}
