use std::path::{Path, PathBuf};

use basalt_testing::{Client, Engine, Process, Store};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// `/v1/buckets/docs/files/{path}`
pub(super) fn file(path: &str) -> String {
    format!("/v1/buckets/docs/files/{path}")
}

/// A server that keeps bytes there, with the bucket `docs`, and a client that may do everything in it. `None`, and a line
/// that says why, where this machine has no such store.
#[expect(clippy::print_stdout, reason = "a test that is passed over says so")]
pub(super) async fn server(engine: Engine, store: Store) -> Option<(Process, Client)> {
    let mut process = Process::prepare(engine, &[]);
    match store.place() {
        Ok(None) => {}
        Ok(Some(place)) => process.set("BASALT_FILES_URL", &place),
        Err(lacking) => {
            println!("skipped: {lacking}");
            return None;
        }
    }
    Some(started(process, &json!({"maxSize": "5GB"})).await)
}

/// The same on what was prepared otherwise.
pub(super) async fn started(mut process: Process, bucket: &Value) -> (Process, Client) {
    process.restart();
    let client = process.service("*");
    let answer = client.put("/v1/admin/buckets/docs").json(bucket).send().await;
    assert!([200, 201].contains(&answer.status), "{answer}");
    (process, client)
}

pub(super) fn sha256(bytes: &[u8]) -> String {
    hex(Sha256::digest(bytes).as_slice())
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// Bytes that look like no type, and no two seeds alike.
pub(super) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    bytes.push(0);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// All files below a folder.
pub(crate) fn files_below(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

/// The metadata of all files of the bucket.
pub(super) async fn listed(client: &Client) -> Vec<Value> {
    let (mut items, mut cursor) = (Vec::new(), None);
    loop {
        let mut query = vec![("limit", "500".to_owned())];
        query.extend(cursor.map(|cursor| ("cursor", cursor)));
        let query: Vec<(&str, &str)> = query.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let page = client.get("/v1/buckets/docs/files").query(&query).expect(200).await;
        items.extend(page.items());
        match page.at("/nextCursor") {
            Value::String(next) => cursor = Some(next),
            _ => return items,
        }
    }
}

/// Every file that is listed is there, and is what its metadata say.
pub(super) async fn assert_all_whole(client: &Client) {
    for item in listed(client).await {
        let path = item["path"].as_str().expect("a path");
        let answer = client.get(&file(path)).expect(200).await;
        assert_eq!(item["size"], answer.bytes.len(), "{path}");
        assert_eq!(item["sha256"], sha256(&answer.bytes), "{path}");
    }
}
