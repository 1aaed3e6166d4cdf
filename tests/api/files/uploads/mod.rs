//! `/v1/buckets/{b}/uploads`: tus 1.0.0

mod beginning;
mod ending;
mod going_on;

use basalt_testing::{Answer, Call, Client};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::stream;
use reqwest::Method;

const STREAM: &str = "application/offset+octet-stream";

fn uploads(bucket: &str) -> String {
    format!("/v1/buckets/{bucket}/uploads")
}

fn tus(client: &Client) -> Client {
    client.with_header("Tus-Resumable", "1.0.0")
}

fn named(path: &str) -> String {
    format!("path {}", STANDARD.encode(path))
}

pub(super) fn begin(client: &Client, bucket: &str, path: &str, length: usize) -> Call {
    let call = tus(client).post(&uploads(bucket)).header("Upload-Length", &length.to_string());
    call.header("Upload-Metadata", &named(path))
}

async fn begun(client: &Client, bucket: &str, path: &str, length: usize) -> String {
    begin(client, bucket, path, length).expect(201).await.header("location").expect("a place")
}

fn patch(client: &Client, upload: &str, offset: usize) -> Call {
    tus(client).patch(upload).header("Upload-Offset", &offset.to_string())
}

pub(super) async fn send(client: &Client, upload: &str, offset: usize, bytes: &[u8]) -> Answer {
    patch(client, upload, offset).body(STREAM, bytes).expect(204).await
}

async fn head(client: &Client, upload: &str) -> Answer {
    tus(client).call(Method::HEAD, upload).send().await
}

fn offset(answer: &Answer) -> usize {
    answer.header("upload-offset").expect("an offset").parse().expect("a number")
}

async fn break_off(call: Call, bytes: &[u8]) {
    let pieces = vec![Ok(bytes.to_vec()), Err(std::io::Error::other("the client goes"))];
    call.pieces(STREAM, stream::iter(pieces)).try_send().await.expect_err("the connection is gone");
}
