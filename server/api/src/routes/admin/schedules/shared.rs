use basalt_app::schedules::{Run, ScheduleInfo, Source};
use basalt_core::Timestamp;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// A function that runs at times.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Schedule)]
pub(super) struct Shown {
    name: String,
    #[schema(example = "0 3 * * *")]
    cron: String,
    #[schema(example = "Asia/Shanghai")]
    timezone: String,
    function: String,
    /// What the function gets.
    #[schema(value_type = Option<Object>)]
    input: Option<Value>,
    /// What becomes of ticks that no server was there for: `one` run makes up for all, or `none`.
    catch_up: &'static str,
    /// What a tick does while the run before goes on: `skip` or `allow`.
    overlap: &'static str,
    enabled: bool,
    /// `declared` by app.toml or this API, or the `function`'s own.
    source: &'static str,
    /// Null while it is switched off.
    #[schema(value_type = Option<String>, format = DateTime)]
    next_run_at: Option<Timestamp>,
    last_run: Option<ShownRun>,
    /// Null of a function's own.
    #[schema(value_type = Option<String>, format = DateTime)]
    created_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    updated_at: Option<Timestamp>,
}

/// A run of a schedule.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ScheduleRun)]
pub(super) struct ShownRun {
    /// Also the id of the event that the function gets.
    id: String,
    #[schema(value_type = String, format = DateTime)]
    scheduled_at: Timestamp,
    /// Whether somebody asked for it.
    manual: bool,
    /// `queued`, `running`, `succeeded`, `failed` or `skipped`.
    outcome: &'static str,
    attempts: u32,
    #[schema(value_type = Option<String>, format = DateTime)]
    started_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    finished_at: Option<Timestamp>,
    /// The invocation of its last try.
    invocation: Option<String>,
    error: Option<String>,
}

impl From<ScheduleInfo> for Shown {
    fn from(info: ScheduleInfo) -> Self {
        let ScheduleInfo { name, schedule, source, next_run_at, last_run } = info;
        let (source, created_at, updated_at) = match source {
            Source::Declared { created_at, updated_at } => ("declared", Some(created_at), Some(updated_at)),
            Source::Function => ("function", None, None),
        };
        Self {
            name,
            cron: schedule.cron,
            timezone: schedule.timezone.unwrap_or_else(|| "UTC".to_owned()),
            function: schedule.function,
            input: schedule.input,
            catch_up: schedule.catch_up.as_str(),
            overlap: schedule.overlap.as_str(),
            enabled: schedule.enabled,
            source,
            next_run_at,
            last_run: last_run.map(ShownRun::from),
            created_at,
            updated_at,
        }
    }
}

impl From<Run> for ShownRun {
    fn from(run: Run) -> Self {
        let Run { id, scheduled_at, manual, state, attempts, started_at, finished_at, invocation, error } = run;
        let outcome = state.as_str();
        Self { id, scheduled_at, manual, outcome, attempts, started_at, finished_at, invocation, error }
    }
}
