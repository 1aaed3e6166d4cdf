//! `PATCH` and `HEAD /v1/buckets/{b}/uploads/{id}`

use basalt_testing::{TestServer, on_both_stores};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::join_all;
use futures_util::stream;
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use super::super::support::{bytes, define_bucket, etag, file, metadata, noise, open, owned, sha256};
use super::{STREAM, begin, begun, break_off, head, named, offset, patch, send, tus, uploads};

on_both_stores! {
    pieces_become_a_file,
    a_large_one_in_small_pieces_is_whole,
    bytes_at_another_place_are_refused,
    what_is_no_stream_is_refused,
    a_wrong_checksum_keeps_nothing,
    what_came_before_a_break_is_kept,
    a_checked_body_that_breaks_is_dropped,
    who_asks_has_a_stalled_request_let_go,
    of_equal_requests_at_once_nothing_is_doubled,
    methods_can_be_overridden,
    it_goes_on_after_a_restart,
}

async fn pieces_become_a_file(server: TestServer) {
    define_bucket(&server, "docs", &owned()).await;
    let ann = server.user("ann").await;
    let content = b"line\n".repeat(60_000);
    let data = STANDARD.encode(r#"{"title":"A"}"#);
    let metadata_sent = format!("{},filetype {},data {data}", named("a/b.bin"), STANDARD.encode("audio/x-own"));
    let call = tus(&ann).post(&uploads("docs")).header("Upload-Length", "300000");
    let answer = call.header("Upload-Metadata", &metadata_sent).expect(201).await;
    assert!(answer.header("upload-expires").is_some(), "{answer}");
    let upload = answer.header("location").unwrap();
    let answer = send(&ann, &upload, 0, &content[..100_000]).await;
    assert_eq!(offset(&answer), 100_000);
    assert!(answer.header("upload-expires").is_some() && answer.header("basalt-file-id").is_none(), "{answer}");
    ann.get(&file("docs", "a/b.bin")).problem(404, "file_not_found").await;
    let answer = head(&ann, &upload).await.expect(200);
    assert_eq!(offset(&answer), 100_000);
    assert_eq!(answer.header("upload-length").as_deref(), Some("300000"));
    assert_eq!(answer.header("upload-metadata").unwrap(), metadata_sent);
    assert_eq!(answer.header("cache-control").as_deref(), Some("no-store"));
    let answer = send(&ann, &upload, 100_000, &content[100_000..]).await;
    assert_eq!((offset(&answer), answer.etag()), (300_000, etag(&content)));
    assert!(answer.header("basalt-seq").is_some(), "{answer}");
    let told = ann.get(&metadata("docs", "a/b.bin")).expect(200).await.body();
    assert_eq!(Some(told["id"].as_str().unwrap().to_owned()), answer.header("basalt-file-id"));
    assert_eq!((&told["sha256"], &told["size"]), (&json!(sha256(&content)), &json!(300_000)));
    assert_eq!((&told["owner"], &told["contentType"]), (&json!(ann.id), &json!("audio/x-own")));
    assert_eq!(told["data"], json!({"title": "A"}));
    assert_eq!(bytes(&ann, "docs", "a/b.bin").await, content);
    // An answer that was lost costs nothing: it is remembered, and told again.
    let again = head(&ann, &upload).await.expect(200);
    assert_eq!((offset(&again), again.header("basalt-file-id")), (300_000, answer.header("basalt-file-id")));
}

async fn a_large_one_in_small_pieces_is_whole(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    let client = server.visitor();
    let content = noise(2, 12 * 1024 * 1024 + 345);
    let upload = begun(&client, "docs", "large", content.len()).await;
    let mut at = 0;
    for piece in content.chunks(1_000_000) {
        at = offset(&send(&client, &upload, at, piece).await);
    }
    assert_eq!(at, content.len());
    assert!(bytes(&client, "docs", "large").await == content, "another content");
    assert_eq!(client.get(&metadata("docs", "large")).expect(200).await.text_at("/sha256"), sha256(&content));
}

async fn bytes_at_another_place_are_refused(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    let client = server.visitor();
    let upload = begun(&client, "docs", "a", 10).await;
    send(&client, &upload, 0, b"four").await;
    for at in [0, 3, 5, 10] {
        let answer = patch(&client, &upload, at).body(STREAM, *b"x").problem(409, "offset_mismatch").await;
        assert_eq!(answer.at("/offset"), 4);
    }
    patch(&client, &upload, 4).body(STREAM, *b"seven!!").problem(413, "too_large").await;
    let unsized_body = stream::iter([Ok::<_, std::io::Error>(b"seven!!".to_vec())]);
    patch(&client, &upload, 4).pieces(STREAM, unsized_body).problem(413, "too_large").await;
    assert_eq!(offset(&head(&client, &upload).await), 4);
    send(&client, &upload, 4, b"sixsix").await;
    // A file already: nothing is written behind its end.
    patch(&client, &upload, 4).body(STREAM, *b"sixsix").problem(409, "offset_mismatch").await;
    assert_eq!(bytes(&client, "docs", "a").await, b"foursixsix");
}

async fn what_is_no_stream_is_refused(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    let client = server.visitor();
    let upload = begun(&client, "docs", "a", 4).await;
    let wrong = patch(&client, &upload, 0).body("application/octet-stream", *b"four");
    wrong.problem(415, "unsupported_media_type").await;
    let without = tus(&client).patch(&upload).body(STREAM, *b"four");
    without.problem(400, "bad_request").await;
    for at in ["-1", "+0", "0x0", "", "99999999999999999999999"] {
        let call = tus(&client).patch(&upload).header("Upload-Offset", at).body(STREAM, *b"four");
        call.problem(400, "bad_request").await;
    }
    assert_eq!(offset(&head(&client, &upload).await), 0);
}

async fn a_wrong_checksum_keeps_nothing(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    let client = server.visitor();
    let content = noise(3, 200_000);
    let upload = begun(&client, "docs", "a", content.len()).await;
    let checksum = |bytes: &[u8]| format!("sha256 {}", STANDARD.encode(Sha256::digest(bytes)));
    send(&client, &upload, 0, &content[..50_000]).await;
    let wrong = patch(&client, &upload, 50_000).header("Upload-Checksum", &checksum(b"other"));
    wrong.body(STREAM, &content[50_000..100_000]).problem(460, "checksum_mismatch").await;
    assert_eq!(offset(&head(&client, &upload).await), 50_000);
    let unknown = patch(&client, &upload, 50_000).header("Upload-Checksum", "md5 AAAA").body(STREAM, *b"x");
    unknown.problem(400, "bad_request").await;
    let right = patch(&client, &upload, 50_000).header("Upload-Checksum", &checksum(&content[50_000..]));
    right.body(STREAM, &content[50_000..]).expect(204).await;
    assert_eq!(bytes(&client, "docs", "a").await, content);
    // Of "hello", by SHA-1; and one that begins with its bytes is kept whole or not at all.
    let along =
        |checksum: &str| begin(&client, "docs", "b", 5).header("Upload-Checksum", checksum).body(STREAM, *b"hello");
    along("sha1 qvTGHdzF6KLavt4PO0gs2a6pQ01=").problem(400, "bad_request").await;
    along("sha1 qvTGHdzF6KLavt4PO0gs2a6pQ00=").expect(201).await;
}

async fn what_came_before_a_break_is_kept(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    let client = server.visitor();
    let content = noise(4, 7_000_000);
    let upload = begun(&client, "docs", "a", content.len()).await;
    break_off(patch(&client, &upload, 0), &content[..6_000_000]).await;
    let stands = offset(&head(&client, &upload).await.expect(200));
    assert!(stands <= 6_000_000, "{stands}");
    send(&client, &upload, stands, &content[stands..]).await;
    assert!(bytes(&client, "docs", "a").await == content, "another content");
}

async fn a_checked_body_that_breaks_is_dropped(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    let client = server.visitor();
    let upload = begun(&client, "docs", "a", 100_000).await;
    let checksum = format!("sha256 {}", STANDARD.encode(Sha256::digest(b"x")));
    let call = patch(&client, &upload, 0).header("Upload-Checksum", &checksum);
    break_off(call, &noise(5, 50_000)).await;
    assert_eq!(offset(&head(&client, &upload).await.expect(200)), 0);
}

async fn who_asks_has_a_stalled_request_let_go(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    let client = server.visitor();
    let content = noise(6, 500_000);
    let upload = begun(&client, "docs", "a", content.len()).await;
    let (sender, receiver) = mpsc::unbounded_channel::<Vec<u8>>();
    sender.send(content[..100_000].to_vec()).unwrap();
    let pieces = stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|piece| (Ok::<_, std::io::Error>(piece), receiver))
    });
    // A connection that the client has lost, and the server doesn't know it yet: it would wait for a minute.
    let stalled = patch(&client, &upload, 0).pieces(STREAM, pieces).send();
    tokio::pin!(stalled);
    let stalled = loop {
        let asked = head(&client, &upload);
        tokio::select! {
            stalled = &mut stalled => break stalled,
            answer = asked => assert_eq!(answer.status, 200, "{answer}"),
        }
    };
    assert_eq!(stalled.problem(423, "upload_locked").header("tus-resumable").as_deref(), Some("1.0.0"));
    // It may have been asked to let go before its bytes came, or after.
    let stands = offset(&head(&client, &upload).await.expect(200));
    assert!(stands <= 100_000, "{stands}");
    let done = send(&client, &upload, stands, &content[stands..]).await;
    assert!(done.header("basalt-file-id").is_some(), "{done}");
    drop(sender);
    assert_eq!(bytes(&client, "docs", "a").await, content);
}

async fn of_equal_requests_at_once_nothing_is_doubled(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    let client = server.visitor();
    let content = noise(7, 400_000);
    let upload = begun(&client, "docs", "a", content.len()).await;
    let equal = (0..12).map(|_| patch(&client, &upload, 0).body(STREAM, &content[..200_000]).send());
    let answers = join_all(equal).await;
    for answer in &answers {
        assert!([204, 409, 423].contains(&answer.status), "{answer}");
    }
    let stands = offset(&head(&client, &upload).await.expect(200));
    let equal = (0..12).map(|_| patch(&client, &upload, stands).body(STREAM, &content[stands..]).send());
    let answers = join_all(equal).await;
    assert!(answers.iter().all(|answer| [204, 409, 423].contains(&answer.status)), "{answers:?}");
    let stands = offset(&head(&client, &upload).await.expect(200));
    if stands < content.len() {
        send(&client, &upload, stands, &content[stands..]).await;
    }
    assert_eq!(bytes(&client, "docs", "a").await, content);
}

async fn methods_can_be_overridden(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    let client = server.visitor();
    let (upload, other) = (begun(&client, "docs", "a", 4).await, begun(&client, "docs", "b", 4).await);
    let overridden = |method: &str, place: &str| tus(&client).post(place).header("X-HTTP-Method-Override", method);
    assert_eq!(offset(&overridden("HEAD", &upload).expect(200).await), 0);
    overridden("PATCH", &upload).header("Upload-Offset", "0").body(STREAM, *b"four").expect(204).await;
    assert_eq!(bytes(&client, "docs", "a").await, b"four");
    overridden("DELETE", &other).expect(204).await;
    assert_eq!(head(&client, &other).await.status, 404);
    overridden("GET", &upload).problem(405, "method_not_allowed").await;
    tus(&client).post(&upload).problem(405, "method_not_allowed").await;
    // And nowhere else.
    let sly = client.post(&file("docs", "a")).header("X-HTTP-Method-Override", "DELETE");
    sly.problem(400, "bad_request").await;
    assert_eq!(bytes(&client, "docs", "a").await, b"four");
}

async fn it_goes_on_after_a_restart(server: TestServer) {
    let manifest = "[buckets.docs]\nacknowledge = [\"create\", \"update\", \"delete\"]\n\
                    [buckets.docs.rules]\nread = \"true\"\nwrite = \"true\"\n";
    let server = server.with_app(manifest).await;
    let client = server.visitor();
    let content = noise(10, 6_500_000);
    let upload = begun(&client, "docs", "a", content.len()).await;
    send(&client, &upload, 0, &content[..5_700_000]).await;
    let server = server.with_app(manifest).await;
    let client = server.visitor();
    assert_eq!(offset(&head(&client, &upload).await.expect(200)), 5_700_000);
    send(&client, &upload, 5_700_000, &content[5_700_000..]).await;
    assert!(bytes(&client, "docs", "a").await == content, "another content");
}
