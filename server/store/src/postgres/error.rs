//! PostgreSQL's errors as ours. No text of SQL leaves in a `detail`.

use std::time::Duration;

use basalt_core::{Code, Error};

use crate::catalog::stale::schema_changed;

pub(crate) fn map(error: &sqlx::Error) -> Error {
    let soon = Duration::from_secs(1);
    let mapped = match error {
        // undefined_table, undefined_column
        sqlx::Error::Database(database) if matches!(database.code().as_deref(), Some("42P01" | "42703")) => {
            schema_changed()
        }
        sqlx::Error::Database(database) => match by_state(database.code().as_deref().unwrap_or_default()) {
            Some((code, detail)) => Error::new(code, detail).retry_after(soon),
            None => return Error::internal(error),
        },
        sqlx::Error::PoolTimedOut => Error::new(Code::Overloaded, "The database is busy.").retry_after(soon),
        lost if is_lost(lost) => return gone(lost),
        _ => return Error::internal(error),
    };
    mapped.caused_by(error)
}

/// The database is gone, for now.
pub(crate) fn gone(error: &sqlx::Error) -> Error {
    let detail = "The database can't be reached.";
    Error::new(Code::Unavailable, detail).retry_after(Duration::from_secs(5)).caused_by(error)
}

/// By SQLSTATE (PostgreSQL, appendix A).
fn by_state(state: &str) -> Option<(Code, &'static str)> {
    Some(match state {
        "53100" => (Code::StorageFull, "The database's disk is full."),
        // lock_not_available, serialization_failure, deadlock_detected, out of memory, connections, other resources
        "55P03" | "40001" | "40P01" | "53000" | "53200" | "53300" | "53400" => {
            (Code::Overloaded, "The database is busy.")
        }
        // query_canceled, by statement_timeout
        "57014" => (Code::Timeout, "The query took too long."),
        // program_limit_exceeded
        "54000" => (Code::TooLarge, "A value is too large for the database."),
        // read_only_sql_transaction (after a failover), system and connection errors
        "25006" => (Code::Unavailable, "The database can't be written."),
        _ if state.starts_with("08") || state.starts_with("57P") || state.starts_with("58") => {
            (Code::Unavailable, "The database can't be reached.")
        }
        _ => return None,
    })
}

/// Whether the connection is gone, and with it the answer to what was sent.
pub(crate) fn is_lost(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(database) => {
            database.code().is_some_and(|code| code.starts_with("08") || code.starts_with("57P"))
        }
        _ => false,
    }
}

/// Whether a group that failed so may simply be tried again: others were in its way, and it wrote nothing.
pub(crate) fn is_contention(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(database)
        if matches!(database.code().as_deref(), Some("40001" | "40P01")))
}
