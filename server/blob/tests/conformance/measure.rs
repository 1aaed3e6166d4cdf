//! Not a test but a measure, run by hand on a quiet machine:
//! `cargo test --release -p basalt-blob --test conformance measure -- --ignored --nocapture`.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crate::common::{bytes_of, key, write_all};
use basalt_blob::{Blobs, Place};
use bytes::Bytes;
use futures_util::TryStreamExt;
use futures_util::future::join_all;

const FILES: usize = 6_000;
const AT_ONCE: usize = 32;
const LARGE: usize = 100 * 1024 * 1024;
const PIECE: usize = 16 * 1024;

/// On a disk: a folder for temporary files may lie in memory.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in(PathBuf::from(env!("CARGO_TARGET_TMPDIR"))).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measure"]
async fn small_files_a_second() {
    let folder = folder();
    let blobs = Blobs::open(Place::Local(folder.path().to_owned())).await.unwrap();
    let (bytes, next, start) = (bytes_of(4096), Arc::new(AtomicUsize::new(0)), Instant::now());
    join_all((0..AT_ONCE).map(|_| async {
        while next.fetch_add(1, Ordering::Relaxed) < FILES {
            write_all(&blobs, &key(), &bytes).await;
        }
    }))
    .await;
    println!("{:.0} durable files of 4 KB a second, {AT_ONCE} at once", FILES as f64 / start.elapsed().as_secs_f64());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measure"]
async fn a_large_file_beside_a_plain_loop() {
    let folder = folder();
    let blobs = Blobs::open(Place::Local(folder.path().join("blobs"))).await.unwrap();
    let bytes = bytes_of(LARGE);
    let rate = |what: &str, start: Instant| {
        println!("{what}: {:.0} MB/s", LARGE as f64 / 1e6 / start.elapsed().as_secs_f64());
    };
    for _ in 0..3 {
        for durable in [false, true] {
            let start = Instant::now();
            let mut file = File::create(folder.path().join("plain")).unwrap();
            bytes.chunks(PIECE).for_each(|piece| file.write_all(piece).unwrap());
            if durable {
                file.sync_all().unwrap();
            }
            rate(if durable { "plain loop, synced" } else { "plain loop, not synced" }, start);
        }
        let (key, start) = (key(), Instant::now());
        let mut writing = blobs.create(&key).await.unwrap();
        for at in (0..LARGE).step_by(PIECE) {
            writing.write(bytes.slice(at..LARGE.min(at + PIECE))).await.unwrap();
        }
        writing.finish().await.unwrap();
        rate("written, durable", start);
        let start = Instant::now();
        let pieces = blobs.read(&key, 0..LARGE as u64).await.unwrap();
        let read: usize = pieces.try_fold(0, |sum, piece: Bytes| async move { Ok(sum + piece.len()) }).await.unwrap();
        assert_eq!(read, LARGE);
        rate("read", start);
    }
}
