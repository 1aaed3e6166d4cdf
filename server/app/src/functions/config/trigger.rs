//! What a function runs at.

use basalt_core::{BucketName, ChangeOp, CollectionName};
use basalt_data::changes::EventFilter;
use basalt_data::channels::Pattern;
use basalt_data::{Problems, Table};
use basalt_runtime::Kind;

use super::{CatchUp, Overlap, Schedule, Trigger, UserEvent};
use crate::common::Cron;
use crate::common::names::{FILES, USERS};

/// `None` where a problem was told.
pub(super) fn read(
    kind: Kind,
    subject: Option<&str>,
    table: &mut Table<'_>,
    problems: &mut Problems,
) -> Option<Trigger> {
    match kind {
        Kind::Callable | Kind::Http => Some(Trigger::Call),
        Kind::OnDocument => {
            let (on, when) = (operations(table, problems), when(table, problems));
            let collection = collection(subject, table, problems)?;
            Some(Trigger::Document { collection, on: on?, when: when? })
        }
        Kind::BeforeDocument => {
            let on = operations(table, problems);
            Some(Trigger::BeforeDocument { collection: collection(subject, table, problems)?, on: on? })
        }
        Kind::OnFile => {
            let (on, when) = (operations(table, problems), when(table, problems));
            Some(Trigger::File { bucket: bucket(subject, table, problems)?, on: on?, when: when? })
        }
        Kind::OnUser => {
            let all = [UserEvent::Create, UserEvent::Update, UserEvent::Delete, UserEvent::SignIn];
            let (on, when) = (moments(&all, table, problems), when(table, problems));
            Some(Trigger::User { on: on?, when: when? })
        }
        Kind::BeforeUser => {
            let on = moments(&[UserEvent::Create, UserEvent::SignIn], table, problems)?;
            Some(Trigger::BeforeUser { on })
        }
        Kind::OnMessage => {
            let pattern = subject_of("channel", subject, table, problems)?;
            let parsed = Pattern::parse(&captured(pattern));
            let pattern = parsed.map_err(|why| problems.add(table.path(), "bad_channel", why)).ok()?;
            Some(Trigger::Message { pattern })
        }
        Kind::OnSchedule => schedule(subject, table, problems).map(Trigger::Schedule),
    }
}

fn subject_of<'a>(what: &str, subject: Option<&'a str>, table: &Table<'_>, problems: &mut Problems) -> Option<&'a str> {
    if subject.is_none() {
        problems.add(table.path(), "missing", format!("A function of this kind says its {what}."));
    }
    subject
}

fn collection(subject: Option<&str>, table: &Table<'_>, problems: &mut Problems) -> Option<CollectionName> {
    let name = subject_of("collection", subject, table, problems)?;
    let Ok(name) = CollectionName::parse_public(name) else {
        let message = format!("{name:?} is no collection's name: a letter, then up to 62 of A-Z, a-z, 0-9 and _.");
        problems.add(table.path(), "bad_name", message);
        return None;
    };
    let other = [(&*FILES, "onFile"), (&*USERS, "onUser")];
    if let Some((_, kind)) = other.iter().find(|(theirs, _)| **theirs == name) {
        problems.add(table.path(), "bad_name", format!("Of {name} a function hears by {kind}."));
        return None;
    }
    Some(name)
}

fn bucket(subject: Option<&str>, table: &Table<'_>, problems: &mut Problems) -> Option<BucketName> {
    let name = subject_of("bucket", subject, table, problems)?;
    let parsed = BucketName::parse(name);
    parsed.map_err(|error| problems.add(table.path(), "bad_name", error.detail())).ok()
}

/// All of them where nothing is said.
fn operations(table: &mut Table<'_>, problems: &mut Problems) -> Option<Vec<ChangeOp>> {
    let all = [ChangeOp::Create, ChangeOp::Update, ChangeOp::Delete];
    let names = [("create", "created"), ("update", "updated"), ("delete", "deleted")];
    chosen(&all, &names, table, problems)
}

fn moments(all: &[UserEvent], table: &mut Table<'_>, problems: &mut Problems) -> Option<Vec<UserEvent>> {
    let names: Vec<_> = all
        .iter()
        .map(|moment| match moment {
            UserEvent::Create => ("create", "created"),
            UserEvent::Update => ("update", "updated"),
            UserEvent::Delete => ("delete", "deleted"),
            UserEvent::SignIn => ("signIn", "signedIn"),
        })
        .collect();
    chosen(all, &names, table, problems)
}

/// Those that `on` names, by either of their names; all where it isn't said.
fn chosen<T: Copy + PartialEq>(
    all: &[T],
    names: &[(&str, &str)],
    table: &mut Table<'_>,
    problems: &mut Problems,
) -> Option<Vec<T>> {
    let Some((_, at)) = table.take("on") else { return Some(all.to_vec()) };
    let mut found = Vec::new();
    let said = table.texts("on", problems)?;
    let mut bad = said.is_empty();
    for (text, path) in said {
        let known = names.iter().position(|(one, other)| *one == text || *other == text);
        match known.and_then(|place| all.get(place)) {
            Some(one) if !found.contains(one) => found.push(*one),
            Some(_) => {}
            None => {
                bad = true;
                let names: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
                problems.add(&path, "bad_value", format!("on is of {}.", names.join(", ")));
            }
        }
    }
    if bad && found.is_empty() {
        problems.add(&at, "bad_value", "A function that runs at nothing never runs.");
    }
    (!bad).then_some(found)
}

/// `None` where it is not valid.
#[expect(clippy::option_option, reason = "a condition that is absent, or can't be used")]
fn when(table: &mut Table<'_>, problems: &mut Problems) -> Option<Option<EventFilter>> {
    if table.take("when").is_none() {
        return Some(None);
    }
    let source = table.text("when", problems)?;
    match EventFilter::compile(source, &table.path_of("when")) {
        Ok(filter) => Some(Some(filter)),
        Err(error) => {
            problems.extend(error.errors().iter().cloned());
            None
        }
    }
}

/// `room:*` is short for a segment of any name.
fn captured(pattern: &str) -> String {
    let segment = |(n, segment)| if segment == "*" { format!("{{any{n}}}") } else { String::from(segment) };
    pattern.split(':').enumerate().map(segment).collect::<Vec<_>>().join(":")
}

fn schedule(subject: Option<&str>, table: &mut Table<'_>, problems: &mut Problems) -> Option<Schedule> {
    let timezone = table.text("timezone", problems).unwrap_or("UTC").to_owned();
    let catch_up = match table.text("catchUp", problems) {
        None | Some("one") => Some(CatchUp::One),
        Some("none") => Some(CatchUp::None),
        Some(_) => {
            problems.add(&table.path_of("catchUp"), "bad_value", "catchUp is \"one\" or \"none\".");
            None
        }
    };
    let overlap = match table.text("overlap", problems) {
        None | Some("skip") => Some(Overlap::Skip),
        Some("allow") => Some(Overlap::Allow),
        Some(_) => {
            problems.add(&table.path_of("overlap"), "bad_value", "overlap is \"skip\" or \"allow\".");
            None
        }
    };
    let cron = subject_of("cron expression", subject, table, problems)?.to_owned();
    if let Err(why) = Cron::parse(&cron, &timezone) {
        problems.add(table.path(), "bad_schedule", why);
        return None;
    }
    Some(Schedule { cron, timezone, catch_up: catch_up?, overlap: overlap? })
}
