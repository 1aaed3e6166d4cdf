use std::collections::BTreeMap;

use basalt_core::{Result, Timestamp};
use futures_util::TryStreamExt;

use super::{Remote, key_at, stored_at};
use crate::{Key, fault};

/// Uploads that are looked at in one pass; what is left comes next time.
const AT_ONCE: usize = 10_000;

impl Remote {
    /// Clears uploads of which nothing was written since `older_than`: a newer object means that somebody may go on.
    pub(crate) async fn sweep(&self, older_than: Timestamp) -> Result<u64> {
        let folder = self.prefix.clone().join("parts");
        let mut listed = self.store.list(Some(&folder));
        let mut latest: BTreeMap<Key, Timestamp> = BTreeMap::new();
        while let Some(meta) = listed.try_next().await.map_err(fault::of_store)? {
            let parent = meta.location.as_ref().rsplit_once('/').map(|(folder, _)| folder);
            let Some(key) = parent.and_then(key_at) else { continue };
            let at = stored_at(&meta);
            if latest.len() >= AT_ONCE && !latest.contains_key(&key) {
                break;
            }
            latest.entry(key).and_modify(|known| *known = at.max(*known)).or_insert(at);
        }
        drop(listed);
        let mut cleared = 0;
        for (key, _) in latest.iter().filter(|(_, at)| **at < older_than) {
            self.clear(key, None, None).await?;
            cleared += 1;
        }
        Ok(cleared)
    }
}
