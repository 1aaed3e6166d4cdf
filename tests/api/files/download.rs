//! `GET` and `HEAD /v1/buckets/{b}/files/{path}`

use std::collections::BTreeSet;

use basalt_testing::{TestServer, on_both_stores};
use reqwest::Method;

use super::support::{define_bucket, etag, file, noise, open, owned, put};

on_both_stores! {
    it_tells_what_it_is,
    head_is_get_without_the_bytes,
    what_is_known_is_not_sent_again,
    it_comes_as_an_attachment_where_asked,
    names_are_told_safely,
    what_is_not_there_and_what_is_not_yours_look_alike,
    unknown_parameters_are_refused,
}

async fn it_tells_what_it_is(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    let content = noise(1, 200_000);
    let made = put(&server.visitor(), "docs", "a.bin", &content).await;
    let answer = server.visitor().get(&file("docs", "a.bin")).expect(200).await;
    assert!(answer.bytes == content, "other bytes came back");
    assert_eq!(answer.etag(), etag(&content));
    assert_eq!(answer.header("content-length"), Some(content.len().to_string()));
    assert_eq!(answer.header("accept-ranges").as_deref(), Some("bytes"));
    assert_eq!(answer.header("x-content-type-options").as_deref(), Some("nosniff"));
    assert_eq!(answer.header("content-type").as_deref(), made.at("/contentType").as_str());
    assert_eq!(answer.header("cache-control").as_deref(), Some("private, no-cache"));
    let modified = answer.header("last-modified").expect("Last-Modified");
    assert!(modified.ends_with(" GMT") && modified.contains("2026"), "{modified}");
    let policy = answer.header("content-security-policy").expect("a policy");
    assert!(policy.contains("sandbox") && policy.contains("default-src 'none'"), "{policy}");
}

async fn head_is_get_without_the_bytes(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    put(&server.visitor(), "docs", "a.bin", &noise(1, 5_000)).await;
    let path = file("docs", "a.bin");
    for range in [None, Some("bytes=10-19"), Some("bytes=9000-")] {
        let mut answers = Vec::new();
        for method in [Method::GET, Method::HEAD] {
            let call = server.visitor().call(method, &path);
            let call = if let Some(range) = range { call.header("Range", range) } else { call };
            answers.push(call.send().await);
        }
        let [get, head] = &answers[..] else { panic!("two answers") };
        assert_eq!(get.status, head.status, "{head}");
        assert!(head.bytes.is_empty(), "{head}");
        for name in ["etag", "last-modified", "accept-ranges", "content-type", "content-range", "content-disposition"] {
            assert_eq!(get.header(name), head.header(name), "{name}");
        }
        if get.status < 300 {
            assert_eq!(get.header("content-length"), head.header("content-length"));
        }
    }
    server.visitor().call(Method::HEAD, &file("docs", "nothing")).expect(404).await;
}

async fn what_is_known_is_not_sent_again(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    let content = noise(1, 5_000);
    put(&server.visitor(), "docs", "a.bin", &content).await;
    let ask = |tags: &str| server.visitor().get(&file("docs", "a.bin")).header("If-None-Match", tags);
    for tags in [etag(&content), format!("\"x\", {}", etag(&content)), format!("W/{}", etag(&content)), "*".into()] {
        let answer = ask(&tags).expect(304).await;
        assert!(answer.bytes.is_empty(), "{answer}");
        assert_eq!(answer.etag(), etag(&content));
        assert_eq!(answer.header("cache-control").as_deref(), Some("private, no-cache"));
    }
    ask(&etag(b"another")).expect(200).await;
    // By time, where no tag is told.
    let modified = server.visitor().get(&file("docs", "a.bin")).expect(200).await.header("last-modified").unwrap();
    let since = |time: &str| server.visitor().get(&file("docs", "a.bin")).header("If-Modified-Since", time);
    since(&modified).expect(304).await;
    since("Sat, 01 Jan 2000 00:00:00 GMT").expect(200).await;
    ask(&etag(b"another")).header("If-Modified-Since", &modified).expect(200).await;
    // A condition that doesn't hold.
    let get = |tag: &str| server.visitor().get(&file("docs", "a.bin")).header("If-Match", tag);
    get(&etag(&content)).expect(200).await;
    get(&etag(b"another")).problem(412, "precondition_failed").await;
}

async fn it_comes_as_an_attachment_where_asked(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    let client = server.visitor();
    client.put(&file("docs", "a/notes.txt")).body("text/plain", *b"text").expect(201).await;
    let ask = |query: &str| client.get(&format!("{}{query}", file("docs", "a/notes.txt")));
    let inline = ask("").expect(200).await.header("content-disposition").unwrap_or_default();
    assert!(!inline.starts_with("attachment"), "{inline}");
    let attached = ask("?download").expect(200).await.header("content-disposition").unwrap();
    assert!(attached.starts_with("attachment") && attached.contains("notes.txt"), "{attached}");
    let renamed = ask("?download=other.txt").expect(200).await.header("content-disposition").unwrap();
    assert!(renamed.starts_with("attachment") && renamed.contains("other.txt"), "{renamed}");
}

/// A header says the name in ASCII, and whole as RFC 8187 does; nothing breaks out of it.
async fn names_are_told_safely(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    let client = server.visitor();
    for (path, told) in [
        ("na%C3%AFve%20caf%C3%A9.bin", "filename*=UTF-8''na%C3%AFve%20caf%C3%A9%2Ebin"),
        ("a%22b;c=%25.bin", "filename*=UTF-8''a%22b%3Bc%3D%25%2Ebin"),
    ] {
        put(&client, "docs", path, &noise(1, 10)).await;
        let answer = client.get(&format!("{}?download", file("docs", path))).expect(200).await;
        let disposition = answer.header("content-disposition").unwrap();
        assert!(disposition.is_ascii() && disposition.contains(told), "{disposition}");
        let plain = disposition.split("filename=\"").nth(1).expect("a plain name").split('"').next().unwrap();
        assert!(!plain.contains([';', '\\', '%']) || plain.is_ascii(), "{disposition}");
    }
    for name in ["%0D%0ASet-Cookie:%20a=b", "..%2F..%2Fetc%2Fpasswd", "%00", "a%5Cb", "%E2%80%AEgpj.exe"] {
        let answer = client.get(&format!("{}?download={name}", file("docs", "a%22b;c=%25.bin"))).send().await;
        assert!(answer.header("set-cookie").is_none(), "{answer}");
        let disposition = answer.header("content-disposition").unwrap_or_default();
        assert!([200, 400].contains(&answer.status), "{answer}");
        for bad in ["/", "\\", "%00", "%0D", "%E2%80%AE"] {
            assert!(!disposition.contains(bad), "{name}: {disposition}");
        }
    }
}

async fn what_is_not_there_and_what_is_not_yours_look_alike(server: TestServer) {
    define_bucket(&server, "docs", &owned()).await;
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    put(&ann, "docs", "secret", b"ann's").await;
    let shape = |answer: &basalt_testing::Answer| {
        let mut body = answer.body();
        body["requestId"] = "".into();
        let names: BTreeSet<String> = answer.headers.keys().map(ToString::to_string).collect();
        (body.to_string().replace("nothing", "secret"), names)
    };
    for client in [&*bob, &server.visitor()] {
        for query in ["", "?download", "?width=100"] {
            let hidden = client.get(&format!("{}{query}", file("docs", "secret"))).problem(404, "file_not_found").await;
            let missing =
                client.get(&format!("{}{query}", file("docs", "nothing"))).problem(404, "file_not_found").await;
            assert_eq!(shape(&hidden), shape(&missing));
        }
        // Neither a tag nor a range tells that it is there.
        let guess = client.get(&file("docs", "secret")).header("If-None-Match", &etag(b"ann's"));
        guess.problem(404, "file_not_found").await;
        let guess = client.get(&file("docs", "secret")).header("Range", "bytes=0-0");
        guess.problem(404, "file_not_found").await;
    }
}

async fn unknown_parameters_are_refused(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    put(&server.visitor(), "docs", "a", b"x").await;
    server.visitor().get(&format!("{}?color=red", file("docs", "a"))).problem(400, "unknown_parameter").await;
    let call = server.visitor().put(&format!("{}?color=red", file("docs", "a"))).body("text/plain", *b"x");
    call.problem(400, "unknown_parameter").await;
}
