//! A schedule as it is declared.

use basalt_core::{Error, FieldError, Result};
use basalt_data::manifest::{CatchUp, Overlap, ScheduleSection};
use basalt_data::{Problems, Table};
use serde_json::{Map, Value};

use crate::common::Cron;

const UTC: &str = "UTC";
/// Of an input, as JSON.
const INPUT_BYTES: usize = 64 << 10;
/// Of a function's name.
const NAME_BYTES: usize = 64;

/// From what the admin API is given.
pub(super) fn parse(value: &Value) -> Result<ScheduleSection> {
    let mut problems = Problems::default();
    let read = read(value, &mut problems);
    if let Some(schedule) = &read {
        problems.extend(faults(schedule, ""));
    }
    match read {
        Some(schedule) if problems.is_empty() => Ok(schedule),
        _ => Err(problems.into_error("The schedule")),
    }
}

/// What is wrong with one that could be read; below `path`.
pub(super) fn faults(schedule: &ScheduleSection, path: &str) -> Vec<FieldError> {
    let mut faults = Vec::new();
    let zone = Cron::parse("0 0 * * *", timezone(schedule)).err();
    if let Some(message) = zone {
        faults.push(FieldError::new(format!("{path}/timezone"), "bad_timezone", message));
    } else if let Err(message) = Cron::parse(&schedule.cron, timezone(schedule)) {
        faults.push(FieldError::new(format!("{path}/cron"), "bad_cron", message));
    }
    let input = schedule.input.as_ref().map_or(0, |input| input.to_string().len());
    if input > INPUT_BYTES {
        let message = format!("The input has at most {INPUT_BYTES} bytes.");
        faults.push(FieldError::new(format!("{path}/input"), "too_large", message));
    }
    faults
}

fn read(value: &Value, problems: &mut Problems) -> Option<ScheduleSection> {
    let mut table = Table::open(value, "", problems)?;
    let cron = required(&mut table, "cron", problems);
    let function = required(&mut table, "function", problems).filter(|name| {
        let good = is_name(name);
        if !good {
            problems.add("/function", "bad_name", "This is no function's name.");
        }
        good
    });
    let timezone = table.text("timezone", problems).map(str::to_owned);
    let input = table.take("input").map(|(input, _)| input.clone()).filter(|input| !input.is_null());
    let catch_up = one_of(&mut table, "catchUp", &CatchUp::ALL, problems).unwrap_or_default();
    let overlap = one_of(&mut table, "overlap", &Overlap::ALL, problems).unwrap_or_default();
    let enabled = table.bool("enabled", problems).unwrap_or(true);
    table.finish(problems);
    Some(ScheduleSection { cron: cron?, timezone, function: function?, input, catch_up, overlap, enabled })
}

fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    name.len() <= NAME_BYTES
        && bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

fn required(table: &mut Table<'_>, key: &'static str, problems: &mut Problems) -> Option<String> {
    let before = table.path_of(key);
    let found = table.take(key);
    match found {
        Some((Value::String(text), _)) => Some(text.clone()),
        Some((other, path)) => {
            basalt_data::wrong_type(&path, "a text", other, problems);
            None
        }
        None => {
            problems.add(&before, "required", "This is needed.");
            None
        }
    }
}

fn one_of<T: Copy>(
    table: &mut Table<'_>,
    key: &'static str,
    all: &[(&'static str, T)],
    problems: &mut Problems,
) -> Option<T> {
    let path = table.path_of(key);
    let text = table.text(key, problems)?;
    let found = all.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
    if found.is_none() {
        let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
        problems.add(&path, "unknown_value", format!("This is one of: {}.", names.join(", ")));
    }
    found
}

pub(super) fn timezone(schedule: &ScheduleSection) -> &str {
    schedule.timezone.as_deref().unwrap_or(UTC)
}

/// As it is declared.
pub(super) fn to_data(schedule: &ScheduleSection) -> Map<String, Value> {
    let ScheduleSection { cron, function, input, catch_up, overlap, enabled, .. } = schedule;
    let mut data = Map::new();
    data.insert("cron".into(), cron.as_str().into());
    data.insert("timezone".into(), timezone(schedule).into());
    data.insert("function".into(), function.as_str().into());
    if let Some(input) = input {
        data.insert("input".into(), input.clone());
    }
    data.insert("catchUp".into(), catch_up.as_str().into());
    data.insert("overlap".into(), overlap.as_str().into());
    data.insert("enabled".into(), (*enabled).into());
    data
}

/// Reads what [`to_data`] wrote.
pub(super) fn of_data(data: &Map<String, Value>) -> Result<ScheduleSection> {
    let mut problems = Problems::default();
    let read = read(&Value::Object(data.clone()), &mut problems);
    read.ok_or_else(|| Error::internal(format!("a stored schedule is odd: {data:?}")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_schedule_is_read_and_written() {
        let given = json!({"cron": "0 3 * * *", "function": "cleanup", "timezone": "Asia/Shanghai", "input": {"n": 1}});
        let schedule = parse(&given).unwrap();
        assert_eq!((schedule.catch_up, schedule.overlap, schedule.enabled), (CatchUp::One, Overlap::Skip, true));
        assert_eq!(of_data(&to_data(&schedule)).unwrap(), schedule);
    }

    #[test]
    fn every_problem_is_told_with_its_place() {
        let given = json!({"cron": "61 * * * *", "timezone": "UTC", "function": "f", "overlap": "maybe", "colour": 1});
        let error = parse(&given).unwrap_err();
        let mut paths: Vec<&str> = error.errors().iter().map(|fault| fault.path.as_str()).collect();
        paths.sort_unstable();
        assert_eq!(paths, ["/colour", "/cron", "/overlap"]);
        let error = parse(&json!({"timezone": "Mars/Base"})).unwrap_err();
        let paths: Vec<&str> = error.errors().iter().map(|fault| fault.path.as_str()).collect();
        assert_eq!(paths, ["/cron", "/function"]);
    }
}
