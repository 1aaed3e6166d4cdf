//! The options of a declaration, read with every problem at once.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use basalt_core::FieldError;
use basalt_data::collections::Schema;
use basalt_data::rules::InvokeRule;
use basalt_data::{Problems, Table, duration, size};
use basalt_runtime::{Isolation, Kind};
use serde_json::{Map, Value};

use super::{FunctionConfig, Source, ValueSchema, trigger};

const MEMORY: RangeInclusive<u64> = 1 << 20..=1 << 30;
const LEAST_TIME: Duration = Duration::from_millis(10);
const MOST_TIME: Duration = Duration::from_mins(15);
/// A write or a sign-in waits for it.
const MOST_BEFORE: Duration = Duration::from_secs(5);

/// A function as its code or the app's manifest declares it.
#[derive(Clone, Copy)]
pub(in crate::functions) struct Declared<'a> {
    pub kind: Kind,
    pub source: &'a Source,
    /// What it is about: a collection, a bucket, a cron expression, a channel pattern.
    pub subject: Option<&'a str>,
    /// An object.
    pub options: &'a Value,
}

/// The function, unless something is wrong with it; places of problems begin with `path`.
pub(in crate::functions) fn read(
    declared: Declared<'_>,
    path: &str,
    problems: &mut Problems,
) -> Option<FunctionConfig> {
    let nothing = Value::Object(Map::new());
    let options = if declared.options.is_null() { &nothing } else { declared.options };
    let mut table = Table::open(options, path, problems)?;
    let kind = declared.kind;
    let mut config = defaults(kind, declared.source.clone());
    config.limit(&mut table, problems);
    if config.is_called() {
        config.invoke = rule(&mut table, problems);
    }
    if kind == Kind::Callable {
        config.input = schema(&mut table, "input", problems);
        config.output = schema(&mut table, "output", problems);
    }
    let trigger = trigger::read(kind, declared.subject, &mut table, problems);
    table.finish(problems);
    Some(FunctionConfig { trigger: trigger?, ..config })
}

/// What holds where nothing is said.
fn defaults(kind: Kind, source: Source) -> FunctionConfig {
    let timeout = match kind {
        Kind::Callable | Kind::Http => Duration::from_secs(10),
        Kind::BeforeDocument | Kind::BeforeUser => Duration::from_secs(2),
        Kind::OnDocument | Kind::OnFile | Kind::OnUser | Kind::OnSchedule | Kind::OnMessage => Duration::from_mins(1),
    };
    FunctionConfig {
        kind,
        source,
        timeout,
        cpu: timeout,
        memory: 64 << 20,
        concurrency: 100,
        queue: 200,
        isolation: Isolation::Shared,
        retries: 7,
        invoke: None,
        input: None,
        output: None,
        trigger: super::Trigger::Call,
    }
}

impl FunctionConfig {
    fn limit(&mut self, table: &mut Table<'_>, problems: &mut Problems) {
        let before = matches!(self.kind, Kind::BeforeDocument | Kind::BeforeUser);
        let most = if before { MOST_BEFORE } else { MOST_TIME };
        if let Some(timeout) = time(table, "timeout", most, problems) {
            (self.timeout, self.cpu) = (timeout, timeout);
        }
        if let Some(cpu) = time(table, "cpu", most, problems) {
            self.cpu = cpu;
        }
        if let Some(memory) = memory(table, problems) {
            self.memory = memory;
        }
        if let Some(concurrency) = count(table, "concurrency", 1..=10_000, problems) {
            self.concurrency = concurrency;
        }
        if let Some(queue) = count(table, "queue", 0..=100_000, problems) {
            self.queue = queue;
        }
        if let Some(retries) = count(table, "retries", 0..=20, problems) {
            self.retries = u32::try_from(retries).unwrap_or(u32::MAX);
        }
        match table.text("isolation", problems) {
            None | Some("shared") => {}
            Some("fresh") => self.isolation = Isolation::Fresh,
            Some(_) => {
                let message = "isolation is \"shared\" or \"fresh\".";
                problems.add(&table.path_of("isolation"), "bad_value", message);
            }
        }
    }
}

fn time(table: &mut Table<'_>, key: &'static str, most: Duration, problems: &mut Problems) -> Option<Duration> {
    let read = duration(table.text(key, problems)?).filter(|time| (LEAST_TIME..=most).contains(time));
    if read.is_none() {
        let message = format!("A duration is such as \"500ms\" or \"30s\", here of {LEAST_TIME:?} to {most:?}.");
        problems.add(&table.path_of(key), "bad_duration", message);
    }
    read
}

fn memory(table: &mut Table<'_>, problems: &mut Problems) -> Option<usize> {
    let read = size(table.text("memory", problems)?).filter(|bytes| MEMORY.contains(bytes));
    if read.is_none() {
        problems.add(&table.path_of("memory"), "bad_size", "A size is such as \"64MB\", between 1MB and 1GB.");
    }
    read.and_then(|bytes| usize::try_from(bytes).ok())
}

fn count(
    table: &mut Table<'_>,
    key: &'static str,
    range: RangeInclusive<usize>,
    problems: &mut Problems,
) -> Option<usize> {
    let number = table.integer(key, problems)?;
    let read = usize::try_from(number).ok().filter(|number| range.contains(number));
    if read.is_none() {
        let message = format!("This is a number from {} to {}.", range.start(), range.end());
        problems.add(&table.path_of(key), "out_of_range", message);
    }
    read
}

fn rule(table: &mut Table<'_>, problems: &mut Problems) -> Option<InvokeRule> {
    let source = table.text("invoke", problems)?;
    InvokeRule::compile(source, &table.path_of("invoke")).map_err(|faults| problems.extend(faults)).ok()
}

fn schema(table: &mut Table<'_>, key: &'static str, problems: &mut Problems) -> Option<Arc<ValueSchema>> {
    let (text, path) = table.take(key)?;
    match Schema::of_value(text) {
        Ok(schema) => Some(Arc::new(ValueSchema { text: text.clone(), schema })),
        Err(faults) => {
            let within = |fault: FieldError| FieldError { path: format!("{path}{}", fault.path), ..fault };
            problems.extend(faults.into_iter().map(within));
            None
        }
    }
}
