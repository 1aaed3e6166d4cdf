//! What is kept of a schedule beside its definition, in one cell: the last tick that was decided, and the last runs.

use std::time::Duration;

use basalt_core::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::state_key;
use crate::common::{Flow, Tx};

/// Runs that are told.
pub(super) const KEPT: usize = 100;
/// An open run that is older is not waited for: its end was lost.
const STALE: Duration = Duration::from_hours(24);
/// How long the state of a schedule that nobody touches is kept: longer than from one tick to the next.
const LIFE: Duration = Duration::from_hours(24 * 366 * 5);
/// Of an error, in characters.
const ERROR_MAX: usize = 1_000;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct State {
    /// The time up to which ticks are decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tick: Option<Timestamp>,
    /// What was declared then: under another declaration ticks count anew.
    #[serde(default)]
    pub(super) print: String,
    /// The newest first.
    #[serde(default)]
    pub(super) runs: Vec<Run>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    /// It waits for its first or next try.
    Queued,
    Running,
    Succeeded,
    Failed,
    /// The run before went on.
    Skipped,
}

impl RunState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }

    fn is_open(self) -> bool {
        matches!(self, Self::Queued | Self::Running)
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// Also the id of its event.
    pub id: String,
    pub scheduled_at: Timestamp,
    /// Whether somebody asked for it.
    #[serde(default)]
    pub manual: bool,
    pub state: RunState,
    #[serde(default)]
    pub attempts: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    /// Of its last try.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invocation: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Run {
    pub(super) fn new(id: String, scheduled_at: Timestamp, manual: bool) -> Self {
        Self {
            id,
            scheduled_at,
            manual,
            state: RunState::Queued,
            attempts: 0,
            started_at: None,
            finished_at: None,
            invocation: None,
            error: None,
        }
    }

    pub(super) fn fail(&mut self, error: &str) {
        self.error = Some(error.chars().take(ERROR_MAX).collect());
    }
}

impl State {
    pub(super) fn parse(value: &Value) -> Self {
        serde_json::from_value(value.clone()).unwrap_or_default()
    }

    pub(super) fn of(tx: &mut Tx<'_>, name: &str) -> Flow<Self> {
        Ok(tx.cell(&state_key(name))?.map(|value| Self::parse(&value)).unwrap_or_default())
    }

    pub(super) fn write(&self, tx: &mut Tx<'_>, name: &str) {
        let until = tx.now().plus(LIFE);
        tx.put_cell(&state_key(name), serde_json::to_value(self).unwrap_or_default(), Some(until));
    }

    pub(super) fn add(&mut self, run: Run) {
        self.runs.insert(0, run);
        // An open one stays, however many came after it.
        while self.runs.len() > KEPT {
            let oldest = self.runs.iter().rposition(|run| !run.state.is_open()).unwrap_or(self.runs.len() - 1);
            self.runs.remove(oldest);
        }
    }

    /// Whether a run goes on.
    pub(super) fn is_running(&self, now: Timestamp) -> bool {
        self.runs.iter().any(|run| run.state.is_open() && now.since(run.scheduled_at) < STALE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_runs_are_kept_and_open_ones_first() {
        let mut state = State::default();
        for n in 0..i64::try_from(KEPT).unwrap() + 20 {
            let mut run = Run::new(format!("r{n}"), Timestamp::from_millis(n), false);
            run.state = if n == 3 { RunState::Running } else { RunState::Succeeded };
            state.add(run);
        }
        assert_eq!(state.runs.len(), KEPT);
        assert_eq!(state.runs[0].id, "r119");
        assert!(state.runs.iter().any(|run| run.id == "r3"));
        assert!(state.is_running(Timestamp::from_millis(1_000)));
        assert!(!state.is_running(Timestamp::from_millis(0).plus(2 * STALE)), "it is given up");
        assert_eq!(State::parse(&serde_json::to_value(&state).unwrap()), state);
    }
}
