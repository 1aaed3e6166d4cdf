use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use basalt_app::triggers::LettersQuery;
use basalt_core::principal::OperatorRole;
use basalt_core::{Actor, ChangeOp, ChannelName, Clock};
use basalt_data::events::{ChannelMessage, Event, Received};
use basalt_store::Store;
use basalt_store::testkit::{TestDb, both};
use serde_json::json;
use tokio::sync::watch;

use crate::events::*;
use crate::world::{code, id};

const MINUTE: Duration = Duration::from_mins(1);

fn of_notes(event: &Event) -> bool {
    event.collection.as_deref() == Some("notes")
}

fn again() -> Received {
    Received::Retry { at: None, error: "not now".into() }
}

/// A second node: on PostgreSQL by a store of its own.
async fn second(db: &TestDb, events: &Events) -> Events {
    let store = if db.is_sqlite() { db.store.clone() } else { Store::open(db.options()).await.unwrap() };
    Events::node(db, store, Arc::clone(&events.fakes))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_change_reaches_whoever_wants_it_once_and_in_order_of_its_document() {
    both(|db| async move {
        let events = Events::first(&db).await;
        events.fakes.subscribe("function/all", of_notes);
        events.fakes.subscribe("function/even", |event| of_notes(event) && event.doc["n"].as_i64().unwrap() % 2 == 0);
        events.fakes.subscribe("webhook/gone-ones", |event| event.op == Some(ChangeOp::Delete));
        for n in 1..=5 {
            for document in ["a", "b"] {
                events.write(&db, document, Some(json!({ "n": n }))).await;
            }
        }
        events.write(&db, "a", None).await;
        assert_eq!(events.deliver().await, 11 + 4 + 1);
        assert_eq!(events.deliver().await, 0, "each once");
        let all = events.fakes.taken("function/all");
        let of = |document: &str| all.iter().filter(|it| it.starts_with(document)).cloned().collect::<Vec<_>>();
        assert_eq!(of("a"), ["a:1", "a:2", "a:3", "a:4", "a:5", "a:5"], "deleted as it was");
        assert_eq!(of("b"), ["b:1", "b:2", "b:3", "b:4", "b:5"]);
        assert_eq!(events.fakes.taken("webhook/gone-ones"), ["a:5"]);
        assert_eq!(events.fakes.taken("function/even").len(), 4);
        let seen = events.fakes.seen();
        let created = seen.iter().find(|delivery| delivery.event.op == Some(ChangeOp::Create)).unwrap();
        assert_eq!(created.event.r#type.0, "basalt.document.created");
        assert_eq!((created.event.source.as_str(), created.attempt), ("/v1/collections/notes", 1));
        let invocations: std::collections::BTreeSet<_> = seen.iter().map(|delivery| &delivery.invocation).collect();
        assert_eq!(invocations.len(), seen.len(), "each try has a name of its own");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_reader_begins_at_the_logs_end_and_goes_on_where_it_stood() {
    both(|db| async move {
        let events = Events::first(&db).await;
        events.write(&db, "a", Some(json!({"n": 1}))).await;
        events.fakes.subscribe("function/f", of_notes);
        // Another process, in the place of the first, which died with its lease.
        db.clock.advance(Duration::from_secs(16));
        let next = Events::node(&db, db.store.clone(), Arc::clone(&events.fakes));
        assert_eq!(next.deliver().await, 1, "what came after the first start");
        next.write(&db, "a", Some(json!({"n": 2}))).await;
        db.clock.advance(MINUTE);
        let third = Events::node(&db, db.store.clone(), Arc::clone(&events.fakes));
        third.deliver().await;
        assert_eq!(events.fakes.taken("function/f"), ["a:1", "a:2"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_always_fails_is_a_dead_letter_that_is_looked_at_and_tried_again() {
    both(|db| async move {
        let events = Events::first(&db).await;
        let broken = Arc::new(AtomicBool::new(true));
        let state = Arc::clone(&broken);
        events.fakes.subscribe("function/f", of_notes);
        events.fakes.answer(move |delivery| {
            let fails = delivery.event.subject == "poison" && state.load(Ordering::SeqCst);
            if fails { again() } else { Received::Done }
        });
        events.write(&db, "poison", Some(json!({"n": 1}))).await;
        events.write(&db, "poison", Some(json!({"n": 2}))).await;
        events.write(&db, "fine", Some(json!({"n": 1}))).await;
        events.deliver().await;
        assert_eq!(events.fakes.taken("function/f").iter().filter(|it| **it == "fine:1").count(), 1);
        assert!(!events.fakes.taken("function/f").contains(&"poison:2".into()), "in order of its document");
        let (viewer, editor) = (operator(&db, OperatorRole::Viewer), operator(&db, OperatorRole::Editor));
        for _ in 0..10 {
            db.clock.advance(Duration::from_mins(40));
            events.deliver().await;
        }
        let of = |target: &str| LettersQuery { target: Some(target.into()), ..LettersQuery::default() };
        let letters = events.triggers.letters(&viewer, of("function/f")).await.unwrap().letters;
        assert_eq!(letters.len(), 2);
        assert!(events.triggers.letters(&viewer, of("function/other")).await.unwrap().letters.is_empty());
        let late = LettersQuery { from: Some(db.clock.now().plus(MINUTE)), ..LettersQuery::default() };
        assert!(events.triggers.letters(&viewer, late).await.unwrap().letters.is_empty());
        let first = letters.iter().find(|letter| letter.event["doc"]["n"] == 1).unwrap();
        assert_eq!((first.attempts, first.error.as_str()), (3, "not now"));
        assert_eq!(events.triggers.letter(&viewer, &first.id).await.unwrap(), *first);
        assert_eq!(code(events.triggers.replay_letter(&viewer, &first.id).await), "operator_role_missing");
        assert_eq!(code(events.triggers.letters(&visitor(&db), of("x")).await), "unauthenticated");
        // Mended, and tried again: the same event.
        broken.store(false, Ordering::SeqCst);
        events.triggers.replay_letter(&editor, &first.id).await.unwrap();
        assert_eq!(events.deliver().await, 1);
        let last = events.fakes.seen().pop().unwrap();
        assert_eq!((json!(last.event.id), last.attempt), (first.event["id"].clone(), 1));
        assert_eq!(code(events.triggers.replay_letter(&editor, &first.id).await), "dead_letter_not_found");
        let other = letters.iter().find(|letter| letter.id != first.id).unwrap();
        events.triggers.drop_letter(&editor, &other.id).await.unwrap();
        assert!(events.triggers.letters(&viewer, of("function/f")).await.unwrap().letters.is_empty());
        events.triggers.sweep().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_refused_is_dead_at_once_and_who_is_gone_gets_nothing() {
    both(|db| async move {
        let events = Events::first(&db).await;
        events.fakes.subscribe("webhook/w", of_notes);
        events.fakes.subscribe("function/gone", of_notes);
        events.fakes.answer(|_| Received::Refused { error: "410".into() });
        events.write(&db, "a", Some(json!({"n": 1}))).await;
        events.deliver().await;
        db.clock.advance(2 * MINUTE);
        events.deliver().await;
        let viewer = operator(&db, OperatorRole::Viewer);
        let letters = events.triggers.letters(&viewer, LettersQuery::default()).await.unwrap().letters;
        assert_eq!(letters.len(), 1);
        assert_eq!(letters[0].target.as_ref().unwrap().to_string(), "webhook/w");
        assert_eq!(db.store.queues().await.unwrap(), [], "nothing is left");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_several_nodes_one_reads_and_another_takes_over() {
    both(|db| async move {
        let events = Events::first(&db).await;
        events.fakes.subscribe("function/f", of_notes);
        let other = second(&db, &events).await;
        for n in 0..50 {
            events.write(&db, &format!("d{n}"), Some(json!({"n": n}))).await;
        }
        let (here, there) = tokio::join!(events.triggers.follow(), other.triggers.follow());
        assert_eq!(here.unwrap() + there.unwrap(), 50, "never twice");
        events.jobs.run_due().await.unwrap();
        events.write(&db, "next", Some(json!({"n": 1}))).await;
        let (first, second) = (events.triggers.follow().await.unwrap(), other.triggers.follow().await.unwrap());
        assert_eq!(first + second, 1);
        let (holder, waiter) = if first == 1 { (&events, &other) } else { (&other, &events) };
        if db.is_sqlite() {
            // There are no other nodes, and no lease to wait for.
            return;
        }
        // The one that reads dies. Within the lease nobody reads, after it another does.
        holder.write(&db, "last", Some(json!({"n": 1}))).await;
        assert_eq!(waiter.triggers.follow().await.unwrap(), 0);
        db.clock.advance(Duration::from_secs(16));
        assert_eq!(waiter.triggers.follow().await.unwrap(), 1);
        other.store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_event_for_many_comes_whole_though_it_takes_several_commits() {
    both(|db| async move {
        let events = Events::first(&db).await;
        for n in 0..12 {
            events.fakes.subscribe(&format!("function/f{n}"), of_notes);
        }
        let text = "x".repeat(900_000);
        events.write(&db, "a", Some(json!({"n": 1, "text": text}))).await;
        events.write(&db, "b", Some(json!({"n": 2}))).await;
        assert_eq!(events.deliver().await, 24);
        let mut taken = events.fakes.taken("function/f11");
        taken.sort();
        assert_eq!(taken, ["a:1", "b:2"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_and_messages_arrive_by_themselves() {
    both(|db| async move {
        let events = Events::first(&db).await;
        events.fakes.subscribe("function/f", |event| of_notes(event) || event.source == "/v1/channels/room:1");
        let (stop, stopped) = watch::channel(false);
        let (triggers, jobs, stopping) = (events.triggers.clone(), events.jobs.clone(), stopped.clone());
        let tasks = tokio::spawn(async move { tokio::join!(triggers.run(stopped), jobs.run(stopping)) });
        events.write(&db, "a", Some(json!({"n": 1}))).await;
        tokio::time::timeout(MINUTE, events.fakes.arrived.notified()).await.unwrap();
        assert!(events.triggers.messages().are_wanted());
        for (channel, text) in [("room:2", "nobody's"), ("room:1", "hello")] {
            events.triggers.messages().say(ChannelMessage {
                channel: ChannelName::parse(channel).unwrap(),
                id: format!("m-{text}"),
                event: "said".into(),
                data: json!({ "text": text }),
                user: None,
                actor: Actor::SYSTEM,
                request_id: "r1".into(),
                trace: None,
                depth: 0,
                at: db.clock.now(),
            });
        }
        tokio::time::timeout(MINUTE, events.fakes.arrived.notified()).await.unwrap();
        let said = events.fakes.seen().pop().unwrap().event;
        assert_eq!((said.id.as_str(), said.r#type.0.as_str()), ("m-hello", "basalt.channel.message"));
        assert_eq!(said.doc["data"]["text"], "hello");
        stop.send(true).unwrap();
        tasks.await.unwrap();
        // Who stopped has let go: another goes on at once.
        let next = Events::node(&db, db.store.clone(), Arc::clone(&events.fakes));
        next.write(&db, "b", Some(json!({"n": 1}))).await;
        assert_eq!(next.triggers.follow().await.unwrap(), 1);
        assert_eq!(db.store.document(&notes(), &id("a")).await.unwrap().unwrap().data["n"], 1);
    })
    .await;
}
