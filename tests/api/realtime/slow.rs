//! Clients that don't read.

use basalt_testing::{TestServer, on_both_engines};
use serde_json::{Value, json};

use crate::support::{define_open, query};

on_both_engines!(a_client_that_reads_too_slowly_begins_anew);

async fn a_client_that_reads_too_slowly_begins_anew(server: TestServer) {
    define_open(&server).await;
    let service = server.service();
    let mut slow = server.visitor().socket().await;
    let mut quick = server.visitor().socket().await;
    let subscription = json!({"id": "s", "collection": "open", "sort": "-n", "limit": 5});
    let mut list = slow.subscribe(subscription.clone()).await;
    let mut other = quick.subscribe(subscription).await;
    // More than the queue and all buffers of the way hold: nothing is read meanwhile.
    let text = "x".repeat(100_000);
    for n in 0..200 {
        let data = json!({"n": n, "text": text});
        service.put("/v1/collections/open/documents/one").json(&data).send().await;
        while other.docs.first().is_none_or(|doc| doc["n"] != n) {
            other.apply(&quick.next().await);
        }
    }
    let wanted = service.post(&query("open")).json(&json!({"sort": "-n", "limit": 5})).expect(200).await.items();
    let mut resynced = false;
    while list.docs != wanted {
        let frame = slow.next().await;
        resynced |= frame["type"] == "resync";
        list.apply(&frame);
    }
    assert!(resynced, "20 MB were kept for a client that doesn't read");
    // From there on all is as ever.
    service.put("/v1/collections/open/documents/two").json(&json!({"n": 999})).expect(201).await;
    while list.docs.first().is_none_or(|doc: &Value| doc["n"] != 999) {
        list.apply(&slow.next().await);
    }
}
