//! SQLite's errors as ours. No text of SQL leaves in a `detail`.

use std::time::Duration;

use basalt_core::{Code, Error};
use rusqlite::ErrorCode;
use rusqlite::ffi;

use crate::catalog::stale::schema_changed;

pub(crate) fn map(error: &rusqlite::Error) -> Error {
    let Some(code) = error.sqlite_error_code() else { return Error::internal(error) };
    let mapped = match code {
        ErrorCode::DiskFull => Error::new(Code::StorageFull, "The disk is full."),
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => {
            Error::new(Code::Overloaded, "The database is busy.").retry_after(Duration::from_secs(1))
        }
        ErrorCode::OperationInterrupted => Error::new(Code::Timeout, "The query took too long."),
        ErrorCode::SystemIoFailure | ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied => {
            Error::new(Code::Unavailable, "The database can't be read or written.").retry_after(Duration::from_secs(5))
        }
        ErrorCode::TooBig => Error::new(Code::TooLarge, "A value is too large for the database."),
        _ if is_schema_change(error) => schema_changed(),
        _ => return Error::internal(error),
    };
    mapped.caused_by(error)
}

/// A statement names a table or column that the catalog has just given up.
fn is_schema_change(error: &rusqlite::Error) -> bool {
    let text = error.to_string();
    text.contains("no such table: c_")
        || text.contains("no such table: s_")
        || text.contains("no such column: k_")
        || text.contains(".k_") && text.contains("no such column")
}

/// Whether the disk failed, so that what was written can't be known.
pub(crate) fn is_io(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure)
}

/// The error of a disk that refuses to sync.
pub(crate) fn sync_failure() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_IOERR_FSYNC), None)
}
