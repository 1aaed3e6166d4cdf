//! When keys were last used: noted in memory at each use, written down once a minute.

use std::sync::PoisonError;
use std::time::Duration;

use basalt_core::{Caller, DocumentId, Result, Timestamp};
use basalt_store::CellKey;

use super::Keys;
use crate::common::{Tx, cell};

/// Uses that follow within this time are not worth a note.
const COARSE: Duration = Duration::from_secs(30);

pub(super) fn key(id: &DocumentId) -> CellKey {
    CellKey::new("_key_uses", id.as_str())
}

impl Keys {
    /// Writes down when keys were last used; to be called once a minute and before the end.
    pub async fn note_uses(&self) -> Result<()> {
        let uses = std::mem::take(&mut *self.inner.uses.lock().unwrap_or_else(PoisonError::into_inner));
        if uses.is_empty() {
            return Ok(());
        }
        let caller = Caller::system(self.inner.db.now());
        let decide = move |tx: &mut Tx<'_>| {
            tx.need(uses.keys().map(|id| cell(&key(id))))?;
            for (id, used) in &uses {
                // Another node may have noted a later one.
                let noted = tx.cell(&key(id))?.and_then(|value| value.as_i64());
                if noted.is_none_or(|noted| noted < used.millis()) {
                    tx.put_cell(&key(id), used.millis().into(), None);
                }
            }
            Ok(())
        };
        self.inner.db.commit(&caller, decide).await?;
        Ok(())
    }

    pub(super) fn note_use(&self, id: &DocumentId, now: Timestamp) {
        let mut uses = self.inner.uses.lock().unwrap_or_else(PoisonError::into_inner);
        match uses.get_mut(id) {
            Some(noted) if now.since(*noted) < COARSE => {}
            Some(noted) => *noted = now,
            None => drop(uses.insert(id.clone(), now)),
        }
    }

    pub(super) async fn last_uses(&self, ids: Vec<DocumentId>) -> Result<Vec<Option<Timestamp>>> {
        let pending = self.inner.uses.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let read = move |tx: &mut Tx<'_>| {
            tx.need(ids.iter().map(|id| cell(&key(id))))?;
            let mut uses = Vec::with_capacity(ids.len());
            for id in &ids {
                let noted = tx.cell(&key(id))?.and_then(|value| value.as_i64()).map(Timestamp::from_millis);
                uses.push(noted.max(pending.get(id).copied()));
            }
            Ok(uses)
        };
        self.inner.db.inspect(read).await
    }
}
