//! Buckets, and files in them.

use basalt_testing::{Answer, Client, TestServer};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The rules of a bucket that a test about something else uses: everybody may do everything.
pub(crate) fn open() -> Value {
    json!({
        "rules": {"read": "true", "write": "true"},
        "acknowledge": ["create", "update", "delete"],
    })
}

/// Each file is its owner's alone.
pub(crate) fn owned() -> Value {
    json!({
        "rules": {
            "read": "auth.id == doc.owner",
            "create": "auth.id == next.owner",
            "update": "auth.id == doc.owner",
            "delete": "auth.id == doc.owner",
        },
    })
}

/// The first with what the second says more.
pub(crate) fn with(definition: Value, more: &Value) -> Value {
    let mut definition = definition;
    for (key, value) in more.as_object().expect("an object") {
        definition[key] = value.clone();
    }
    definition
}

/// Defines a bucket as an operator would.
pub(crate) async fn define_bucket(server: &TestServer, bucket: &str, definition: &Value) {
    let answer = server.owner().put(&admin(bucket)).json(definition).send().await;
    assert!([200, 201].contains(&answer.status), "{answer}");
}

/// `/v1/admin/buckets/{bucket}`
pub(crate) fn admin(bucket: &str) -> String {
    format!("/v1/admin/buckets/{bucket}")
}

/// `/v1/buckets/{bucket}/files`
pub(crate) fn files(bucket: &str) -> String {
    format!("/v1/buckets/{bucket}/files")
}

/// `/v1/buckets/{bucket}/files/{path}`
pub(crate) fn file(bucket: &str, path: &str) -> String {
    format!("/v1/buckets/{bucket}/files/{path}")
}

/// `/v1/buckets/{bucket}/metadata/{path}`
pub(crate) fn metadata(bucket: &str, path: &str) -> String {
    format!("/v1/buckets/{bucket}/metadata/{path}")
}

/// `/v1/buckets/{bucket}/{call}`
pub(crate) fn call(bucket: &str, call: &str) -> String {
    format!("/v1/buckets/{bucket}/{call}")
}

/// The SHA-256 of bytes in hex.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    let hex = |text: String, byte: &u8| text + &format!("{byte:02x}");
    Sha256::digest(bytes).iter().fold(String::new(), hex)
}

/// The ETag of bytes.
pub(crate) fn etag(bytes: &[u8]) -> String {
    format!("\"{}\"", sha256(bytes))
}

/// Bytes that look like no type, and no two seeds alike.
pub(crate) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let step = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    let mut bytes: Vec<u8> = std::iter::repeat_with(step).take(length).collect();
    if let Some(first) = bytes.first_mut() {
        *first = 0;
    }
    bytes
}

/// A picture of one pixel.
pub(crate) const PNG: &[u8] = &[
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48, 0x44, 0x52, 0x00, 0x00, 0x00,
    0x01, 0x00, 0x00, 0x00, 0x01, 0x08, 0x06, 0x00, 0x00, 0x00, 0x1f, 0x15, 0xc4, 0x89, 0x00, 0x00, 0x00, 0x0d, 0x49,
    0x44, 0x41, 0x54, 0x78, 0x9c, 0x63, 0xf8, 0xcf, 0xc0, 0xf0, 0x1f, 0x00, 0x05, 0x00, 0x01, 0xff, 0x89, 0x99, 0x3d,
    0x1d, 0x00, 0x00, 0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82,
];

/// Puts a file that wasn't there and hands back the answer.
pub(crate) async fn put(client: &Client, bucket: &str, path: &str, content: &[u8]) -> Answer {
    client.put(&file(bucket, path)).body("application/octet-stream", content).expect(201).await
}

/// The bytes as the caller reads them.
pub(crate) async fn bytes(client: &Client, bucket: &str, path: &str) -> Vec<u8> {
    client.get(&file(bucket, path)).expect(200).await.bytes
}

/// The paths of a list, as it comes.
pub(crate) async fn paths(client: &Client, bucket: &str, parameters: &[(&str, &str)]) -> Vec<String> {
    let answer = client.get(&files(bucket)).query(parameters).expect(200).await;
    answer.column("path").iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Asks for one signed URL and hands back its path, from `/v1` on.
pub(crate) async fn sign(client: &Client, bucket: &str, what: Value) -> String {
    let answer = client.post(&call(bucket, "sign")).json(&json!({"files": [what]})).expect(200).await;
    path_of(&answer.text_at("/items/0/url"))
}

/// A URL from `/v1` on.
pub(crate) fn path_of(url: &str) -> String {
    url[url.find("/v1/").expect("a URL of the API")..].to_owned()
}
