//! What changes in an app's folder: told by the system, or looked for where it can't tell.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use basalt_core::{Error, Result};
use basalt_data::manifest::is_left_out;
use notify::{Config, Event, EventKind, PollWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;

/// Editors write a file in several steps.
const QUIET: Duration = Duration::from_millis(25);
/// A change is waited for no longer than this, however many follow.
const LONGEST: Duration = Duration::from_millis(100);
/// How often is looked, where nothing is told.
const POLLED: Duration = Duration::from_millis(150);

pub(super) struct Watch {
    folder: PathBuf,
    watcher: Box<dyn Watcher + Send>,
    watched: BTreeSet<PathBuf>,
    told: mpsc::Receiver<()>,
    /// Whether a change was told that nobody was handed yet.
    pending: bool,
}

impl Watch {
    pub(super) fn start(folder: &Path, poll: bool) -> Result<Self> {
        if !poll && let Ok(watch) = Self::told(folder) {
            return Ok(watch);
        }
        let (report, told) = reporter(folder);
        let config = Config::default().with_poll_interval(POLLED).with_compare_contents(true);
        let watcher = PollWatcher::new(report, config).map_err(Error::internal)?;
        Self::on(folder, Box::new(watcher), told)
    }

    fn told(folder: &Path) -> Result<Self> {
        let (report, told) = reporter(folder);
        let watcher = notify::recommended_watcher(report).map_err(Error::internal)?;
        Self::on(folder, Box::new(watcher), told)
    }

    fn on(folder: &Path, watcher: Box<dyn Watcher + Send>, told: mpsc::Receiver<()>) -> Result<Self> {
        let mut watch = Self { folder: folder.to_owned(), watcher, watched: BTreeSet::new(), told, pending: false };
        watch.watcher.watch(folder, RecursiveMode::NonRecursive).map_err(Error::internal)?;
        watch.look_below()?;
        Ok(watch)
    }

    /// Waits until something changed, and until it is quiet again. Who stops waiting misses nothing.
    pub(super) async fn changed(&mut self) {
        if !self.pending && self.told.recv().await.is_none() {
            // Nobody tells any more: what was saved is found at the next start.
            std::future::pending::<()>().await;
        }
        self.pending = true;
        let quiet =
            async { while tokio::time::timeout(QUIET, self.told.recv()).await.is_ok_and(|told| told.is_some()) {} };
        // More changes only come on top.
        let _ = tokio::time::timeout(LONGEST, quiet).await;
        self.pending = false;
        if let Err(error) = self.look_below() {
            tracing::warn!(?error, "a folder can't be watched");
        }
    }

    /// Folders that are new are watched from now on; the server's own data is none of them.
    fn look_below(&mut self) -> Result<()> {
        let entries = std::fs::read_dir(&self.folder).map_err(Error::internal)?;
        for entry in entries.filter_map(std::io::Result::ok) {
            let (path, name) = (entry.path(), entry.file_name());
            let left_out = name.to_str().is_none_or(is_left_out);
            if left_out || !path.is_dir() || self.watched.contains(&path) {
                continue;
            }
            self.watcher.watch(&path, RecursiveMode::Recursive).map_err(Error::internal)?;
            self.watched.insert(path);
        }
        self.watched.retain(|path| path.is_dir());
        Ok(())
    }
}

/// Tells of changes, many as one; that a file was read is none.
fn reporter(folder: &Path) -> (impl FnMut(notify::Result<Event>) + Send + 'static, mpsc::Receiver<()>) {
    let (sender, receiver) = mpsc::channel(1);
    let folder = folder.to_owned();
    let report = move |event: notify::Result<Event>| {
        let is_change = event.as_ref().is_ok_and(|event| {
            !matches!(event.kind, EventKind::Access(_)) && event.paths.iter().any(|path| concerns(&folder, path))
        });
        if is_change || event.is_err() {
            // One that waits already says the same.
            let _ = sender.try_send(());
        }
    };
    (report, receiver)
}

fn concerns(folder: &Path, path: &Path) -> bool {
    let inside = path.strip_prefix(folder).unwrap_or(path);
    !inside.components().any(|part| part.as_os_str().to_str().is_none_or(is_left_out))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_own_data_concerns_nobody() {
        let folder = Path::new("/app");
        assert!(concerns(folder, Path::new("/app/functions/add.ts")));
        assert!(!concerns(folder, Path::new("/app/.basalt/data.db-wal")));
        assert!(!concerns(folder, Path::new("/app/functions/node_modules/x.js")));
    }

    #[tokio::test]
    async fn changes_are_noticed_either_way_also_in_folders_that_are_new() {
        for poll in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let root = folder.path().canonicalize().unwrap();
            std::fs::write(root.join("app.toml"), "").unwrap();
            let mut watch = Watch::start(&root, poll).unwrap();
            std::fs::write(root.join("app.toml"), "[auth]").unwrap();
            watch.changed().await;
            std::fs::create_dir(root.join("functions")).unwrap();
            watch.changed().await;
            std::fs::write(root.join("functions/add.ts"), "export {}").unwrap();
            watch.changed().await;
        }
    }
}
