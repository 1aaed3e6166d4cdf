use basalt_testing::{Reply, TestServer, on_both_engines};
use serde_json::{Value, json};

use super::support::{crm, make, signed_by, tries, webhook};

on_both_engines! {
    every_try_is_kept_with_what_was_sent_and_answered,
    pages_of_tries_go_back_in_time_by_outcome,
    a_replay_keeps_the_id,
    a_sample_event_tells_at_once_what_came_of_it,
    what_is_not_there_is_not_found,
}

async fn every_try_is_kept_with_what_was_sent_and_answered(server: TestServer) {
    let (receiver, secret) = crm(&server, json!({"headers": {"Authorization": "Bearer hunter2"}})).await;
    let long = "y".repeat(40 << 10);
    receiver.answers(move |_| Reply::with(200, &[("X-Answer", "1"), ("Set-Cookie", "a=b")], &long));
    make(&server, "a").await;
    let heard = receiver.next().await;
    assert_eq!(heard.header("authorization"), Some("Bearer hunter2"));
    let tries = tries(&server, "crm", 1).await;
    let path = webhook("crm", &format!("/deliveries/{}", tries[0]["id"].as_str().unwrap()));
    let one = server.service().get(&path).expect(200).await;
    assert_eq!(one.body(), tries[0]);
    assert_eq!((one.at("/outcome"), one.at("/attempt")), (json!("delivered"), json!(1)));
    assert_eq!(one.text_at("/request/body").as_bytes(), heard.body);
    assert_eq!(one.at("/request/headers/webhook-id"), one.at("/event"));
    assert_eq!(one.at("/request/headers/authorization"), "…", "not its value");
    assert_eq!(one.at("/response/headers/x-answer"), "1");
    assert_eq!((one.text_at("/response/body").len(), one.at("/response/truncated")), (16 << 10, json!(true)));
    for hidden in ["hunter2", "webhook-signature", secret.as_str(), "set-cookie"] {
        assert!(!one.text().contains(hidden), "{hidden}");
    }
}

async fn pages_of_tries_go_back_in_time_by_outcome(server: TestServer) {
    let (receiver, _) = crm(&server, json!({"retries": 0})).await;
    receiver.answers(|heard| Reply::status(if heard.header("ce-subject") == Some("b") { 500 } else { 204 }));
    for (n, id) in ["a", "b", "c"].into_iter().enumerate() {
        make(&server, id).await;
        tries(&server, "crm", n + 1).await;
    }
    let (mut subjects, mut cursor): (Vec<Value>, Option<String>) = (Vec::new(), None);
    for _ in 0..10 {
        let mut query = vec![("limit", "1")];
        query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let page = server.service().get(&webhook("crm", "/deliveries")).query(&query).expect(200).await;
        subjects.extend(page.items().iter().map(|item| item["request"]["headers"]["ce-subject"].clone()));
        cursor = page.at("/nextCursor").as_str().map(str::to_owned);
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(subjects, ["c", "b", "a"]);
    let failed = server.service().get(&webhook("crm", "/deliveries?outcome=failed")).expect(200).await;
    assert_eq!(failed.column("outcome"), ["failed"]);
    let path = webhook("crm", "/deliveries");
    for (query, code) in [
        (("limit", "0"), "bad_parameter"),
        (("limit", "101"), "bad_parameter"),
        (("outcome", "odd"), "bad_parameter"),
        (("cursor", "odd"), "bad_cursor"),
        (("colour", "1"), "unknown_parameter"),
    ] {
        server.service().get(&path).query(&[query]).problem(400, code).await;
    }
}

async fn a_replay_keeps_the_id(server: TestServer) {
    let (receiver, secret) = crm(&server, json!({"retries": 0})).await;
    receiver.answers(|_| Reply::status(500));
    make(&server, "a").await;
    let first = receiver.next().await;
    let failed = tries(&server, "crm", 1).await.remove(0);
    receiver.answers(|_| Reply::status(204));
    let path = webhook("crm", &format!("/deliveries/{}/replay", failed["id"].as_str().unwrap()));
    let again = server.service().post(&path).expect(200).await;
    assert_eq!((again.at("/outcome"), again.at("/replayOf")), (json!("delivered"), failed["id"].clone()));
    assert_eq!((again.at("/event"), again.at("/attempt")), (failed["event"].clone(), json!(2)));
    let second = receiver.next().await;
    assert_eq!((first.header("webhook-id"), &first.body), (second.header("webhook-id"), &second.body));
    assert_eq!(signed_by(&second, &secret), 1, "by the time of this try");
    assert_eq!(tries(&server, "crm", 2).await[0], again.body());
}

async fn a_sample_event_tells_at_once_what_came_of_it(server: TestServer) {
    let (receiver, secret) = crm(&server, json!({"enabled": false})).await;
    receiver.answers(|_| Reply::with(418, &[], "a teapot"));
    let tried = server.operator("editor").await.post(&webhook("crm", "/test")).expect(200).await;
    assert_eq!((tried.at("/outcome"), tried.at("/type")), (json!("failed"), json!("basalt.webhook.test")));
    assert_eq!((tried.at("/response/status"), tried.at("/response/body")), (json!(418), json!("a teapot")));
    let heard = receiver.next().await;
    assert_eq!((heard.json()["type"].clone(), signed_by(&heard, &secret)), (json!("basalt.webhook.test"), 1));
    assert_eq!(tries(&server, "crm", 1).await[0], tried.body());
}

async fn what_is_not_there_is_not_found(server: TestServer) {
    crm(&server, json!({})).await;
    let service = server.service();
    for path in [webhook("none", ""), webhook("none", "/deliveries"), webhook("crm", "/deliveries/none")] {
        let code =
            if path.ends_with("/none") && path.contains("crm") { "delivery_not_found" } else { "webhook_not_found" };
        service.get(&path).problem(404, code).await;
    }
    service.post(&webhook("none", "/test")).problem(404, "webhook_not_found").await;
    service.post(&webhook("none", "/rotate")).problem(404, "webhook_not_found").await;
    service.delete(&webhook("none", "")).problem(404, "webhook_not_found").await;
    service.post(&webhook("none", "/deliveries/x/replay")).problem(404, "webhook_not_found").await;
    service.post(&webhook("crm", "/deliveries/x/replay")).problem(404, "delivery_not_found").await;
}
