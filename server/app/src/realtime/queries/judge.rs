//! What a change means for one query: whether its document is in the result, and how it is shown there.

use std::hash::{DefaultHasher, Hash, Hasher};

use basalt_core::document::{REV, UPDATED_AT};
use basalt_core::truth::{LookUps, Truth};
use basalt_core::{Change, Error, Result};
use basalt_data::documents::live::{LiveRow, Shown, Watched};
use bytes::Bytes;
use serde_json::{Map, Value};

use super::members::Row;

pub(super) enum Judged {
    In(Row, Bytes),
    Out,
    Open,
}

pub(super) fn judge(watched: &Watched, change: &Change, known: &dyn LookUps) -> Result<Judged> {
    let Some(flat) = &change.after else { return Ok(Judged::Out) };
    match watched.judge(flat, known) {
        Truth::True => {}
        Truth::False | Truth::Error => return Ok(Judged::Out),
        Truth::Open => return Ok(Judged::Open),
    }
    let (body, print) = match watched.show(flat)? {
        Shown::Open => return Ok(Judged::Open),
        Shown::Whole => (encode(flat)?, print_of(watched, flat)),
        Shown::Part(part) => (encode(&part)?, print_of(watched, &part)),
    };
    let row = Row { id: change.id.clone(), place: watched.place(flat), print, body: None };
    Ok(Judged::In(row, body))
}

pub(super) fn read_row(watched: &Watched, row: LiveRow) -> Row {
    let LiveRow { id, place, shown } = row;
    let print = print_of(watched, &shown);
    // A map of JSON values has a text.
    Row { id, place, print, body: Some(encode(&shown).unwrap_or_default()) }
}

fn encode(map: &Map<String, Value>) -> Result<Bytes> {
    serde_json::to_vec(map).map(Bytes::from).map_err(Error::internal)
}

/// Of a document that is shown in part, the revision and the time of the last change say nothing: they change with what
/// isn't shown.
fn print_of(watched: &Watched, shown: &Map<String, Value>) -> u64 {
    let is_passed_over =
        |name: &str| watched.shows_a_part() && (name == REV || (name == UPDATED_AT && !watched.selects(UPDATED_AT)));
    let mut hasher = DefaultHasher::new();
    for (name, value) in shown.iter().filter(|(name, _)| !is_passed_over(name)) {
        name.hash(&mut hasher);
        value.hash(&mut hasher);
    }
    hasher.finish()
}
