//! Calls that nobody waits for: tasks, which have no caller and are tried again, and invocations whose caller comes back
//! for the answer. Each is a job and a cell that tells of it; what became of it is known for a day.

mod show;
mod start;
mod state;
mod work;

use std::time::Duration;

pub use show::{InvocationState, TaskState};
pub use start::{NewTask, When};
pub use work::{InvocationLanes, TaskLanes};

/// The families of jobs.
pub const TASK: &str = "task";
pub const INVOCATION: &str = "invocation";

/// How long what became of one is known.
const KEPT_FOR: Duration = Duration::from_hours(24);
/// Bytes of an input, and of a result that is kept.
const INPUT_BYTES: usize = 1 << 20;
const RESULT_BYTES: usize = 1 << 20;
