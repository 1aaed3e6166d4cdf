use basalt_core::filter::{Filter, Leaf, Order, Place, Scalar};
use basalt_core::{Caller, DocumentId, FieldPath, Result};
use basalt_store::{List, SortField};

use super::Auth;
use super::session::{self, Session};
use crate::common::names::SESSIONS;

/// Sessions that are removed in one batch.
const BATCH: u32 = 100;

impl Auth {
    /// Removes sessions that are over, and says how many; to be called now and then. (They count for nothing the
    /// moment they are over; this only tidies up.)
    pub async fn sweep(&self) -> Result<usize> {
        let mut removed = 0;
        loop {
            let batch = self.over().await?;
            if batch.is_empty() {
                return Ok(removed);
            }
            removed += batch.len();
            let caller = Caller::system(self.parts.db.now());
            let decide = move |tx: &mut crate::common::Tx<'_>| {
                let reads = batch.iter().flat_map(|(user, id)| [session::list_read(user), session::document_read(id)]);
                tx.need(reads)?;
                for (user, id) in &batch {
                    session::clear(tx, user, id)?;
                }
                Ok(())
            };
            self.parts.commit(&caller, decide).await?;
        }
    }

    async fn over(&self) -> Result<Vec<(DocumentId, DocumentId)>> {
        let path = FieldPath::parse("expiresAt")?;
        let now = Scalar::Text(self.parts.db.now().to_string());
        let place = Place::document(path.clone());
        let list = List {
            collection: SESSIONS.clone(),
            filter: Filter::Leaf(Leaf::Order { place, order: Order::Le, value: now }),
            search: None,
            sort: vec![SortField { path, descending: false }],
            limit: BATCH,
            after: None,
            count: false,
        };
        let page = self.parts.db.store().list(list).await?;
        Ok(page.documents.iter().filter_map(Session::read).map(|session| (session.user, session.id)).collect())
    }
}
