use basalt_testing::{TestServer, on_both_engines};
use serde_json::json;

use crate::functions::support::{collected, define_closed, deploy, eventually};
use crate::support::{create, define_open, document};

on_both_engines! {
    what_was_written_before_a_stop_is_delivered_after_it,
    nobody_listens_and_nothing_is_enqueued,
}

const KEEP: &str = r#"
    export const keep = onDocument("open", { on: ["create"] }, async (event: any, ctx) => {
        await ctx.asService().db.collection("seen").put(event.doc.id, { key: ctx.idempotencyKey });
    });
"#;

async fn what_was_written_before_a_stop_is_delivered_after_it(server: TestServer) {
    define_open(&server).await;
    define_closed(&server, "seen").await;
    deploy(&server, KEEP).await;
    for n in 0..20 {
        create(&server.visitor(), "open", json!({"id": format!("a{n}")})).await;
    }
    let server = server.with_app("").await;
    for n in 0..5 {
        create(&server.visitor(), "open", json!({"id": format!("b{n}")})).await;
    }
    let seen = collected(&server, "seen", 25).await;
    assert_eq!(seen.len(), 25);
}

async fn nobody_listens_and_nothing_is_enqueued(server: TestServer) {
    define_open(&server).await;
    define_closed(&server, "seen").await;
    create(&server.visitor(), "open", json!({"id": "before"})).await;
    deploy(&server, KEEP).await;
    create(&server.visitor(), "open", json!({"id": "after"})).await;
    // Whether the reader was past the first one already is its own affair.
    eventually("the one after", || async {
        let answer = server.service().get(&document("seen", "after")).send().await;
        (answer.status == 200).then_some(())
    })
    .await;
    assert_eq!(server.rooms().triggers.follow().await.unwrap(), 0);
}
