//! Bytecode that is at hand: what was used least lately is forgotten, and compiled again when it is asked for.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use basalt_core::Result;
use bytes::Bytes;
use tokio::sync::OnceCell;

use crate::CodeId;

/// An entry counts something even while it is being made.
const ENTRY_BYTES: usize = 1 << 10;

pub(super) struct Bundles {
    most: usize,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    ticks: u64,
    entries: HashMap<CodeId, Entry>,
}

struct Entry {
    used: u64,
    bundle: Arc<OnceCell<Bytes>>,
}

impl Bundles {
    pub(super) fn new(most: usize) -> Self {
        Self { most, kept: Mutex::default() }
    }

    /// What is kept, or what `make` makes: once for all who ask meanwhile, and not kept when it fails.
    pub(super) async fn get(&self, code: &CodeId, make: impl Future<Output = Result<Bytes>>) -> Result<Bytes> {
        let cell = {
            let mut kept = self.kept();
            kept.ticks += 1;
            let used = kept.ticks;
            if let Some(entry) = kept.entries.get_mut(code) {
                entry.used = used;
                Arc::clone(&entry.bundle)
            } else {
                let bundle = Arc::default();
                kept.entries.insert(code.clone(), Entry { used, bundle: Arc::clone(&bundle) });
                bundle
            }
        };
        if let Some(bundle) = cell.get() {
            return Ok(bundle.clone());
        }
        let bundle = cell.get_or_try_init(|| make).await.cloned();
        match &bundle {
            Ok(_) => self.kept().trim(self.most),
            Err(_) => self.forget(code),
        }
        bundle
    }

    pub(super) fn put(&self, code: &CodeId, bundle: Bytes) {
        let mut kept = self.kept();
        kept.ticks += 1;
        let used = kept.ticks;
        kept.entries.insert(code.clone(), Entry { used, bundle: Arc::new(OnceCell::new_with(Some(bundle))) });
        kept.trim(self.most);
    }

    pub(super) fn forget(&self, code: &CodeId) {
        self.kept().entries.remove(code);
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn trim(&mut self, most: usize) {
        let size = |entry: &Entry| ENTRY_BYTES + entry.bundle.get().map_or(0, Bytes::len);
        let mut bytes: usize = self.entries.values().map(size).sum();
        while bytes > most && self.entries.len() > 1 {
            let Some(oldest) = self.entries.iter().min_by_key(|(_, entry)| entry.used) else { return };
            let (code, freed) = (oldest.0.clone(), size(oldest.1));
            self.entries.remove(&code);
            bytes = bytes.saturating_sub(freed);
        }
    }
}

#[cfg(test)]
mod tests {
    use basalt_core::{Code, Error};

    use super::*;

    fn code(name: &str) -> CodeId {
        CodeId(name.to_owned())
    }

    #[tokio::test]
    async fn what_fails_is_made_again() {
        let bundles = Bundles::new(1 << 20);
        let failed = bundles.get(&code("a"), async { Err(Error::new(Code::Unavailable, "no")) }).await;
        assert!(failed.is_err());
        let made = bundles.get(&code("a"), async { Ok(Bytes::from("code")) }).await.unwrap();
        assert_eq!(made, "code");
        let kept = bundles.get(&code("a"), async { Err(Error::new(Code::Unavailable, "no")) }).await.unwrap();
        assert_eq!(kept, "code");
    }

    #[tokio::test]
    async fn the_oldest_make_room() {
        let bundles = Bundles::new(10 << 10);
        for name in ["a", "b", "c"] {
            bundles.put(&code(name), Bytes::from(vec![0; 4 << 10]));
        }
        assert!(bundles.get(&code("a"), async { Err(Error::new(Code::Unavailable, "gone")) }).await.is_err());
        assert!(bundles.get(&code("c"), async { Err(Error::new(Code::Unavailable, "gone")) }).await.is_ok());
    }
}
