//! Faults of disks and stores, as the server's callers learn of them.

use std::io;

use basalt_core::{Code, Error};

pub(crate) fn full(cause: impl std::fmt::Display) -> Error {
    Error::new(Code::StorageFull, "There is no space left for files.").caused_by(cause)
}

pub(crate) fn unavailable(cause: impl std::fmt::Display) -> Error {
    Error::new(Code::Unavailable, "The store of files doesn't answer; try again.").caused_by(cause)
}

pub(crate) fn missing(key: &crate::Key) -> Error {
    Error::internal(format!("the bytes of {key} are missing"))
}

pub(crate) fn too_large() -> Error {
    Error::new(Code::TooLarge, "The file is larger than the store of files takes.")
}

pub(crate) fn of_disk(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => full(error),
        io::ErrorKind::FileTooLarge => too_large().caused_by(error),
        _ => Error::internal(format!("the disk of the files: {error}")),
    }
}

/// (Messages of `object_store` name the object and what the store answered, never a credential.)
#[expect(clippy::needless_pass_by_value, reason = "it stands in `map_err`")]
pub(crate) fn of_store(error: object_store::Error) -> Error {
    let cause = error.to_string();
    // The one status that says so; the crate has no kind of its own for it.
    if cause.contains("507 Insufficient Storage") { full(cause) } else { unavailable(cause) }
}
