//! Calls that are over: lists of them, and one of them.

use std::time::Duration;

use basalt_core::{Caller, Code, DocumentId, Error, Result, Timestamp, limits};
use basalt_store::records::KeptRecord;

use super::logs::{LogEntry, of_invocation};
use super::scan::{Span, look};
use super::{INVOCATION, InvocationOutcome, InvocationRecord};
use crate::common::rights;
use crate::functions::Registry;
use crate::functions::names::FunctionName;

/// How long after its id was drawn a call may have begun, and how long it may have logged.
const AROUND: Duration = Duration::from_mins(20);

/// Which calls are asked for.
#[derive(Clone, Debug, Default)]
pub struct InvocationQuery {
    pub function: Option<FunctionName>,
    pub outcome: Option<InvocationOutcome>,
    /// The trace's id.
    pub trace: Option<String>,
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
    pub limit: Option<u32>,
    pub cursor: Option<String>,
}

/// The newest first.
#[derive(Clone, Debug)]
pub struct InvocationPage {
    pub items: Vec<InvocationRecord>,
    /// Where to go on; a page may be short and yet not the last.
    pub next_cursor: Option<String>,
}

impl Registry {
    pub async fn invocations(&self, caller: &Caller, query: InvocationQuery) -> Result<InvocationPage> {
        rights::admin_read(caller)?;
        let limit = page_limit(query.limit)?;
        let span = Span::new(query.from, query.to)?;
        let place = (query.cursor.as_deref(), limit);
        let found = look(self.db().store(), INVOCATION, span, place, |record| query.take(record)).await?;
        Ok(InvocationPage { items: found.items, next_cursor: found.next })
    }

    /// One call and what it logged, the oldest line first.
    pub async fn invocation(&self, caller: &Caller, id: &DocumentId) -> Result<(InvocationRecord, Vec<LogEntry>)> {
        rights::admin_read(caller)?;
        let none = || Error::new(Code::InvocationNotFound, "There is no such invocation, or it is no longer kept.");
        let around = drawn_at(id).map(|at| Span { from: at.minus(AROUND), to: at.plus(AROUND) }).ok_or_else(none)?;
        let is_it = |record: &KeptRecord| {
            if !record.body.contains(id.as_str()) {
                return None;
            }
            let found: InvocationRecord = serde_json::from_str(&record.body).ok()?;
            (found.id == *id).then_some(found)
        };
        let store = self.db().store();
        let mut cursor = None;
        loop {
            let mut found = look(store, INVOCATION, around, (cursor.as_deref(), 1), is_it).await?;
            if let Some(record) = found.items.pop() {
                let logs = of_invocation(store, around, id).await?;
                return Ok((record, logs));
            }
            cursor = Some(found.next.ok_or_else(none)?);
        }
    }
}

impl InvocationQuery {
    fn take(&self, record: &KeptRecord) -> Option<InvocationRecord> {
        // Most are not meant: what they are about is looked for in their text first.
        let names = |text: &str| record.body.contains(text);
        if self.function.as_ref().is_some_and(|name| !names(name.as_str()))
            || self.trace.as_ref().is_some_and(|trace| !names(trace))
        {
            return None;
        }
        let record: InvocationRecord = serde_json::from_str(&record.body).ok()?;
        let meant = self.function.as_ref().is_none_or(|name| record.function == *name)
            && self.outcome.is_none_or(|outcome| record.outcome == outcome)
            && self.trace.as_ref().is_none_or(|trace| record.trace.as_ref() == Some(trace));
        meant.then_some(record)
    }
}

pub(super) fn page_limit(limit: Option<u32>) -> Result<u32> {
    let limit = limit.unwrap_or(limits::PAGE_DEFAULT);
    if (1..=limits::PAGE_MAX).contains(&limit) {
        return Ok(limit);
    }
    Err(Error::new(Code::BadParameter, format!("limit is 1 to {}.", limits::PAGE_MAX)))
}

/// When the server drew an id; `None` of one that it never draws.
fn drawn_at(id: &DocumentId) -> Option<Timestamp> {
    let text = id.as_str().as_bytes();
    if text.len() != 24 {
        return None;
    }
    let mut millis: u64 = 0;
    for byte in &text[..10] {
        let five = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'v' => byte - b'a' + 10,
            _ => return None,
        };
        millis = (millis << 5) | u64::from(five);
    }
    // Ten characters are 50 bits, of which the first 48 are the time.
    i64::try_from(millis >> 2).ok().map(Timestamp::from_millis)
}

#[cfg(test)]
mod tests {
    use basalt_core::random::Random;

    use super::*;

    struct Ones;

    impl Random for Ones {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(255);
        }
    }

    #[test]
    fn an_id_tells_when_it_was_drawn() {
        let at = Timestamp::from_millis(1_795_755_600_123);
        assert_eq!(drawn_at(&DocumentId::generate(at, &Ones)), Some(at));
        assert_eq!(drawn_at(&DocumentId::parse("own-id").unwrap()), None);
        assert_eq!(drawn_at(&DocumentId::parse("zzzzzzzzzzzzzzzzzzzzzzzz").unwrap()), None);
    }
}
