use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use basalt_core::Result;
use bytes::Bytes;

use super::folders::Destination;
use super::sink::{Sink, Target};
use super::{Local, settle};
use crate::Key;

/// A file that is being written. Dropped unfinished, it is gone.
pub(crate) struct Writing {
    sink: Sink<Temporary>,
    blob: Destination,
}

impl Local {
    pub(crate) fn create(&self, key: &Key) -> Writing {
        let (partial, blob) = (self.partial(key), self.destination(key));
        Writing { sink: Sink::new(move || open(partial)), blob }
    }
}

impl Writing {
    pub(crate) async fn write(&mut self, piece: Bytes) -> Result<()> {
        self.sink.write(piece).await
    }

    /// On the disk, at its place, whole.
    pub(crate) async fn finish(self) -> Result<()> {
        let blob = self.blob;
        self.sink
            .finish(move |mut target| {
                target.file.sync_data()?;
                settle(target.fate.path(), &blob)?;
                target.fate.keep();
                Ok(())
            })
            .await
    }
}

fn open(path: PathBuf) -> io::Result<Target<Temporary>> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    Ok(Target::new(file, Temporary(Some(path)), 0))
}

/// A file that is removed when this is dropped.
struct Temporary(Option<PathBuf>);

impl Temporary {
    fn path(&self) -> &Path {
        self.0.as_deref().unwrap_or(Path::new(""))
    }

    fn keep(&mut self) {
        self.0 = None;
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let Some(path) = self.0.take() else { return };
        let remove = move || {
            if let Err(error) = fs::remove_file(&path) {
                tracing::warn!(path = %path.display(), %error, "an unfinished file stays until it is swept");
            }
        };
        // Giving back a large file's space takes a disk some time.
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(remove)),
            Err(_) => remove(),
        }
    }
}
