//! A write whose answer got lost in a kill -9 is repeated with its key and has one effect.

use basalt_testing::Engine;
use serde_json::{Value, json};

use crate::support::{life_of, rounds, server};

const WRITERS: usize = 6;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite() {
    a_repeated_key_has_one_effect_across_kills(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres() {
    a_repeated_key_has_one_effect_across_kills(Engine::Postgres).await;
}

/// Each writer raises its own counter under a new key each time and, killed in between, repeats the last one: the
/// counter is the number of keys, however many answers were lost.
#[expect(clippy::print_stdout, reason = "how often the kills fell there, for who runs it with --nocapture")]
async fn a_repeated_key_has_one_effect_across_kills(engine: Engine) {
    let (mut process, client) = server(engine).await;
    for writer in 0..WRITERS {
        let body = json!({"id": format!("w{writer}"), "n": 0});
        client.post("/v1/collections/things/documents").json(&body).expect(201).await;
    }
    let mut keys = [0_usize; WRITERS];
    // Committed, and killed before the answer went out: what the key is for.
    let mut lost_answers = 0;
    for round in 0..rounds() {
        let writers: Vec<_> = keys
            .iter()
            .enumerate()
            .map(|(writer, key)| {
                let (client, mut key) = (client.clone(), *key);
                tokio::spawn(async move {
                    while raise(&client, writer, key + 1).await.is_some() {
                        key += 1;
                    }
                    key
                })
            })
            .collect();
        tokio::time::sleep(life_of(round)).await;
        process.kill();
        for (writer, task) in writers.into_iter().enumerate() {
            keys[writer] = task.await.unwrap();
        }
        process.restart();
        for (writer, key) in keys.iter_mut().enumerate() {
            // Once for the answer that got lost, and once more to be sure.
            let first = raise(&client, writer, *key + 1).await.expect("a running server");
            lost_answers += usize::from(first);
            let second = raise(&client, writer, *key + 1).await.expect("a running server");
            assert!(second, "the second repetition is a replay");
            *key += 1;
            let path = format!("/v1/collections/things/documents/w{writer}");
            assert_eq!(client.get(&path).expect(200).await.at("/n"), json!(*key), "round {round}, writer {writer}");
        }
    }
    println!("{engine:?}: {lost_answers} answers of committed writes were lost in {} kills", rounds());
    assert!(lost_answers > 0, "no kill fell between a commit and its answer: the loop shows nothing");
}

/// Whether the answer was a replay; `None` when the server is gone.
async fn raise(client: &basalt_testing::Client, writer: usize, key: usize) -> Option<bool> {
    let path = format!("/v1/collections/things/documents/w{writer}");
    let raised: Value = json!({"n": {"$increment": 1}});
    let call = client.patch(&path).header("Idempotency-Key", &format!("w{writer}-{key}")).json(&raised);
    let answer = call.try_send().await.ok()?.expect(200);
    Some(answer.header("idempotency-replayed").is_some())
}
