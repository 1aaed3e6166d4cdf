//! `examples/leaderboard`: a function decides what a score is, a live query shows the best five.

use basalt_testing::{Client, TestServer, on_both_engines};
use serde_json::{Value, json};

use super::support::deploy;
use crate::functions::support::{call, invoke};
use crate::support::documents;

on_both_engines!(
    the_five_best_are_seen_as_games_end,
    games_that_end_at_once_are_all_counted,
    a_score_is_what_the_function_makes_of_it,
);

fn game(name: &str, rounds: &[u32]) -> Value {
    json!({"name": name, "rounds": rounds})
}

async fn play(player: &Client, name: &str, rounds: &[u32]) -> Value {
    invoke(player, "submit", game(name, rounds)).await
}

fn names(docs: &[Value]) -> Vec<&str> {
    docs.iter().filter_map(|doc| doc["name"].as_str()).collect()
}

async fn the_five_best_are_seen_as_games_end(server: TestServer) {
    deploy(&server, "leaderboard").await;
    let mut screen = server.visitor().socket().await;
    let best = json!({"id": "top", "collection": "scores", "sort": "-points,reachedAt", "limit": 5});
    let mut top = screen.subscribe(best).await;
    assert!(top.docs.is_empty());
    let mut players = Vec::new();
    for (number, name) in ["ann", "ben", "cem", "dot", "eva", "fay"].into_iter().enumerate() {
        let player = server.user(name).await;
        let points = u32::try_from(number).unwrap() * 10 + 10;
        let answer = play(&player, name, &[points]).await;
        assert_eq!(answer, json!({"points": points, "best": points, "rank": 1}));
        players.push(player);
    }
    while names(&top.docs) != ["fay", "eva", "dot", "cem", "ben"] {
        let frame = screen.next().await;
        top.apply(&frame);
    }
    // Ann was the sixth, and has a better day.
    assert_eq!(play(&players[0], "ann", &[50, 1]).await, json!({"points": 51, "best": 51, "rank": 2}));
    while names(&top.docs) != ["fay", "ann", "eva", "dot", "cem"] {
        let frame = screen.next().await;
        top.apply(&frame);
    }
    // A worse one changes nothing that is seen.
    assert_eq!(play(&players[5], "fay", &[3]).await, json!({"points": 3, "best": 60, "rank": 1}));
}

async fn games_that_end_at_once_are_all_counted(server: TestServer) {
    deploy(&server, "leaderboard").await;
    let player = server.user("ann").await;
    let rounds: Vec<[u32; 1]> = (1..=8).map(|points| [points]).collect();
    futures_util::future::join_all(rounds.iter().map(|rounds| play(&player, "Ann", rounds))).await;
    let scores = server.visitor().get(&documents("scores")).expect(200).await.items();
    assert_eq!(scores.len(), 1);
    assert_eq!((&scores[0]["points"], &scores[0]["games"]), (&json!(8), &json!(8)), "{scores:?}");
}

async fn a_score_is_what_the_function_makes_of_it(server: TestServer) {
    deploy(&server, "leaderboard").await;
    let player = server.user("ann").await;
    let cheated = call(&player, "submit", &game("Ann", &[1, 101])).problem(422, "implausible").await;
    assert_eq!(cheated.at("/round"), 1);
    call(&player, "submit", &json!({"name": "Ann", "points": 9000})).problem(422, "schema_violation").await;
    call(&server.visitor(), "submit", &game("Nobody", &[1])).problem(401, "unauthenticated").await;
    let forged = json!({"name": "Ann", "points": 9000, "reachedAt": "2026-01-01T00:00:00.000Z", "games": 1});
    player.post(&documents("scores")).json(&forged).problem(403, "rule_missing").await;
    assert!(server.visitor().get(&documents("scores")).expect(200).await.items().is_empty());
}
