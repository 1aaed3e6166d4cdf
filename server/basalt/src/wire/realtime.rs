//! Live queries and channels.

use std::sync::Arc;

use basalt_app::Principals;
use basalt_app::realtime::{Realtime, RealtimeParts};
use basalt_data::changes::Changes;
use basalt_data::documents::Documents;
use basalt_store::Store;

use crate::outside::Outside;

pub(super) fn wire(
    store: &Store,
    changes: &Changes,
    documents: &Documents,
    principals: &Principals,
    outside: &Outside,
) -> Realtime {
    Realtime::new(RealtimeParts {
        store: store.clone(),
        changes: changes.clone(),
        documents: documents.clone(),
        principals: principals.clone(),
        clock: Arc::clone(&outside.clock),
        random: Arc::clone(&outside.random),
    })
}
