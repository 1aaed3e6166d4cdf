use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use basalt_app::schedules::{Origin, RunState};
use basalt_app::triggers::LettersQuery;
use basalt_core::principal::OperatorRole;
use basalt_core::{Caller, Clock, Timestamp};
use basalt_data::events::Received;
use basalt_data::manifest::{CatchUp, Overlap, ScheduleSection};
use basalt_store::Store;
use basalt_store::testkit::{TestDb, both};
use serde_json::json;

use crate::events::*;
use crate::world::code;

const HOUR: Duration = Duration::from_hours(1);

fn owner(db: &TestDb) -> Caller {
    operator(db, OperatorRole::Owner)
}

/// To the beginning of the next hour, and a second.
fn next_hour(db: &TestDb) -> Timestamp {
    let now = db.clock.now().millis();
    let hour = Timestamp::from_millis((now / 3_600_000 + 1) * 3_600_000);
    db.clock.set(hour.plus(Duration::from_secs(1)));
    hour
}

async fn hourly(db: &TestDb, events: &Events, more: serde_json::Value) {
    let mut body = json!({"cron": "0 * * * *", "function": "cleanup", "input": {"days": 30}});
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    events.schedules.put(&owner(db), "nightly", &body).await.unwrap();
    assert_eq!(events.schedules.tick().await.unwrap(), 0, "not before its time");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_tick_runs_once_over_all_nodes() {
    both(|db| async move {
        let events = Events::first(&db).await;
        hourly(&db, &events, json!({})).await;
        let store = if db.is_sqlite() { db.store.clone() } else { Store::open(db.options()).await.unwrap() };
        let other = Events::node(&db, store, Arc::clone(&events.fakes));
        assert_eq!(other.schedules.tick().await.unwrap(), 0);
        for round in 1..=3 {
            let hour = next_hour(&db);
            let (here, there) = tokio::join!(events.schedules.tick(), other.schedules.tick());
            assert_eq!(here.unwrap() + there.unwrap(), 1);
            let (here, there) = tokio::join!(events.jobs.run_due(), other.jobs.run_due());
            assert_eq!(here.unwrap() + there.unwrap(), 1);
            let seen = events.fakes.seen();
            assert_eq!(seen.len(), round);
            let event = &seen.last().unwrap().event;
            assert_eq!(
                (event.r#type.0.as_str(), event.source.as_str()),
                ("basalt.schedule.tick", "/v1/schedules/nightly")
            );
            assert_eq!((&event.doc["scheduledAt"], &event.doc["input"]), (&json!(hour), &json!({"days": 30})));
        }
        let info = events.schedules.get(&owner(&db), "nightly").await.unwrap();
        let run = info.last_run.unwrap();
        assert_eq!((run.state, run.attempts, run.manual), (RunState::Succeeded, 1, false));
        assert_eq!(run.invocation, Some(events.fakes.seen().pop().unwrap().invocation));
        assert_eq!(info.next_run_at, Some(run.scheduled_at.plus(HOUR)));
        assert_eq!(events.schedules.runs(&owner(&db), "nightly").await.unwrap().len(), 3);
        if !db.is_sqlite() {
            other.store.close().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn missed_ticks_are_made_up_for_by_one_or_left_out() {
    both(|db| async move {
        for (catch_up, expected) in [("one", 1), ("none", 0)] {
            let events = Events::first(&db).await;
            hourly(&db, &events, json!({ "catchUp": catch_up })).await;
            db.clock.advance(10 * HOUR + Duration::from_mins(10));
            // A node that was not there meanwhile.
            let late = Events::node(&db, db.store.clone(), Arc::clone(&events.fakes));
            assert_eq!(late.schedules.tick().await.unwrap(), expected, "{catch_up}");
            assert_eq!(late.schedules.tick().await.unwrap(), 0);
            next_hour(&db);
            assert_eq!(late.schedules.tick().await.unwrap(), usize::from(expected == 0), "{catch_up}: the run before");
            late.jobs.run_due().await.unwrap();
            events.schedules.delete(&owner(&db), "nightly").await.unwrap();
            assert_eq!(code(events.schedules.get(&owner(&db), "nightly").await), "schedule_not_found");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tick_while_the_run_before_goes_on_is_skipped_unless_that_is_allowed() {
    both(|db| async move {
        let events = Events::first(&db).await;
        for (overlap, expected) in [("skip", 0), ("allow", 1)] {
            hourly(&db, &events, json!({ "overlap": overlap })).await;
            next_hour(&db);
            assert_eq!(events.schedules.tick().await.unwrap(), 1);
            next_hour(&db);
            assert_eq!(events.schedules.tick().await.unwrap(), expected, "{overlap}");
            events.jobs.run_due().await.unwrap();
        }
        let runs = events.schedules.runs(&owner(&db), "nightly").await.unwrap();
        let states: Vec<&str> = runs.iter().map(|run| run.state.as_str()).collect();
        assert_eq!(states, ["succeeded", "succeeded", "skipped", "succeeded"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_fails_is_tried_again_and_told_and_kept_in_the_end() {
    both(|db| async move {
        let events = Events::first(&db).await;
        events.fakes.answer(|_| Received::Retry { at: None, error: "no".into() });
        hourly(&db, &events, json!({})).await;
        let id = events.schedules.run_now(&operator(&db, OperatorRole::Editor), "nightly").await.unwrap();
        events.jobs.run_due().await.unwrap();
        let run = events.schedules.runs(&owner(&db), "nightly").await.unwrap().remove(0);
        assert_eq!((run.state, run.manual, run.error.as_deref()), (RunState::Queued, true, Some("no")));
        for _ in 0..4 {
            db.clock.advance(Duration::from_mins(2));
            events.jobs.run_due().await.unwrap();
        }
        let run = events.schedules.runs(&owner(&db), "nightly").await.unwrap().remove(0);
        assert_eq!((run.id.as_str(), run.state, run.attempts), (id.as_str(), RunState::Failed, 3));
        assert!(run.finished_at.is_some());
        let query = LettersQuery { target: Some("schedule/nightly".into()), ..LettersQuery::default() };
        assert_eq!(events.triggers.letters(&owner(&db), query).await.unwrap().letters.len(), 1);
        let viewer = operator(&db, OperatorRole::Viewer);
        assert_eq!(code(events.schedules.run_now(&viewer, "nightly").await), "operator_role_missing");
        assert_eq!(code(events.schedules.list(&visitor(&db)).await), "unauthenticated");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_times_counts_from_now_on_and_what_is_off_stands_still() {
    both(|db| async move {
        let events = Events::first(&db).await;
        hourly(&db, &events, json!({})).await;
        db.clock.advance(5 * HOUR);
        // The ticks that the old times had are nobody's.
        hourly(&db, &events, json!({"cron": "30 * * * *"})).await;
        hourly(&db, &events, json!({"enabled": false})).await;
        assert_eq!(events.schedules.get(&owner(&db), "nightly").await.unwrap().next_run_at, None);
        db.clock.advance(5 * HOUR);
        assert_eq!(events.schedules.tick().await.unwrap(), 0);
        hourly(&db, &events, json!({})).await;
        next_hour(&db);
        assert_eq!(events.schedules.tick().await.unwrap(), 1);
    })
    .await;
}

fn section(cron: &str) -> ScheduleSection {
    ScheduleSection {
        cron: cron.into(),
        timezone: None,
        function: "cleanup".into(),
        input: None,
        catch_up: CatchUp::One,
        overlap: Overlap::Skip,
        enabled: true,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_manifest_declares_and_functions_bring_their_own() {
    both(|db| async move {
        let (events, owner) = (Events::first(&db).await, owner(&db));
        *events.fakes.brought.lock().unwrap() = vec![("own".into(), section("0 * * * *"))];
        let said = BTreeMap::from([("nightly".to_owned(), section("0 3 * * *"))]);
        let nothing = BTreeSet::new();
        let plan = events.schedules.plan_manifest(&owner, &said, &nothing).await.unwrap();
        assert_eq!(plan, [("nightly".to_owned(), "added")]);
        let declare = |said, remove, origin| events.schedules.declare_manifest(&owner, said, remove, origin);
        declare(&said, &nothing, Origin::Manifest).await.unwrap();
        let names = || async {
            let all = events.schedules.list(&owner).await.unwrap();
            all.into_iter().map(|info| (info.name, info.schedule.cron)).collect::<Vec<_>>()
        };
        let pair = |name: &str, cron: &str| (name.to_owned(), cron.to_owned());
        assert_eq!(names().await, [pair("nightly", "0 3 * * *"), pair("own", "0 * * * *")]);
        // What an operator changed since stays, until the manifest says something else.
        let changed = json!({"cron": "0 4 * * *", "function": "cleanup"});
        events.schedules.put(&owner, "nightly", &changed).await.unwrap();
        declare(&said, &nothing, Origin::Manifest).await.unwrap();
        assert_eq!(names().await[0], pair("nightly", "0 4 * * *"));
        declare(&said, &nothing, Origin::Call).await.unwrap();
        assert_eq!(names().await[0], pair("nightly", "0 3 * * *"));
        let remove = BTreeSet::from(["nightly".to_owned(), "unknown".to_owned()]);
        let empty = BTreeMap::new();
        let plan = events.schedules.plan_manifest(&owner, &empty, &nothing).await.unwrap();
        assert_eq!(plan, [("nightly".to_owned(), "kept")]);
        declare(&empty, &remove, Origin::Call).await.unwrap();
        assert_eq!(names().await, [pair("own", "0 * * * *")]);
        assert_eq!(code(events.schedules.delete(&owner, "own").await), "referenced");
        let bad = BTreeMap::from([("bad".to_owned(), section("61 * * * *"))]);
        let error = declare(&bad, &nothing, Origin::Call).await.unwrap_err();
        assert_eq!(error.errors()[0].path, "/schedules/bad/cron");
        // A function's own ticks like any other.
        assert_eq!(events.schedules.tick().await.unwrap(), 0);
        next_hour(&db);
        assert_eq!(events.schedules.tick().await.unwrap(), 1);
    })
    .await;
}
