//! Errors that say: what you go by has just changed.

use std::time::Duration;

use basalt_core::{Code, Error};

const DETAIL: &str = "The definitions have just changed; try again.";

/// See [`crate::decide::is_stale_epoch`].
pub(crate) fn stale_epoch(current: u64) -> Error {
    Error::new(Code::Unavailable, DETAIL).with("staleEpoch", current).retry_after(Duration::from_secs(1))
}

/// A statement named a table or column that the catalog has given up since it was made.
pub(crate) fn schema_changed() -> Error {
    Error::new(Code::Unavailable, DETAIL).with("schemaChanged", true).retry_after(Duration::from_secs(1))
}

pub(crate) fn is_schema_changed(error: &Error) -> bool {
    error.extensions().contains_key("schemaChanged")
}
