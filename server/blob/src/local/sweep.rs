use std::fs::{self, DirEntry, Metadata, ReadDir};
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use basalt_core::{Result, Timestamp};
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};

use super::{Local, absent_is_fine, blocking};
use crate::Stored;
use crate::key::{self, Key};

impl Local {
    /// Every finished file, a folder at a time.
    pub(crate) fn list(self: &Arc<Self>) -> BoxStream<'static, Result<Stored>> {
        let local = Arc::clone(self);
        let folder = move |number: u16| {
            let local = Arc::clone(&local);
            async move {
                let name = key::folder_name(number);
                let path = local.root.join("blobs").join(&name);
                let found = blocking(move || match fs::read_dir(&path) {
                    Ok(folder) => stored(folder, &name),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
                    Err(error) => Err(error),
                })
                .await?;
                Ok::<_, basalt_core::Error>(stream::iter(found.into_iter().map(Ok)))
            }
        };
        stream::iter(0..key::FOLDERS).then(folder).try_flatten().boxed()
    }

    /// Removes what was begun and last written to before `older_than`.
    pub(crate) async fn sweep(&self, older_than: Timestamp) -> Result<u64> {
        let folder = self.partial_folder();
        blocking(move || {
            let mut removed = 0;
            for entry in fs::read_dir(&folder)? {
                let entry = entry?;
                let Some(metadata) = metadata(&entry)? else { continue };
                if timestamp(metadata.modified()?) < older_than {
                    absent_is_fine(fs::remove_file(entry.path()))?;
                    removed += 1;
                }
            }
            Ok(removed)
        })
        .await
    }
}

fn stored(folder: ReadDir, name: &str) -> io::Result<Vec<Stored>> {
    let mut found = Vec::new();
    for entry in folder {
        let entry = entry?;
        let key = entry.file_name().to_str().and_then(|file| Key::parse(&format!("{name}/{file}")).ok());
        // What isn't one of ours is left alone; what was deleted meanwhile isn't there.
        if let (Some(key), Some(metadata)) = (key, metadata(&entry)?) {
            found.push(Stored { key, size: metadata.len(), modified: timestamp(metadata.modified()?) });
        }
    }
    Ok(found)
}

fn metadata(entry: &DirEntry) -> io::Result<Option<Metadata>> {
    match entry.metadata() {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn timestamp(time: SystemTime) -> Timestamp {
    let millis = |since: Duration| i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_millis(time.duration_since(UNIX_EPOCH).map_or_else(|early| -millis(early.duration()), millis))
}
