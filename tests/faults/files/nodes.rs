//! Several nodes on one database and one object store.

use basalt_testing::{Client, Engine, Process, Store};
use futures_util::future::join_all;
use serde_json::json;

use super::support::{assert_all_whole, file, listed, noise, started};

/// Two nodes, with a client at each.
#[expect(clippy::print_stdout, reason = "a test that is passed over says so")]
async fn two() -> Option<[(Process, Client); 2]> {
    let place = match Store::S3.place() {
        Ok(place) => place.expect("a place"),
        Err(lacking) => {
            println!("skipped: {lacking}");
            return None;
        }
    };
    let mut first = Process::prepare(Engine::Postgres, &[]);
    first.set("BASALT_FILES_URL", &place);
    let (first, client) = started(first, &json!({"quota": "10KB"})).await;
    let mut second = first.prepare_second_node();
    second.restart();
    let there = client.at(&second.base());
    Some([(first, client), (second, there)])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_took_the_other_gives_out() {
    let Some([(mut first, client), (second, there)]) = two().await else { return };
    for n in 0..5 {
        let content = noise(n, 1_000);
        client.put(&file(&n.to_string())).body("application/octet-stream", content.clone()).expect(201).await;
        assert_eq!(there.get(&file(&n.to_string())).expect(200).await.bytes, content);
    }
    there.delete(&file("0")).expect(204).await;
    client.get(&file("0")).problem(404, "file_not_found").await;
    first.kill();
    assert_eq!(listed(&there).await.len(), 4);
    assert_all_whole(&there).await;
    drop(second);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quota_holds_over_both() {
    let Some([(first, client), (second, there)]) = two().await else { return };
    let uploads = (0..50_u64).map(|n| {
        let client = if n % 2 == 0 { &client } else { &there };
        client.put(&file(&n.to_string())).body("application/octet-stream", noise(n, 1_000)).send()
    });
    let answers = join_all(uploads).await;
    let made = answers.iter().filter(|answer| answer.status == 201).count();
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        assert_eq!((answer.status, answer.code().as_deref()), (413, Some("bucket_full")), "{answer}");
    }
    assert_eq!((made, listed(&there).await.len()), (10, 10));
    drop((first, second));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_creators_on_both_one_wins() {
    let Some([(first, client), (second, there)]) = two().await else { return };
    let uploads = (0..20_u64).map(|n| {
        let client = if n % 2 == 0 { &client } else { &there };
        client.put(&file("a")).header("If-None-Match", "*").body("application/octet-stream", noise(n, 100)).send()
    });
    let answers = join_all(uploads).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1, "{answers:?}");
    assert!(answers.iter().all(|answer| [201, 412].contains(&answer.status)), "{answers:?}");
    assert_all_whole(&there).await;
    drop((first, second));
}
