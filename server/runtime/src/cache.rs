//! What was made of code and is at hand: what was used least lately is forgotten, and made again when it is asked for.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use basalt_core::Result;
use tokio::sync::OnceCell;

use crate::CodeId;

/// An entry counts something even while it is being made.
const ENTRY_BYTES: usize = 1 << 10;

pub(crate) struct Cache<T> {
    most: usize,
    kept: Mutex<Kept<T>>,
}

struct Kept<T> {
    ticks: u64,
    entries: HashMap<CodeId, Entry<T>>,
}

struct Entry<T> {
    used: u64,
    /// With its size in bytes.
    made: Arc<OnceCell<(T, usize)>>,
}

impl<T: Clone> Cache<T> {
    /// `most` bytes.
    pub(crate) fn new(most: usize) -> Self {
        Self { most, kept: Mutex::new(Kept { ticks: 0, entries: HashMap::new() }) }
    }

    /// What is kept, or what `make` makes with its size: once for all who ask meanwhile, and not kept when it fails.
    pub(crate) async fn get(&self, code: &CodeId, make: impl Future<Output = Result<(T, usize)>>) -> Result<T> {
        let cell = self.kept().entry(code);
        if let Some((made, _)) = cell.get() {
            return Ok(made.clone());
        }
        let found = cell.get_or_try_init(|| make).await.map(|(made, _)| made.clone());
        match &found {
            Ok(_) => self.kept().trim(self.most),
            Err(_) => self.forget(code),
        }
        found
    }

    pub(crate) fn put(&self, code: &CodeId, made: T, size: usize) {
        let mut kept = self.kept();
        kept.ticks += 1;
        let used = kept.ticks;
        let made = Arc::new(OnceCell::new_with(Some((made, size))));
        kept.entries.insert(code.clone(), Entry { used, made });
        kept.trim(self.most);
    }

    pub(crate) fn forget(&self, code: &CodeId) {
        self.kept().entries.remove(code);
    }

    fn kept(&self) -> MutexGuard<'_, Kept<T>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Kept<T> {
    fn entry(&mut self, code: &CodeId) -> Arc<OnceCell<(T, usize)>> {
        self.ticks += 1;
        let used = self.ticks;
        if let Some(entry) = self.entries.get_mut(code) {
            entry.used = used;
            return Arc::clone(&entry.made);
        }
        let made = Arc::default();
        self.entries.insert(code.clone(), Entry { used, made: Arc::clone(&made) });
        made
    }

    fn trim(&mut self, most: usize) {
        let size = |entry: &Entry<T>| ENTRY_BYTES + entry.made.get().map_or(0, |(_, size)| *size);
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

    fn gone() -> impl Future<Output = Result<(u32, usize)>> {
        std::future::ready(Err(Error::new(Code::Unavailable, "gone")))
    }

    #[tokio::test]
    async fn what_fails_is_made_again() {
        let cache = Cache::new(1 << 20);
        assert!(cache.get(&code("a"), gone()).await.is_err());
        assert_eq!(cache.get(&code("a"), async { Ok((1, 1)) }).await.unwrap(), 1);
        assert_eq!(cache.get(&code("a"), gone()).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn the_oldest_make_room() {
        let cache = Cache::new(10 << 10);
        for name in ["a", "b", "c"] {
            cache.put(&code(name), 1, 4 << 10);
        }
        assert!(cache.get(&code("a"), gone()).await.is_err());
        assert!(cache.get(&code("c"), gone()).await.is_ok());
    }
}
