use std::time::Duration;

use basalt_testing::{Receiver, Reply, TestServer, on_both_engines};
use serde_json::{Value, json};

use super::support::{crm, declare, eventually, make, shown, tries, until, webhook};
use crate::support::define_open;

on_both_engines! {
    what_fails_is_tried_again_under_the_same_id,
    a_receiver_that_asks_for_time_gets_it,
    a_receiver_that_is_gone_is_asked_no_more,
    a_redirect_is_not_followed,
    a_slow_receiver_holds_nobody_up,
    a_receiver_that_is_down_is_told_of,
    one_that_only_fails_for_days_is_switched_off,
    what_was_not_taken_is_a_dead_letter,
}

async fn what_fails_is_tried_again_under_the_same_id(server: TestServer) {
    let (receiver, _) = crm(&server, json!({})).await;
    receiver.answers(|heard| Reply::status(if heard.json()["attempt"] == 1 { 500 } else { 204 }));
    make(&server, "a").await;
    let first = receiver.next().await;
    tries(&server, "crm", 1).await;
    // The pause begins a moment after the try is written down: time goes on until it is over.
    let second = loop {
        server.clock().advance(Duration::from_secs(10));
        if let Ok(heard) = tokio::time::timeout(Duration::from_secs(1), receiver.next()).await {
            break heard;
        }
    };
    assert_eq!(first.header("webhook-id"), second.header("webhook-id"));
    assert_ne!(first.header("webhook-timestamp"), second.header("webhook-timestamp"));
    assert_ne!(first.header("webhook-signature"), second.header("webhook-signature"));
    assert_eq!(second.json()["attempt"], 2);
    let tries = tries(&server, "crm", 2).await;
    let came_to = |n: usize, name: &str| tries[n][name].clone();
    assert_eq!((came_to(0, "outcome"), came_to(0, "attempt")), (json!("delivered"), json!(2)));
    assert_eq!((came_to(1, "outcome"), came_to(1, "attempt")), (json!("failed"), json!(1)));
    assert_eq!(tries[1]["response"]["status"], 500);
    let well = until(&server, "crm", |shown| shown["failingSince"].is_null()).await;
    assert_eq!(well["disabledReason"], Value::Null);
}

async fn a_receiver_that_asks_for_time_gets_it(server: TestServer) {
    let (receiver, _) = crm(&server, json!({})).await;
    receiver.answers(|heard| {
        let first = heard.json()["attempt"] == 1 && heard.header("ce-subject") == Some("a");
        if first { Reply::with(429, &[("Retry-After", "600")], "slowly") } else { Reply::status(204) }
    });
    make(&server, "a").await;
    receiver.next().await;
    tries(&server, "crm", 1).await;
    // The usual pause is long over; what comes now is another event.
    server.clock().advance(Duration::from_mins(5));
    make(&server, "b").await;
    assert_eq!(receiver.next().await.header("ce-subject"), Some("b"));
    server.clock().advance(Duration::from_mins(6));
    assert_eq!(receiver.next().await.header("ce-subject"), Some("a"));
}

async fn a_receiver_that_is_gone_is_asked_no_more(server: TestServer) {
    let (receiver, _) = crm(&server, json!({})).await;
    receiver.answers(|_| Reply::status(410));
    make(&server, "a").await;
    receiver.next().await;
    let off = until(&server, "crm", |shown| !shown["disabledReason"].is_null()).await;
    assert!(off["disabledReason"].as_str().unwrap().contains("410"), "{off}");
    assert!(off["disabledAt"].is_string() && off["enabled"] == true, "{off}");
    make(&server, "b").await;
    // Switched on again, it gets what happens from then on.
    receiver.answers(|_| Reply::status(204));
    let definition = json!({"url": receiver.url("/hook"), "events": "collection == 'open'"});
    let on = server.service().put(&webhook("crm", "")).json(&definition).expect(200).await;
    assert_eq!((on.at("/disabledReason"), on.at("/failingSince")), (Value::Null, Value::Null));
    make(&server, "c").await;
    eventually("the event after", || async {
        let heard = receiver.next().await;
        Some(()).filter(|()| heard.header("ce-subject") == Some("c"))
    })
    .await;
    let told = server.service().get("/v1/admin/audit").expect(200).await.column("action");
    assert!(told.contains(&json!("webhooks.disable")), "{told:?}");
}

async fn a_redirect_is_not_followed(server: TestServer) {
    let (receiver, _) = crm(&server, json!({})).await;
    let elsewhere = Receiver::start().await;
    let to = elsewhere.url("/stolen");
    receiver.answers(move |_| Reply::with(307, &[("Location", &to)], ""));
    make(&server, "a").await;
    let tries = tries(&server, "crm", 1).await;
    assert_eq!((&tries[0]["outcome"], &tries[0]["response"]["status"]), (&json!("failed"), &json!(307)));
    assert_eq!(elsewhere.count(), 0);
}

async fn a_slow_receiver_holds_nobody_up(server: TestServer) {
    define_open(&server).await;
    let (slow, quick) = (Receiver::start().await, Receiver::start().await);
    slow.answers(|_| Reply::Silence);
    declare(&server, "slow", &json!({"url": slow.url("/"), "timeout": "2s"})).await;
    declare(&server, "quick", &json!({"url": quick.url("/")})).await;
    for n in 0..20 {
        make(&server, &format!("d{n}")).await;
    }
    for _ in 0..20 {
        quick.next().await;
    }
    let tries = tries(&server, "slow", 1).await;
    assert_eq!(tries[0]["outcome"], "failed");
    assert!(tries[0]["error"].as_str().unwrap().starts_with("timeout"), "{}", tries[0]);
}

async fn a_receiver_that_is_down_is_told_of(server: TestServer) {
    let gone = Receiver::start().await.url("/");
    declare(&server, "down", &json!({"url": gone})).await;
    let tried = server.service().post(&webhook("down", "/test")).expect(200).await;
    assert_eq!((tried.at("/outcome"), tried.at("/response")), (json!("failed"), Value::Null));
    assert!(tried.text_at("/error").starts_with("unreachable"), "{tried}");
}

async fn one_that_only_fails_for_days_is_switched_off(server: TestServer) {
    let (receiver, _) = crm(&server, json!({"retries": 0})).await;
    receiver.answers(|_| Reply::status(500));
    make(&server, "a").await;
    let failing = until(&server, "crm", |shown| !shown["failingSince"].is_null()).await;
    assert_eq!(failing["disabledReason"], Value::Null);
    // One success, and the days are counted anew.
    server.clock().advance(Duration::from_hours(5 * 24));
    receiver.answers(|_| Reply::status(200));
    make(&server, "b").await;
    until(&server, "crm", |shown| shown["failingSince"].is_null()).await;
    receiver.answers(|_| Reply::status(500));
    make(&server, "c").await;
    until(&server, "crm", |shown| !shown["failingSince"].is_null()).await;
    server.clock().advance(Duration::from_hours(4 * 24));
    make(&server, "d").await;
    tries(&server, "crm", 4).await;
    assert_eq!(shown(&server, "crm").await["disabledReason"], Value::Null, "not yet");
    server.clock().advance(Duration::from_hours(25));
    make(&server, "e").await;
    let off = until(&server, "crm", |shown| !shown["disabledReason"].is_null()).await;
    assert_eq!(off["disabledReason"], "Every try has failed for 5 days.");
}

async fn what_was_not_taken_is_a_dead_letter(server: TestServer) {
    let (receiver, _) = crm(&server, json!({"retries": 0})).await;
    receiver.answers(|_| Reply::with(400, &[], "no"));
    make(&server, "a").await;
    let id = receiver.next().await.header("webhook-id").unwrap().to_owned();
    let letter = eventually("a dead letter", || async {
        server.service().get("/v1/admin/deadletters").expect(200).await.items().into_iter().next()
    })
    .await;
    assert_eq!(letter["target"], json!({"kind": "webhook", "name": "crm"}));
    assert_eq!(letter["event"]["id"], json!(id));
    // Given again, it arrives under the same id.
    receiver.answers(|_| Reply::status(204));
    let path = format!("/v1/admin/deadletters/{}/replay", letter["id"].as_str().unwrap());
    let answer = server.service().post(&path).send().await;
    assert!((200..300).contains(&answer.status), "{answer}");
    assert_eq!(receiver.next().await.header("webhook-id"), Some(id.as_str()));
}
