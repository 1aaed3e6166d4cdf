//! History: the versions of documents of collections that opt in, written down from the log of changes.
//!
//! Promises: a caller sees his own write in the history at once; versions stay when the log is trimmed, for as long as
//! the collection says; a version shows what its caller may read of it now. A dropped collection's versions are never
//! those of another one of its name.

mod follow;
mod read;
mod sweep;
mod version;

use std::sync::LazyLock;

use basalt_core::{CollectionName, FieldPath, Result};
use basalt_store::{IndexKind, IndexSpec, SortField};

use crate::collections::{Builtin, OwnedRead};

pub use read::{HistoryPage, Version};

static HISTORY: LazyLock<CollectionName> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "a constant")]
    CollectionName::parse("_history").expect("a name")
});

/// The collection that holds the versions, to be declared when the server is assembled.
pub fn history_collection() -> Result<Builtin> {
    let field =
        |name: &str| -> Result<SortField> { Ok(SortField { path: FieldPath::parse(name)?, descending: false }) };
    let index = |fields| IndexSpec { kind: IndexKind::Ordered, fields };
    Ok(Builtin {
        name: HISTORY.clone(),
        indexes: vec![
            index(vec![field(version::OF)?, field(version::SEQ)?]),
            index(vec![field(version::TABLE)?, field(version::AT)?]),
        ],
        owned_fields: Vec::new(),
        owned_read: OwnedRead::Nobody,
        ruled: Vec::new(),
    })
}
