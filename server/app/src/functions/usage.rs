//! What functions use: a cell per function and day, added up in memory and written now and then.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use basalt_core::{Caller, Code, Error, Result, Timestamp};
use basalt_store::CellKey;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Registry;
use super::names::FunctionName;
use super::records::InvocationRecord;
use crate::common::{Db, Flow, Tx, cell, rights};

const SPACE: &str = "_function_usage";
/// How long a day is remembered.
const KEPT: Duration = Duration::from_hours(24 * 400);
/// Cells of one commit, or of one reading.
const STEP: usize = 200;
/// Days of one question.
const MOST_DAYS: usize = 400;

/// What was used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Amounts {
    pub invocations: u64,
    pub errors: u64,
    /// Of the memory that a function may have, for as long as its calls took.
    pub gigabyte_seconds: f64,
    pub cpu_ms: f64,
    pub egress_bytes: u64,
}

/// One function on one day (of UTC).
#[derive(Clone, Debug, PartialEq)]
pub struct UsageOfDay {
    pub day: String,
    pub function: FunctionName,
    pub amounts: Amounts,
}

/// What is not written down yet.
#[derive(Default)]
pub(super) struct Usage(Mutex<BTreeMap<(String, FunctionName), Amounts>>);

impl Amounts {
    fn add(&mut self, other: &Self) {
        self.invocations += other.invocations;
        self.errors += other.errors;
        self.gigabyte_seconds += other.gigabyte_seconds;
        self.cpu_ms += other.cpu_ms;
        self.egress_bytes += other.egress_bytes;
    }
}

impl Usage {
    pub(super) fn count(&self, record: &InvocationRecord) {
        let amounts = Amounts {
            invocations: 1,
            errors: u64::from(record.outcome.is_error()),
            gigabyte_seconds: record.gigabyte_seconds(),
            cpu_ms: record.cpu_ms,
            egress_bytes: record.egress_bytes,
        };
        self.add((day(record.started_at), record.function.clone()), &amounts);
    }

    fn add(&self, place: (String, FunctionName), amounts: &Amounts) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.entry(place).or_default().add(amounts);
    }

    fn take(&self) -> Vec<((String, FunctionName), Amounts)> {
        let taken = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        taken.into_iter().collect()
    }

    /// Adds what waits to what is written; what can't be written waits on.
    pub(super) async fn flush(&self, db: &Db) -> Result<()> {
        let taken = self.take();
        for (place, step) in taken.chunks(STEP).enumerate() {
            let shared = step.to_vec();
            if let Err(error) = db.commit(&Caller::system(db.now()), move |tx| write(tx, &shared)).await {
                // Unknown is not: what may have been counted is not counted twice.
                let from = place + usize::from(error.code() == Code::OutcomeUnknown);
                for (place, amounts) in taken.chunks(STEP).skip(from).flatten() {
                    self.add(place.clone(), amounts);
                }
                return Err(error);
            }
        }
        Ok(())
    }
}

fn write(tx: &mut Tx<'_>, step: &[((String, FunctionName), Amounts)]) -> Flow<()> {
    let days: BTreeSet<&String> = step.iter().map(|((day, _), _)| day).collect();
    let cells = step.iter().map(|((day, function), _)| cell(&key(day, function)));
    tx.need(cells.chain(days.iter().map(|day| cell(&day_key(day)))))?;
    let end = Some(tx.now().plus(KEPT));
    for ((day, function), amounts) in step {
        let mut sum = amounts_of(tx, day, function)?;
        sum.add(amounts);
        tx.put_cell(&key(day, function), json!(sum), end);
    }
    for day in days {
        let known = functions_of(tx, day)?;
        let mut all = known.clone();
        all.extend(step.iter().filter(|((its, _), _)| its == day).map(|((_, function), _)| function.clone()));
        if all != known {
            tx.put_cell(&day_key(day), json!(all), end);
        }
    }
    Ok(())
}

fn amounts_of(tx: &mut Tx<'_>, day: &str, function: &FunctionName) -> Flow<Amounts> {
    let stored = tx.cell(&key(day, function))?;
    Ok(stored.map(serde_json::from_value).transpose().map_err(Error::internal)?.unwrap_or_default())
}

/// Those that were called on a day.
fn functions_of(tx: &mut Tx<'_>, day: &str) -> Flow<BTreeSet<FunctionName>> {
    let stored = tx.cell(&day_key(day))?;
    Ok(stored.map(serde_json::from_value).transpose().map_err(Error::internal)?.unwrap_or_default())
}

impl Registry {
    /// What was used from one day to another (both of them, of UTC), by day and name. What was used in the last seconds
    /// is not all in it.
    pub async fn usage(
        &self,
        caller: &Caller,
        (from, to): (Timestamp, Timestamp),
        function: Option<&FunctionName>,
    ) -> Result<Vec<UsageOfDay>> {
        rights::admin_read(caller)?;
        let days = days(from, to)?;
        let mut found = Vec::new();
        for day in days {
            let of_day = day.clone();
            let names = self.db().inspect(move |tx| functions_of(tx, &of_day)).await?;
            let names: Vec<_> = names.into_iter().filter(|name| function.is_none_or(|only| only == name)).collect();
            for step in names.chunks(STEP) {
                let (of_day, step) = (day.clone(), step.to_vec());
                found.extend(self.db().inspect(move |tx| usages(tx, &of_day, &step)).await?);
            }
        }
        Ok(found)
    }

    /// Writes down what was used; to be called now and then, and at the end.
    pub async fn flush_usage(&self) -> Result<()> {
        self.inner.usage.flush(self.db()).await
    }
}

fn usages(tx: &mut Tx<'_>, day: &str, functions: &[FunctionName]) -> Flow<Vec<UsageOfDay>> {
    tx.need(functions.iter().map(|function| cell(&key(day, function))))?;
    let of = |function: &FunctionName| {
        let amounts = amounts_of(tx, day, function)?;
        Ok(UsageOfDay { day: day.to_owned(), function: function.clone(), amounts })
    };
    functions.iter().map(of).collect()
}

fn days(from: Timestamp, to: Timestamp) -> Result<Vec<String>> {
    const DAY: Duration = Duration::from_hours(24);
    if from > to {
        return Err(Error::new(Code::BadParameter, "from is later than to."));
    }
    let mut days = vec![day(from)];
    let mut at = from;
    while days.last() != Some(&day(to)) {
        if days.len() >= MOST_DAYS {
            return Err(Error::new(Code::BadParameter, format!("At most {MOST_DAYS} days are told at once.")));
        }
        at = at.plus(DAY);
        days.push(day(at));
    }
    Ok(days)
}

/// `2026-11-22`, of UTC.
fn day(at: Timestamp) -> String {
    at.to_string()[..10].to_owned()
}

fn key(day: &str, function: &FunctionName) -> CellKey {
    CellKey::new(SPACE, format!("{day}/{function}"))
}

fn day_key(day: &str) -> CellKey {
    CellKey::new(SPACE, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_with_both_ends() {
        let at = |text| Timestamp::parse(text).unwrap();
        let days = |from, to| days(at(from), at(to)).unwrap();
        assert_eq!(days("2026-11-30T23:59:59Z", "2026-12-02T00:00:00Z"), ["2026-11-30", "2026-12-01", "2026-12-02"]);
        assert_eq!(days("2026-11-30T00:00:00Z", "2026-11-30T23:00:00Z"), ["2026-11-30"]);
        assert!(super::days(at("2026-12-01T00:00:00Z"), at("2026-11-30T00:00:00Z")).is_err());
        assert!(super::days(at("2020-01-01T00:00:00Z"), at("2026-11-30T00:00:00Z")).is_err());
    }
}
