//! What functions logged.

use basalt_core::{Caller, DocumentId, Result, Timestamp};
use basalt_runtime::LogLevel;
use basalt_store::Store;
use basalt_store::records::KeptRecord;
use serde_json::Value;

use super::query::page_limit;
use super::scan::{Span, look};
use super::{FUNCTION_LOG, StoredLog};
use crate::common::rights;
use crate::functions::Registry;
use crate::functions::names::{AliasName, FunctionName};

/// Lines of one invocation that are told with it.
const MOST_OF_ONE: u32 = 1_000;

/// Which lines are asked for.
#[derive(Clone, Debug, Default)]
pub struct LogQuery {
    pub function: Option<FunctionName>,
    pub invocation: Option<DocumentId>,
    /// This level and those above it.
    pub level: Option<LogLevel>,
    /// A text that the message or its fields hold, whatever the case of its letters.
    pub filter: Option<String>,
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
    pub limit: Option<u32>,
    pub cursor: Option<String>,
}

/// A line of a log.
#[derive(Clone, Debug, PartialEq)]
pub struct LogEntry {
    pub at: Timestamp,
    pub level: LogLevel,
    pub message: String,
    pub fields: Value,
    pub function: FunctionName,
    pub version: u32,
    pub alias: AliasName,
    pub invocation: DocumentId,
    pub trace: Option<String>,
}

impl Registry {
    /// The newest lines that are meant, the oldest of them first; and where older ones go on.
    pub async fn logs(&self, caller: &Caller, query: &LogQuery) -> Result<(Vec<LogEntry>, Option<String>)> {
        rights::admin_read(caller)?;
        let span = Span::new(query.from, query.to)?;
        let place = (query.cursor.as_deref(), page_limit(query.limit)?);
        let mut found = look(self.db().store(), FUNCTION_LOG, span, place, |record| query.take(record)).await?;
        found.items.reverse();
        Ok((found.items, found.next))
    }
}

/// What one call logged, the oldest line first.
pub(super) async fn of_invocation(store: &Store, span: Span, id: &DocumentId) -> Result<Vec<LogEntry>> {
    let query = LogQuery { invocation: Some(id.clone()), ..LogQuery::default() };
    let mut lines = Vec::new();
    let mut cursor = None;
    loop {
        let place = (cursor.as_deref(), MOST_OF_ONE);
        let found = look(store, FUNCTION_LOG, span, place, |record| query.take(record)).await?;
        lines.extend(found.items);
        cursor = found.next.filter(|_| lines.len() < MOST_OF_ONE as usize);
        if cursor.is_none() {
            lines.reverse();
            return Ok(lines);
        }
    }
}

impl LogQuery {
    pub(super) fn take(&self, record: &KeptRecord) -> Option<LogEntry> {
        // Most are not meant: what they are about is looked for in their text first.
        let names = |text: &str| record.body.contains(text);
        if self.function.as_ref().is_some_and(|name| !names(name.as_str()))
            || self.invocation.as_ref().is_some_and(|id| !names(id.as_str()))
        {
            return None;
        }
        let stored: StoredLog = serde_json::from_str(&record.body).ok()?;
        let meant = self.function.as_ref().is_none_or(|name| stored.function == *name)
            && self.invocation.as_ref().is_none_or(|id| stored.invocation == *id)
            && self.level.is_none_or(|level| stored.level >= level)
            && self.filter.as_ref().is_none_or(|text| stored.holds(text));
        let StoredLog { level, function, invocation, version, alias, trace, message, fields } = stored;
        let entry = LogEntry { at: record.at, level, message, fields, function, version, alias, invocation, trace };
        meant.then_some(entry)
    }
}

impl StoredLog {
    fn holds(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        self.message.to_lowercase().contains(&text)
            || (!self.fields.is_null() && self.fields.to_string().to_lowercase().contains(&text))
    }
}
