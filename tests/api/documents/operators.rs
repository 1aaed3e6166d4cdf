use basalt_testing::{TestServer, on_both_engines};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{create, define_open, document, get, own_data};

on_both_engines! {
    each_operator_does_what_its_name_says,
    operators_reach_into_maps,
    an_operator_that_does_not_fit_the_value_is_refused,
    a_malformed_operator_is_refused,
    parallel_increments_add_up_exactly,
    parallel_unions_lose_nothing,
    a_sum_beyond_the_integers_is_refused,
}

async fn patched(server: &TestServer, target: Value, patch: Value) -> basalt_testing::Answer {
    let made = create(server.service(), "open", target).await;
    server.service().patch(&document("open", made["id"].as_str().unwrap())).json(&patch).send().await
}

async fn each_operator_does_what_its_name_says(server: TestServer) {
    define_open(&server).await;
    for (target, patch, result) in [
        (json!({"n": 1}), json!({"n": {"$increment": 2}}), json!({"n": 3})),
        (json!({"n": 1}), json!({"n": {"$increment": -1.5}}), json!({"n": -0.5})),
        (json!({}), json!({"n": {"$increment": 2}}), json!({"n": 2})),
        (json!({"n": 1}), json!({"n": {"$max": 5}}), json!({"n": 5})),
        (json!({"n": 7}), json!({"n": {"$max": 5}}), json!({"n": 7})),
        (json!({}), json!({"n": {"$max": 5}}), json!({"n": 5})),
        (json!({"n": 7}), json!({"n": {"$min": 5}}), json!({"n": 5})),
        (json!({"t": [1, 2]}), json!({"t": {"$union": [2, 3, 3]}}), json!({"t": [1, 2, 3]})),
        (json!({}), json!({"t": {"$union": [1]}}), json!({"t": [1]})),
        (json!({"t": [1, 2, 1]}), json!({"t": {"$remove": [1]}}), json!({"t": [2]})),
        (json!({"t": [1]}), json!({"t": {"$append": [1, 2]}}), json!({"t": [1, 1, 2]})),
        (json!({}), json!({"t": {"$append": [1]}}), json!({"t": [1]})),
        (json!({"a": 1, "b": 2}), json!({"a": {"$unset": true}}), json!({"b": 2})),
        (json!({"a": 1}), json!({"a": {"$set": null}}), json!({"a": null})),
        (json!({"a": {"b": 1, "c": 2}}), json!({"a": {"$set": {"d": 3}}}), json!({"a": {"d": 3}})),
    ] {
        let answer = patched(&server, target.clone(), patch.clone()).await.expect(200);
        assert_eq!(own_data(&answer.body()), result, "{target} + {patch}");
    }
    let answer = patched(&server, json!({}), json!({"at": {"$now": true}})).await.expect(200);
    assert_eq!(answer.at("/at"), answer.at("/updatedAt"));
}

async fn operators_reach_into_maps(server: TestServer) {
    define_open(&server).await;
    let answer =
        patched(&server, json!({"a": {"n": 1, "m": 2}}), json!({"a": {"n": {"$increment": 1}}})).await.expect(200);
    assert_eq!(own_data(&answer.body()), json!({"a": {"n": 2, "m": 2}}));
    let answer = patched(&server, json!({}), json!({"a": {"b": {"n": {"$increment": 1}}}})).await.expect(200);
    assert_eq!(own_data(&answer.body()), json!({"a": {"b": {"n": 1}}}));
}

async fn an_operator_that_does_not_fit_the_value_is_refused(server: TestServer) {
    define_open(&server).await;
    for (target, patch) in [
        (json!({"n": "1"}), json!({"n": {"$increment": 1}})),
        (json!({"n": true}), json!({"n": {"$increment": 1}})),
        (json!({"t": "a"}), json!({"t": {"$union": ["a"]}})),
        (json!({"t": 1}), json!({"t": {"$append": [1]}})),
        (json!({"t": {}}), json!({"t": {"$remove": [1]}})),
    ] {
        let _ = patched(&server, target, patch).await.problem(409, "operator_type_mismatch");
    }
}

async fn a_malformed_operator_is_refused(server: TestServer) {
    define_open(&server).await;
    for patch in [
        json!({"n": {"$increment": "1"}}),
        json!({"n": {"$increment": null}}),
        json!({"n": {"$bogus": 1}}),
        json!({"n": {"$increment": 1, "$max": 2}}),
        json!({"n": {"$increment": 1, "x": 2}}),
        json!({"t": {"$union": 1}}),
        json!({"t": {"$now": 1}}),
        json!({"$increment": 1}),
    ] {
        let answer = patched(&server, json!({"n": 1, "t": []}), patch.clone()).await;
        assert_eq!(answer.status, 400, "{patch}: {answer}");
        answer.assert_is_problem();
    }
}

async fn parallel_increments_add_up_exactly(server: TestServer) {
    define_open(&server).await;
    create(server.service(), "open", json!({"id": "counter", "n": 0})).await;
    let path = document("open", "counter");
    for _ in 0..4 {
        let calls = (0..50).map(|_| server.service().patch(&path).json(&json!({"n": {"$increment": 1}})).send());
        for answer in join_all(calls).await {
            let _ = answer.expect(200);
        }
    }
    assert_eq!(get(server.service(), "open", "counter").await["n"], 200);
}

async fn parallel_unions_lose_nothing(server: TestServer) {
    define_open(&server).await;
    create(server.service(), "open", json!({"id": "set"})).await;
    let path = document("open", "set");
    let calls = (0..50).map(|n| server.service().patch(&path).json(&json!({"t": {"$union": [n]}})).send());
    for answer in join_all(calls).await {
        let _ = answer.expect(200);
    }
    let mut kept: Vec<i64> =
        get(server.service(), "open", "set").await["t"].as_array().unwrap().iter().filter_map(Value::as_i64).collect();
    kept.sort_unstable();
    assert_eq!(kept, (0..50).collect::<Vec<i64>>());
}

async fn a_sum_beyond_the_integers_is_refused(server: TestServer) {
    define_open(&server).await;
    let answer = patched(&server, json!({"n": i64::MAX}), json!({"n": {"$increment": 1}})).await;
    assert!((400..500).contains(&answer.status), "{answer}");
    answer.assert_is_problem();
}
