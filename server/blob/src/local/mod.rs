//! Files in a folder of this machine.
//!
//! `blobs/ab/NAME` are finished files, `partial/NAME` what is being written, on the same file system, so that a finished
//! file comes to its place by a rename. Whatever waits for the disk does so on a blocking thread.

mod folders;
mod parts;
mod read;
mod sink;
mod sweep;
mod write;

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use basalt_core::{Code, Error, Result};

use crate::fault;
use crate::key::Key;
use folders::{Destination, Folders};

pub(crate) use parts::Appending;
pub(crate) use write::Writing;

pub(crate) struct Local {
    root: PathBuf,
    folders: Arc<Folders>,
    /// Who writes to a part file now.
    held: parts::Held,
}

impl Local {
    /// Makes the folders and proves that they can be written to.
    pub(crate) async fn open(root: PathBuf) -> Result<Arc<Self>> {
        let shown = root.display().to_string();
        let local = Arc::new(Self { root, folders: Arc::default(), held: parts::Held::default() });
        let prepared = Arc::clone(&local);
        blocking(move || Ok(prepared.prepare())).await?.map_err(|error| {
            Error::new(Code::Unavailable, format!("Files can't be kept in {shown}: {error}.")).caused_by(error)
        })?;
        Ok(local)
    }

    fn prepare(&self) -> io::Result<()> {
        let (blobs, partial) = (self.root.join("blobs"), self.partial_folder());
        [&blobs, &partial].into_iter().try_for_each(|folder| make_folder(folder))?;
        let probe = partial.join("probe");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&probe)?;
        file.write_all(b"basalt").and_then(|()| file.sync_all())?;
        fs::remove_file(&probe)?;
        [&blobs, &partial, &self.root].into_iter().try_for_each(|folder| sync_folder(folder))?;
        self.folders.remember(&blobs)
    }

    pub(crate) async fn size(&self, key: &Key) -> Result<Option<u64>> {
        let path = self.blob(key);
        blocking(move || size_of(&path)).await
    }

    /// A second name for the same bytes: they are never changed. (Where the file system knows no such thing, a copy.)
    pub(crate) async fn copy(&self, from: &Key, to: &Key) -> Result<()> {
        let (source, target, partial, key) = (self.blob(from), self.destination(to), self.partial(to), from.clone());
        blocking(move || {
            target.prepare()?;
            match fs::hard_link(&source, &target.path) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Err(fault::missing(&key))),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(error),
                Err(_) => {
                    let copied = copy_bytes(&source, &partial).and_then(|()| fs::rename(&partial, &target.path));
                    copied.inspect_err(|_| drop(fs::remove_file(&partial)))?;
                }
            }
            sync_parent(&target.path).map(Ok)
        })
        .await?
    }

    pub(crate) async fn delete(&self, key: &Key) -> Result<()> {
        let path = self.blob(key);
        blocking(move || absent_is_fine(fs::remove_file(&path))).await
    }

    fn blob(&self, key: &Key) -> PathBuf {
        self.root.join("blobs").join(key.as_str())
    }

    fn destination(&self, key: &Key) -> Destination {
        Destination { path: self.blob(key), folders: Arc::clone(&self.folders) }
    }

    fn partial(&self, key: &Key) -> PathBuf {
        self.partial_folder().join(key.name())
    }

    fn partial_folder(&self) -> PathBuf {
        self.root.join("partial")
    }
}

/// Runs what waits for the disk where waiting is allowed.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(Error::internal)?.map_err(fault::of_disk)
}

/// Moves a file that is on the disk to its place, and has the place on the disk, too.
fn settle(partial: &Path, blob: &Destination) -> io::Result<()> {
    blob.prepare()?;
    fs::rename(partial, &blob.path)?;
    // Nobody was told of it yet: what may be gone after a power loss isn't left to be found.
    sync_parent(&blob.path).inspect_err(|_| drop(fs::remove_file(&blob.path)))
}

fn size_of(path: &Path) -> io::Result<Option<u64>> {
    match fs::metadata(path) {
        Ok(found) => Ok(Some(found.len())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn copy_bytes(from: &Path, to: &Path) -> io::Result<()> {
    let mut source = File::open(from)?;
    let mut target = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
    io::copy(&mut source, &mut target)?;
    target.sync_data()
}

fn absent_is_fine(outcome: io::Result<()>) -> io::Result<()> {
    outcome.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

fn make_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn sync_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), sync_folder)
}

fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}
