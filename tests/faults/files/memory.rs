//! Files go in and out in constant memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use basalt_testing::{Client, Engine, Process, Store, is_long};
use futures_util::stream;
use sha2::{Digest, Sha256};

use super::support::{file, hex, noise, server};

const PIECE: usize = 1 << 20;
/// MiB of its own that the process may come to. (The program itself lies in memory as a file does: large as it is built for
/// tests, it isn't counted.)
const MOST: u64 = 64;
const SLOW: usize = 50;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_upload_and_many_slow_downloads_take_constant_memory() {
    // Of these pieces a gigabyte is made in the long run.
    let pieces = if is_long() { 1_024 } else { 200 };
    let Some((process, client)) = server(Engine::Sqlite, Store::Local).await else { return };
    let meter = Meter::of(&process);
    upload(&client, pieces).await;
    let uploaded = meter.peak();
    download_slowly(&client, pieces).await;
    let downloaded = meter.peak();
    println!("{pieces} MiB in: {uploaded} MiB at most; {SLOW} slow downloads: {downloaded} MiB at most");
    assert!(downloaded < MOST, "{uploaded} MiB, then {downloaded} MiB");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_on_s3() {
    let pieces = if is_long() { 512 } else { 100 };
    let Some((process, client)) = server(Engine::Sqlite, Store::S3).await else { return };
    let meter = Meter::of(&process);
    upload(&client, pieces).await;
    let uploaded = meter.peak();
    println!("{pieces} MiB to S3: {uploaded} MiB at most");
    assert!(uploaded < MOST, "{uploaded} MiB");
}

/// One mebibyte of a file.
fn piece(n: usize) -> Vec<u8> {
    let mut piece = noise(1, PIECE);
    piece[8..16].copy_from_slice(&(n as u64).to_le_bytes());
    piece
}

async fn upload(client: &Client, pieces: usize) {
    let mut hash = Sha256::new();
    (0..pieces).for_each(|n| hash.update(piece(n)));
    let body = stream::iter((0..pieces).map(|n| Ok::<_, std::io::Error>(piece(n))));
    let answer = client.put(&file("large")).pieces("application/octet-stream", body).expect(201).await;
    assert_eq!(answer.at("/size"), pieces * PIECE);
    assert_eq!(answer.text_at("/sha256"), hex(hash.finalize().as_slice()));
}

/// All are open at once, and none is read faster than a little at a time.
async fn download_slowly(client: &Client, pieces: usize) {
    let mut readers = Vec::new();
    for _ in 0..SLOW {
        let response = client.get(&file("large")).stream().await;
        assert_eq!(response.status().as_u16(), 200);
        assert_eq!(response.content_length(), Some((pieces * PIECE) as u64));
        readers.push((response, 0_usize));
    }
    let wanted: Vec<u8> = (0..2).flat_map(piece).collect();
    for round in 1..=4 {
        for (response, read) in &mut readers {
            while *read < round * 200_000 {
                let chunk = response.chunk().await.expect("a stream").expect("that goes on");
                assert!(wanted[*read..].starts_with(&chunk[..chunk.len().min(wanted.len() - *read)]), "at {read}");
                *read += chunk.len();
            }
        }
    }
    // One of them goes on to the end.
    let (mut response, mut read) = readers.pop().expect("a reader");
    drop(readers);
    while let Some(chunk) = response.chunk().await.expect("a stream") {
        read += chunk.len();
    }
    assert_eq!(read, pieces * PIECE);
}

/// Looks all the time how much memory is the server's own.
struct Meter {
    peak: Arc<AtomicU64>,
    /// Ends with this value.
    on: Arc<AtomicBool>,
}

impl Meter {
    fn of(process: &Process) -> Self {
        let (peak, on) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(true)));
        let (status, known, goes_on) = (format!("/proc/{}/status", process.pid()), peak.clone(), on.clone());
        std::thread::spawn(move || {
            while goes_on.load(Ordering::Relaxed) {
                let Ok(text) = std::fs::read_to_string(&status) else { return };
                let line = text.lines().find_map(|line| line.strip_prefix("RssAnon:"));
                let kib = line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0);
                known.fetch_max(kib, Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        Self { peak, on }
    }

    /// In MiB.
    fn peak(&self) -> u64 {
        let kib = self.peak.load(Ordering::Relaxed);
        assert!(kib > 0, "nothing was seen");
        kib / 1024
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.on.store(false, Ordering::Relaxed);
    }
}
