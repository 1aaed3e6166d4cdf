use std::time::Duration;

use basalt_core::ChangeOp;
use basalt_data::Problems;
use basalt_runtime::{Isolation, Kind};
use serde_json::{Value, json};

use super::{CatchUp, Declared, FunctionConfig, Source, Trigger, UserEvent, read};

fn read_as(kind: Kind, subject: Option<&str>, options: &Value) -> Result<FunctionConfig, Vec<(String, String)>> {
    let source = Source::Module { entry: "functions/a.ts".to_owned(), export: "a".to_owned() };
    let mut problems = Problems::default();
    let config = read(Declared { kind, source: &source, subject, options }, "/a", &mut problems);
    let faults: Vec<_> = problems.into_faults().into_iter().map(|fault| (fault.path, fault.code)).collect();
    match config {
        Some(config) if faults.is_empty() => Ok(config),
        _ => Err(faults),
    }
}

#[test]
fn what_is_not_said_has_a_default() {
    let add = read_as(Kind::Callable, None, &Value::Null).unwrap();
    assert_eq!((add.timeout, add.cpu, add.memory), (Duration::from_secs(10), Duration::from_secs(10), 64 << 20));
    assert_eq!((add.concurrency, add.queue, add.isolation), (100, 200, Isolation::Shared));
    assert!(add.invoke.is_none() && add.input.is_none());
    let hook = read_as(Kind::BeforeDocument, Some("notes"), &json!({})).unwrap();
    assert_eq!(hook.timeout, Duration::from_secs(2));
    let event = read_as(Kind::OnDocument, Some("notes"), &json!({"timeout": "5s"})).unwrap();
    assert_eq!((event.timeout, event.cpu, event.retries), (Duration::from_secs(5), Duration::from_secs(5), 7));
}

#[test]
fn every_problem_is_told_with_its_place() {
    let options = json!({
        "timeout": "1h", "memory": "8TB", "concurrency": 0, "isolation": "none", "invoke": "auth.id == nope",
        "input": {"type": "strin"}, "colour": 1,
    });
    let mut faults = read_as(Kind::Callable, None, &options).unwrap_err();
    faults.sort();
    let told: Vec<_> = faults.iter().map(|(path, code)| (path.as_str(), code.as_str())).collect();
    assert_eq!(
        told,
        [
            ("/a/colour", "unknown_field"),
            ("/a/concurrency", "out_of_range"),
            ("/a/input/type", "bad_schema"),
            ("/a/invoke", "bad_expression"),
            ("/a/isolation", "bad_value"),
            ("/a/memory", "bad_size"),
            ("/a/timeout", "bad_duration"),
        ]
    );
    let of_kind = |kind, subject, options| read_as(kind, subject, &options).unwrap_err()[0].clone();
    let not_called = of_kind(Kind::OnDocument, Some("notes"), json!({"invoke": "true"}));
    assert_eq!(not_called, ("/a/invoke".to_owned(), "unknown_field".to_owned()));
    assert_eq!(of_kind(Kind::BeforeDocument, Some("notes"), json!({"timeout": "6s"})).1, "bad_duration");
    assert_eq!(of_kind(Kind::OnDocument, None, json!({})).1, "missing");
    assert_eq!(of_kind(Kind::OnDocument, Some("_sessions"), json!({})).1, "bad_name");
    assert_eq!(of_kind(Kind::OnDocument, Some("users"), json!({})).1, "bad_name");
    assert_eq!(of_kind(Kind::OnDocument, Some("notes"), json!({"when": "doc.x =="})).0, "/a/when");
    assert_eq!(of_kind(Kind::OnDocument, Some("notes"), json!({"on": ["made"]})).0, "/a/on/0");
    assert_eq!(of_kind(Kind::OnDocument, Some("notes"), json!({"on": []})).0, "/a/on");
    assert_eq!(of_kind(Kind::OnSchedule, Some("every day"), json!({})).1, "bad_schedule");
    assert_eq!(of_kind(Kind::OnSchedule, Some("0 3 * * *"), json!({"timezone": "Mars/Olympus"})).1, "bad_schedule");
    assert_eq!(of_kind(Kind::OnMessage, Some("a{b"), json!({})).1, "bad_channel");
    assert_eq!(of_kind(Kind::Callable, None, json!([])).1, "wrong_type");
}

#[test]
fn triggers_are_typed() {
    let trigger = |kind, subject, options| read_as(kind, subject, &options).unwrap().trigger;
    let Trigger::Document { on, when, .. } =
        trigger(Kind::OnDocument, Some("notes"), json!({"on": "created", "when": "doc.n > 1"}))
    else {
        panic!("a document's");
    };
    assert!(on == [ChangeOp::Create] && when.is_some());
    let Trigger::User { on, .. } = trigger(Kind::OnUser, None, json!({"on": ["signedIn", "delete"]})) else {
        panic!("a user's");
    };
    assert_eq!(on, [UserEvent::SignIn, UserEvent::Delete]);
    let Trigger::BeforeUser { on } = trigger(Kind::BeforeUser, None, json!({})) else { panic!("before") };
    assert_eq!(on, [UserEvent::Create, UserEvent::SignIn]);
    let Trigger::Schedule(schedule) =
        trigger(Kind::OnSchedule, Some("0 3 * * *"), json!({"timezone": "Asia/Shanghai", "catchUp": "none"}))
    else {
        panic!("a schedule");
    };
    assert_eq!((schedule.timezone.as_str(), schedule.catch_up), ("Asia/Shanghai", CatchUp::None));
    let Trigger::Message { pattern } = trigger(Kind::OnMessage, Some("room:*"), json!({})) else { panic!("a channel") };
    let fits = |name| pattern.captures(&basalt_core::ChannelName::parse(name).unwrap()).is_some();
    assert!(fits("room:1") && !fits("room:1:2") && !fits("hall:1"));
}
