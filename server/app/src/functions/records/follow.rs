//! Lines of logs as they come, from all nodes.
//!
//! What two nodes write at once may show up in another order than that of its ids. So the last seconds are read again
//! and again, and what was told already is known.

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use basalt_core::{Caller, Result};
use basalt_store::Store;

use super::FUNCTION_LOG;
use super::logs::{LogEntry, LogQuery};
use crate::common::rights;
use crate::functions::Registry;

/// How often is looked for new lines.
const POLL: Duration = Duration::from_millis(250);
/// A batch is written within this time, or its lines may be missed.
const SETTLED: Duration = Duration::from_secs(3);
/// Lines that are read at once.
const STEP: u32 = 1_000;
/// Lines that are known to be told.
const KNOWN: usize = 20_000;

/// A reader of the log of functions.
pub struct LogTail {
    store: Store,
    query: LogQuery,
    /// Up to here everything has come.
    floor: i64,
    /// The greatest ids that were seen, and when.
    seen: VecDeque<(Instant, i64)>,
    told: BTreeSet<i64>,
}

impl Registry {
    /// The lines that come from now on.
    pub async fn follow_logs(&self, caller: &Caller, query: LogQuery) -> Result<LogTail> {
        rights::admin_read(caller)?;
        let store = self.db().store().clone();
        let floor = store.last_record().await?;
        Ok(LogTail { store, query, floor, seen: VecDeque::new(), told: BTreeSet::new() })
    }
}

impl LogTail {
    /// Until there may be more.
    pub async fn wait(&self) {
        tokio::time::sleep(POLL).await;
    }

    /// The lines that have come since the last time, as they are meant.
    pub async fn next(&mut self) -> Result<Vec<LogEntry>> {
        let mut entries = Vec::new();
        let mut after = self.floor;
        loop {
            let page = self.store.records_after(FUNCTION_LOG, after, STEP).await?;
            for record in &page {
                after = record.id;
                if self.told.insert(record.id) {
                    entries.extend(self.query.take(record));
                }
            }
            if page.len() < STEP as usize {
                break;
            }
        }
        self.settle(after);
        Ok(entries)
    }

    /// Raises the floor to what was seen long enough ago.
    fn settle(&mut self, after: i64) {
        let now = Instant::now();
        if self.seen.back().is_none_or(|(_, last)| *last < after) {
            self.seen.push_back((now, after));
        }
        while let Some((at, id)) = self.seen.front().copied() {
            if now.duration_since(at) < SETTLED && self.told.len() <= KNOWN {
                break;
            }
            self.seen.pop_front();
            self.floor = self.floor.max(id);
        }
        self.told = self.told.split_off(&(self.floor + 1));
    }
}
