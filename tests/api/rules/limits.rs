//! `limit()` in rules: a token bucket per caller.

use std::time::Duration;

use basalt_testing::{TestServer, on_both_engines};
use futures_util::future::join_all;
use serde_json::json;

use crate::support::documents;

on_both_engines! {
    each_caller_has_a_bucket_that_fills_again,
    many_at_once_take_no_more_than_there_is,
    a_refused_write_takes_no_token,
}

async fn define(server: &TestServer) {
    let rules = json!({"create": "auth.id == next.owner && limit('posts', 3, duration('1m'))"});
    server.define("posts", &json!({"rules": rules})).await;
}

async fn each_caller_has_a_bucket_that_fills_again(server: TestServer) {
    define(&server).await;
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    let post = |user: &basalt_testing::User| user.post(&documents("posts")).json(&json!({"owner": user.id}));
    for _ in 0..3 {
        post(&ann).expect(201).await;
    }
    let refused = post(&ann).problem(429, "rate_limited").await;
    let seconds: u64 = refused.header("retry-after").expect("Retry-After").parse().expect("seconds");
    assert!((1..=60).contains(&seconds), "{refused}");
    post(&bob).expect(201).await;
    server.clock().advance(Duration::from_secs(seconds + 1));
    post(&ann).expect(201).await;
}

async fn many_at_once_take_no_more_than_there_is(server: TestServer) {
    define(&server).await;
    let ann = server.user("ann").await;
    let posts = (0..20).map(|_| ann.post(&documents("posts")).json(&json!({"owner": ann.id})).send());
    let done = join_all(posts).await.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(done, 3);
}

async fn a_refused_write_takes_no_token(server: TestServer) {
    define(&server).await;
    let ann = server.user("ann").await;
    for _ in 0..10 {
        ann.post(&documents("posts")).json(&json!({"owner": "another"})).problem(403, "rule_denied").await;
    }
    for _ in 0..3 {
        ann.post(&documents("posts")).json(&json!({"owner": ann.id})).expect(201).await;
    }
}
