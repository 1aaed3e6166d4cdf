//! Files: large ones against a plain handler in the same run, many small ones, and pictures.

pub(crate) mod plain;
mod transfer;

use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::connection::{Connection, request};
use crate::error::Result;
use crate::measure::{Figure, Next, Until, run};
use crate::server::{Database, Server};

const LARGE: usize = 100 << 20;
const SMALL: usize = 4 << 10;
/// Of a large file, the quickest of so many.
const TRIES: usize = 3;
const APP: &str = "[buckets.bench]\nmaxSize = \"1GB\"\npresets = { small = { width = 400, format = \"webp\" } }\n";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Files {
    /// Bytes a second.
    pub(crate) upload: Compared,
    pub(crate) download: Compared,
    pub(crate) small: Figure,
    /// From a JPEG of 4000 × 3000 to a WebP 400 wide.
    pub(crate) picture_millis: f64,
    /// The same again.
    pub(crate) cached: Figure,
    pub(crate) hello: Figure,
}

#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Compared {
    pub(crate) ours: f64,
    pub(crate) plain: f64,
}

impl Compared {
    pub(crate) fn ratio(self) -> f64 {
        self.ours / self.plain
    }
}

impl Files {
    pub(crate) fn cached_ratio(&self) -> f64 {
        self.cached.per_second / self.hello.per_second
    }
}

pub(crate) async fn measure(binary: &Path, connections: usize, seconds: Duration) -> Result<Files> {
    let server = Server::start_with(binary, &Database::Sqlite, APP)?;
    let key = server.key()?;
    let plain = transfer::Plain::start()?;
    let (mut upload, mut download) = (Compared { ours: 0.0, plain: 0.0 }, Compared { ours: 0.0, plain: 0.0 });
    let content = content();
    // In turns, so that a slow moment is both's.
    for n in 0..TRIES {
        let path = format!("/v1/buckets/bench/files/large-{n}");
        // Content of its own: the same is kept once.
        let mut content = content.clone();
        content[..8].copy_from_slice(&(n as u64).to_le_bytes());
        upload.plain = upload.plain.max(transfer::put(&plain.address, "/file", None, &content).await?);
        upload.ours = upload.ours.max(transfer::put(&server.address, &path, Some(&key), &content).await?);
        download.plain = download.plain.max(transfer::get(&plain.address, "/file", None, content.len()).await?);
        download.ours = download.ours.max(transfer::get(&server.address, &path, Some(&key), content.len()).await?);
    }
    drop(plain);
    let until = Until::Elapsed(seconds);
    let small = run("4 KB files", &server.address, connections, until, smalls(&key)).await?;
    let jpeg = basalt_images::testkit::photo(4_000, 3_000).map_err(|error| error.to_string())?;
    transfer::put(&server.address, "/v1/buckets/bench/files/picture.jpg", Some(&key), &jpeg).await?;
    let get = request("GET", "/v1/buckets/bench/files/picture.jpg?preset=small", Some(&key), None);
    let mut connection = Connection::open(&server.address).await?;
    let begin = Instant::now();
    let status = connection.exchange(&get).await?;
    let picture_millis = begin.elapsed().as_secs_f64() * 1000.0;
    if status != 200 {
        return Err(format!("the picture is answered by {status}").into());
    }
    let again: Next = Rc::new(move |_, _| get.clone());
    let hello = request("GET", "/health/live", None, None);
    let hellos: Next = Rc::new(move |_, _| hello.clone());
    let cached = run("a kept picture", &server.address, connections, until, again).await?;
    let hello = run("hello", &server.address, connections, until, hellos).await?;
    Ok(Files { upload, download, small, picture_millis, cached, hello })
}

/// Bytes that nothing compresses or finds alike.
fn content() -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut content = Vec::with_capacity(LARGE);
    while content.len() < LARGE {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        content.extend_from_slice(&state.to_le_bytes());
    }
    content
}

fn smalls(key: &str) -> Next {
    let key = key.to_owned();
    Rc::new(move |n, k| {
        let head = format!(
            "PUT /v1/buckets/bench/files/small/{n}/{k} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key}\r\n\
             content-type: application/octet-stream\r\ncontent-length: {SMALL}\r\n\r\n"
        );
        let mut request = head.into_bytes();
        let at = request.len();
        request.resize(at + SMALL, 0xa5);
        request[at..at + 8].copy_from_slice(&(n as u64).to_le_bytes());
        request[at + 8..at + 16].copy_from_slice(&(k as u64).to_le_bytes());
        request
    })
}
