use std::time::Duration;

use basalt_testing::{TestServer, on_both_engines};
use serde_json::json;

use super::support::{crm, make, shown, signed_by, webhook};

on_both_engines! {
    both_secrets_sign_until_the_overlap_ends,
    a_secret_that_leaked_signs_no_more_at_once,
    a_secret_of_ones_own_is_taken,
}

const OWN: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

async fn both_secrets_sign_until_the_overlap_ends(server: TestServer) {
    let (receiver, old) = crm(&server, json!({})).await;
    let rotated = server.service().post(&webhook("crm", "/rotate")).expect(200).await;
    let new = rotated.text_at("/secret");
    assert_ne!(old, new);
    make(&server, "a").await;
    let heard = receiver.next().await;
    assert_eq!((signed_by(&heard, &old), signed_by(&heard, &new)), (1, 1));
    let told = shown(&server, "crm").await;
    assert_eq!(told["overlapUntil"], rotated.at("/overlapUntil"));
    assert!(!told.to_string().contains("whsec_"), "it is shown once");
    server.clock().advance(Duration::from_hours(25));
    make(&server, "b").await;
    let heard = receiver.next().await;
    assert_eq!((signed_by(&heard, &old), signed_by(&heard, &new)), (0, 1));
    let told = server.service().get("/v1/admin/audit").expect(200).await;
    assert_eq!(told.column("action")[0], "webhooks.rotate");
    assert!(!told.text().contains("whsec_"));
}

async fn a_secret_that_leaked_signs_no_more_at_once(server: TestServer) {
    let (receiver, old) = crm(&server, json!({})).await;
    let body = json!({"overlap": "0s"});
    let new = server.service().post(&webhook("crm", "/rotate")).json(&body).expect(200).await.text_at("/secret");
    make(&server, "a").await;
    let heard = receiver.next().await;
    assert_eq!((signed_by(&heard, &old), signed_by(&heard, &new)), (0, 1));
    for bad in [json!({"overlap": "60d"}), json!({"overlap": "soon"}), json!({"secret": "hunter2"})] {
        server.service().post(&webhook("crm", "/rotate")).json(&bad).problem(400, "bad_request").await;
    }
    server.service().post(&webhook("crm", "/rotate")).json(&json!({"x": 1})).problem(400, "unknown_field").await;
}

async fn a_secret_of_ones_own_is_taken(server: TestServer) {
    let (receiver, first) = crm(&server, json!({"secret": OWN})).await;
    assert_eq!(first, OWN);
    make(&server, "a").await;
    assert_eq!(signed_by(&receiver.next().await, OWN), 1);
    // Said again it is the same; left out it stays.
    let before = shown(&server, "crm").await;
    for definition in [json!({"secret": OWN}), json!({})] {
        let mut body = json!({"url": receiver.url("/hook"), "events": "collection == 'open'"});
        body.as_object_mut().unwrap().extend(definition.as_object().cloned().unwrap());
        let after = server.service().put(&webhook("crm", "")).json(&body).expect(200).await.body();
        assert_eq!(after, before);
    }
    make(&server, "b").await;
    assert_eq!(signed_by(&receiver.next().await, OWN), 1);
}
