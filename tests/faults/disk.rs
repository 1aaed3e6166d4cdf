//! A disk that is full.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use basalt_testing::{Client, Engine, Process};
use serde_json::json;

use crate::files::files_below;
use crate::support::define_things;

/// Bytes of the small disk.
const DISK: usize = 24 << 20;

/// A disk of memory; gone with this value.
pub(crate) struct SmallDisk(PathBuf);

impl SmallDisk {
    /// The error says why this machine gives none.
    pub(crate) fn mount(folder: &Path) -> Result<Self, String> {
        let output = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={DISK}"), "tmpfs"])
            .arg(folder)
            .output()
            .map_err(|error| format!("mount: {error}"))?;
        if output.status.success() {
            return Ok(Self(folder.to_owned()));
        }
        Err(format!("a small disk needs root: {}", String::from_utf8_lossy(&output.stderr).trim()))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Leaves so many bytes free.
    pub(crate) fn fill_but(&self, free: usize) -> PathBuf {
        let ballast = self.path().join("ballast");
        let used: u64 = files_below(self.path()).iter().map(|path| path.metadata().expect("its size").len()).sum();
        let size = DISK - free - usize::try_from(used).expect("a size");
        std::fs::write(&ballast, vec![0; size]).expect("ballast");
        ballast
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // What is still open there goes later.
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_that_find_no_room_are_refused_and_no_other_is_lost() {
    let mut process = Process::prepare(Engine::Sqlite, &[]);
    std::fs::create_dir(process.data()).expect("a folder");
    let disk = match SmallDisk::mount(&process.data()) {
        Ok(disk) => disk,
        Err(lacking) => return println!("skipped: {lacking}"),
    };
    process.restart();
    let client = process.service("*");
    define_things(&client).await;
    let ballast = disk.fill_but(4 << 20);
    let mut written = BTreeSet::new();
    // Several at once, so that groups of more than one are refused.
    for round in 0..60 {
        let writes = (0..8).map(|n| write(&client, format!("r{round}n{n}")));
        written.extend(futures_util::future::join_all(writes).await.into_iter().flatten());
    }
    assert!((8..480).contains(&written.len()), "{} were written: the disk was never full, or always", written.len());
    assert_all_there(&client, &written).await;
    std::fs::remove_file(ballast).expect("room");
    written.extend(write(&client, "with room".replace(' ', "-")).await);
    assert!(written.contains("with-room"), "it heals by itself");
    assert_all_there(&client, &written).await;
    process.kill();
    process.restart();
    assert_all_there(&client, &written).await;
    drop(disk);
}

/// The id of what was acknowledged.
async fn write(client: &Client, id: String) -> Option<String> {
    let body = json!({"id": id, "text": "x".repeat(30_000)});
    let answer = client.post("/v1/collections/things/documents").json(&body).send().await;
    if answer.status == 201 {
        return Some(id);
    }
    assert_eq!((answer.status, answer.code().as_deref()), (507, Some("storage_full")), "{answer}");
    None
}

/// And nothing else: what was refused isn't there.
async fn assert_all_there(client: &Client, written: &BTreeSet<String>) {
    let page =
        client.post("/v1/collections/things/query").json(&json!({"limit": 500, "select": ["id"]})).expect(200).await;
    let found: BTreeSet<String> =
        page.items().iter().map(|item| item["id"].as_str().unwrap_or_default().to_owned()).collect();
    assert!(found == *written, "{} of {} are there", found.len(), written.len());
}
