//! Files that are made to do harm, and requests for them. What a browser does with them: tests/browser/files.

use basalt_testing::{Part, TestServer, on_both_engines};
use futures_util::future::join_all;
use serde_json::json;

use super::support::{bytes, define_bucket, etag, file, files, noise, open, paths, put};

on_both_engines! {
    polyglots_are_never_shown_as_pages,
    headers_cannot_be_smuggled_in,
    forms_that_never_end_are_bounded,
    broken_forms_are_refused,
    chunks_that_lie_leave_nothing,
    a_bomb_of_pixels_is_not_unpacked,
    other_methods_are_refused,
    tokens_and_ranges_of_any_form_are_no_fault,
}

/// One file that is several: its first bytes are a picture's, and a browser that guessed would find a page in it.
async fn polyglots_are_never_shown_as_pages(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    let client = server.visitor();
    let page = b"<html><script>alert(document.domain)</script></html>";
    let gif = [b"GIF89a/*".as_slice(), page, b"*/=1"].concat();
    let jpeg = [b"\xff\xd8\xff\xe0\x00\x10JFIF\0\x01".as_slice(), page].concat();
    let pdf = [b"%PDF-1.4\n".as_slice(), page].concat();
    let late = [noise(1, 600), page.to_vec()].concat();
    let bom = [b"\xef\xbb\xbf".as_slice(), page].concat();
    let utf16: Vec<u8> = "\u{feff}<script>alert(1)</script>".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let utf7 = b"+ADw-script+AD4-alert(1)+ADw-/script+AD4-".to_vec();
    let spaced = [b"\r\n\t \x0c".as_slice(), page].concat();
    let commented = [b"<!-- ".as_slice(), &noise(2, 50), b" -->", page].concat();
    for (n, content) in [gif, jpeg, pdf, late, bom, utf16, utf7, spaced, commented].iter().enumerate() {
        for declared in
            ["image/gif", "image/jpeg", "text/html", "text/plain", "application/pdf", "image/svg+xml", "x/y"]
        {
            let path = file("docs", &format!("{n}"));
            client.put(&path).body(declared, content.clone()).send().await;
            let answer = client.get(&path).expect(200).await;
            assert_eq!(answer.bytes, *content);
            let kind = answer.header("content-type").unwrap();
            let attached = answer.header("content-disposition").is_some_and(|value| value.starts_with("attachment"));
            let shown = ["image/gif", "image/jpeg", "text/plain", "application/pdf", "application/octet-stream"]
                .iter()
                .any(|good| kind.starts_with(good));
            assert!(attached || shown, "{n} as {declared} is shown as {kind}");
            assert_eq!(answer.header("x-content-type-options").as_deref(), Some("nosniff"));
            // A viewer of documents runs nothing in the page's name, and works in no sandbox.
            let policy = answer.header("content-security-policy").unwrap_or_default();
            assert!(policy.contains("sandbox") || kind == "application/pdf", "{n} as {declared}: {policy}");
            assert!(policy.contains("default-src 'none'"), "{n} as {declared}: {policy}");
            client.delete(&path).expect(204).await;
        }
    }
}

async fn headers_cannot_be_smuggled_in(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    let client = server.visitor();
    for name in ["a\"; filename=\"b.html", "a%22%0d%0aX: y", "../../a", "a;b=c"] {
        let parts = [Part::text("path", "x"), Part::file(name, "text/plain", b"x")];
        let answer = client.post(&files("docs")).form(&parts).send().await;
        assert!([200, 201, 400].contains(&answer.status), "{answer}");
    }
    client.put(&file("docs", "x")).body("text/plain; charset=\"a\tb\"; x=y", *b"x").send().await;
    let answer = client.get(&file("docs", "x")).expect(200).await;
    assert!(answer.header("x").is_none() && answer.header("set-cookie").is_none(), "{answer}");
    let kind = answer.header("content-type").unwrap();
    assert!(kind.starts_with("text/plain") && !kind.contains("x=y"), "{kind}");
}

async fn forms_that_never_end_are_bounded(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    let client = server.visitor();
    let large = "x".repeat(3 << 20);
    for parts in [
        vec![Part::text("path", &large), Part::file("a", "text/plain", b"x")],
        vec![Part::text("data", &large), Part::file("a", "text/plain", b"x")],
        vec![Part::text(&large, "x"), Part::file("a", "text/plain", b"x")],
        (0..5_000).map(|_| Part::text("path", "x")).collect(),
        vec![Part::file("a", "text/plain", b"x"), Part::file("b", "text/plain", b"y")],
    ] {
        if let Ok(answer) = client.post(&files("docs")).form(&parts).try_send().await {
            assert!([400, 413].contains(&answer.status), "{answer}");
        }
    }
    assert!(paths(&client, "docs", &[]).await.is_empty());
}

async fn broken_forms_are_refused(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    let client = server.visitor();
    let part = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nx";
    for (kind, body) in [
        ("multipart/form-data", format!("{part}\r\n--b--\r\n")),
        ("multipart/form-data; boundary=", format!("{part}\r\n--b--\r\n")),
        ("multipart/form-data; boundary=c", format!("{part}\r\n--b--\r\n")),
        ("multipart/form-data; boundary=b", part.to_owned()),
        ("multipart/form-data; boundary=b", "--b--\r\n".to_owned()),
        ("multipart/form-data; boundary=b", String::new()),
        ("multipart/form-data; boundary=b", "--b\r\n\r\nx\r\n--b--\r\n".to_owned()),
    ] {
        let answer = client.post(&files("docs")).body(kind, body).send().await;
        assert!([400, 415].contains(&answer.status), "{kind}: {answer}");
        answer.assert_is_problem();
    }
    assert!(paths(&client, "docs", &[]).await.is_empty());
}

async fn chunks_that_lie_leave_nothing(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    let client = server.visitor();
    let request = format!("PUT {}", file("docs", "a"));
    let chunked = [("Transfer-Encoding", "chunked"), ("Content-Type", "text/plain")];
    for body in [
        &b"zz\r\nx\r\n0\r\n\r\n"[..],
        b"-1\r\nx\r\n0\r\n\r\n",
        b"fffffffffffffffff\r\nx",
        b"5\r\nxxxxxxxxxx\r\n0\r\n\r\n",
    ] {
        let answer = client.try_raw(&request, &chunked, body).await;
        assert!(answer.is_none_or(|answer| (400..500).contains(&answer.status)), "{body:?}");
    }
    let both = [("Transfer-Encoding", "chunked"), ("Content-Length", "3"), ("Content-Type", "text/plain")];
    let answer = client.try_raw(&request, &both, b"3\r\nabc\r\n0\r\n\r\n").await;
    assert!(answer.is_none_or(|answer| answer.status < 500));
    let good = client.raw(&request, &chunked, b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n").await;
    assert!([200, 201].contains(&good.status), "{good}");
    assert_eq!(bytes(&client, "docs", "a").await, b"abcde");
}

/// A header that promises more pixels than memory holds.
async fn a_bomb_of_pixels_is_not_unpacked(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    let client = server.visitor();
    let mut bomb = super::support::PNG.to_vec();
    bomb[16..24].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff]);
    let answer = client.put(&file("docs", "bomb.png")).body("image/png", bomb.clone()).send().await;
    assert!([201, 422].contains(&answer.status), "{answer}");
    if answer.status == 201 {
        let asked = join_all(
            (0..8).map(|n| server.service().get(&format!("{}?width={}", file("docs", "bomb.png"), 10 + n)).send()),
        );
        for answer in asked.await {
            assert_eq!((answer.status, answer.code().as_deref()), (422, Some("bad_image")), "{answer}");
        }
        assert_eq!(bytes(&client, "docs", "bomb.png").await, bomb);
    }
}

async fn other_methods_are_refused(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    let client = server.visitor();
    put(&client, "docs", "a", b"x").await;
    for method in ["PATCH", "POST", "TRACE", "PROPFIND", "MOVE", "COPY"] {
        let answer = client.raw(&format!("{method} {}", file("docs", "a")), &[("Content-Length", "0")], b"").await;
        assert_eq!(answer.status, 405, "{answer}");
    }
    // No header makes another method of one.
    let answer = client.post(&files("docs")).header("X-HTTP-Method-Override", "DELETE").json(&json!({})).send().await;
    assert!((400..500).contains(&answer.status), "{answer}");
    let answer = client.get(&file("docs", "a")).header("X-HTTP-Method-Override", "DELETE").send().await;
    assert!([200, 400].contains(&answer.status), "{answer}");
    assert_eq!(bytes(&client, "docs", "a").await, b"x");
}

async fn tokens_and_ranges_of_any_form_are_no_fault(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    let client = server.visitor();
    put(&client, "docs", "a", &noise(1, 10_000)).await;
    let long = "0-1,".repeat(2_000);
    for (name, value) in [
        ("Range", long.as_str()),
        ("Range", "bytes=18446744073709551616-"),
        ("Range", "bytes=-18446744073709551616"),
        ("Range", "bytes=0-18446744073709551616"),
        ("Range", "bytes=\u{ff}"),
        ("If-Range", "\"\""),
        ("If-None-Match", "\"\",,,\"x"),
        ("If-Match", ","),
        ("If-Modified-Since", "yesterday"),
        ("Accept-Encoding", "gzip, br, zstd"),
        ("Basalt-File-Data", "%%%"),
    ] {
        let answer = client.raw(&format!("GET {}", file("docs", "a")), &[(name, value)], b"").await;
        assert!([200, 206, 304, 400, 412, 416, 431].contains(&answer.status), "{name}: {value}: {answer}");
        if answer.status == 200 {
            assert_eq!((answer.bytes.len(), answer.etag()), (10_000, etag(&noise(1, 10_000))));
        }
    }
    for query in
        ["token=", "token=a&token=b", "token=%00", "preset=", "width=", "width=-1", "width=1e9", "download=%ff"]
    {
        let answer = client.raw(&format!("GET {}?{query}", file("docs", "a")), &[], b"").await;
        assert!((200..500).contains(&answer.status), "{query}: {answer}");
    }
}
