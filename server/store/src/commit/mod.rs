//! What both engines' committers share: decisions without their types, and the group that they are taken in.

use basalt_core::{Code, Error};

mod attempt;
mod bell;
mod encode;
mod group;

pub(crate) use attempt::{Asked, Attempt, Inspection, Look, Ticket, check_epoch, unread};
pub(crate) use bell::Rings;
pub(crate) use encode::{ChangeRow, op_from_number, op_number, spliced};
pub(crate) use group::{DocumentState, Group, Staged};

/// A group closes at so many batches …
pub(crate) const GROUP_BATCHES: usize = 256;
/// … or so many bytes …
pub(crate) const GROUP_BYTES: usize = 1 << 20;
/// … or after so long.
pub(crate) const GROUP_TIME: std::time::Duration = std::time::Duration::from_millis(2);
/// A batch over this is a group of its own.
pub(crate) const ALONE_BYTES: usize = 256 << 10;
/// A batch over this is refused.
pub(crate) const BATCH_BYTES: usize = 8 << 20;
/// Batches that wait; more are refused as overload.
pub(crate) const QUEUE_BATCHES: usize = 8_192;

/// Whether what a group failed with may be the fault of one of its batches, and come again whenever that one does.
pub(crate) fn is_of_one_batch(error: &Error) -> bool {
    matches!(error.code(), Code::Internal | Code::TooLarge | Code::Timeout)
}
