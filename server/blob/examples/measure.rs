//! How fast a folder takes and gives bytes, beside a plain loop; for a quiet machine:
//! `cargo run --release -p basalt-blob --example measure FOLDER`.

#![expect(clippy::print_stdout, reason = "it tells what it measured")]

use std::error::Error;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use basalt_blob::{Blobs, Key, Place};
use basalt_core::Timestamp;
use basalt_core::random::Random;
use bytes::Bytes;
use futures_util::TryStreamExt;
use futures_util::future::try_join_all;

const FILES: u64 = 6_000;
const AT_ONCE: usize = 32;
const LARGE: usize = 100 * 1024 * 1024;
const PIECE: usize = 16 * 1024;

/// Keys need to be different, not secret.
#[derive(Default)]
struct Counted(AtomicU64);

impl Random for Counted {
    fn fill(&self, bytes: &mut [u8]) {
        let number = self.0.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        for (byte, drawn) in bytes.iter_mut().rev().zip(number.to_be_bytes().into_iter().cycle()) {
            *byte = drawn;
        }
    }
}

#[tokio::main(worker_threads = 2)]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("which folder?")?).join("basalt-measure");
    let outcome = measure(&folder).await;
    fs::remove_dir_all(&folder)?;
    outcome
}

async fn measure(folder: &Path) -> Result<(), Box<dyn Error>> {
    let blobs = Blobs::open(Place::Local(folder.to_owned())).await?;
    let keys = Counted::default();
    small(&blobs, &keys).await?;
    for _ in 0..3 {
        for durable in [false, true] {
            let start = Instant::now();
            plain(&folder.join("plain"), durable)?;
            rate(if durable { "a plain loop, synced" } else { "a plain loop, not synced" }, start);
        }
        large(&blobs, &new_key(&keys)).await?;
    }
    Ok(())
}

async fn small(blobs: &Blobs, keys: &Counted) -> Result<(), basalt_core::Error> {
    let (written, start) = (AtomicU64::new(0), Instant::now());
    let bytes = Bytes::from(vec![7; 4096]);
    let write = || async {
        while written.fetch_add(1, Ordering::Relaxed) < FILES {
            let mut writing = blobs.create(&new_key(keys)).await?;
            writing.write(bytes.clone()).await?;
            writing.finish().await?;
        }
        Ok::<_, basalt_core::Error>(())
    };
    try_join_all((0..AT_ONCE).map(|_| write())).await?;
    let each = FILES as f64 / start.elapsed().as_secs_f64();
    println!("{each:.0} durable files of 4 KB a second, {AT_ONCE} at once");
    Ok(())
}

fn plain(path: &Path, durable: bool) -> std::io::Result<()> {
    let (mut file, piece) = (File::create(path)?, vec![7; PIECE]);
    for _ in 0..LARGE / PIECE {
        file.write_all(&piece)?;
    }
    if durable { file.sync_all() } else { Ok(()) }
}

async fn large(blobs: &Blobs, key: &Key) -> Result<(), basalt_core::Error> {
    let (piece, start) = (Bytes::from(vec![7; PIECE]), Instant::now());
    let mut writing = blobs.create(key).await?;
    for _ in 0..LARGE / PIECE {
        writing.write(piece.clone()).await?;
    }
    writing.finish().await?;
    rate("written, durable", start);
    let start = Instant::now();
    let pieces = blobs.read(key, 0..LARGE as u64).await?;
    pieces.try_for_each(|_| std::future::ready(Ok(()))).await?;
    rate("read", start);
    Ok(())
}

fn new_key(keys: &Counted) -> Key {
    Key::generate(Timestamp::from_millis(1_767_225_600_000), keys)
}

fn rate(what: &str, start: Instant) {
    println!("{what}: {:.0} MB/s", LARGE as f64 / 1e6 / start.elapsed().as_secs_f64());
}
