//! `Range`, `If-Range`

use basalt_testing::{Answer, TestServer, on_both_stores};
use futures_util::future::join_all;

use super::support::{define_bucket, etag, file, noise, open, put};

on_both_stores! {
    a_range_is_a_part,
    what_is_beyond_the_end_is_refused,
    what_is_no_single_range_gets_the_whole,
    a_range_counts_only_of_the_version_that_was_meant,
    a_storm_of_ranges_is_answered,
}

const SIZE: usize = 150_000;

async fn ask(server: &TestServer, range: &str) -> Answer {
    server.visitor().get(&file("docs", "a")).header("Range", range).send().await
}

async fn a_range_is_a_part(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    let content = noise(1, SIZE);
    put(&server.visitor(), "docs", "a", &content).await;
    let last = SIZE - 1;
    for (range, from, to) in [
        ("bytes=0-0", 0, 0),
        ("bytes=10-19", 10, 19),
        ("bytes=65535-65536", 65_535, 65_536),
        ("bytes=0-", 0, last),
        ("bytes=100000-", 100_000, last),
        ("bytes=-1", last, last),
        ("bytes=-70000", SIZE - 70_000, last),
        ("bytes=-999999999", 0, last),
        ("bytes=149999-999999999", last, last),
        ("bytes= 5-6", 5, 6),
    ] {
        let answer = ask(&server, range).await.expect(206);
        assert_eq!(answer.header("content-range"), Some(format!("bytes {from}-{to}/{SIZE}")), "{range}");
        assert_eq!(answer.header("content-length"), Some((to - from + 1).to_string()), "{range}");
        assert!(answer.bytes == content[from..=to], "{range}: other bytes");
        assert_eq!(answer.etag(), etag(&content));
    }
}

async fn what_is_beyond_the_end_is_refused(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    put(&server.visitor(), "docs", "a", &noise(1, SIZE)).await;
    for range in ["bytes=150000-", "bytes=150000-150001", "bytes=18446744073709551615-", "bytes=-0"] {
        let answer = ask(&server, range).await.problem(416, "range_not_satisfiable");
        assert_eq!(answer.header("content-range"), Some(format!("bytes */{SIZE}")), "{range}");
    }
}

async fn what_is_no_single_range_gets_the_whole(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    let content = noise(1, SIZE);
    put(&server.visitor(), "docs", "a", &content).await;
    let storm = format!("bytes={}", vec!["0-"; 500].join(","));
    for range in ["bytes=0-0,2-3", "bytes=5-2", "bytes=a-b", "bytes=--1", "bytes=", "items=0-1", "bytes=0-1;", &storm] {
        let answer = ask(&server, range).await.expect(200);
        assert_eq!(answer.header("content-range"), None, "{range}");
        assert!(answer.bytes == content, "{range}: other bytes");
    }
}

async fn a_range_counts_only_of_the_version_that_was_meant(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    let content = noise(1, SIZE);
    put(&server.visitor(), "docs", "a", &content).await;
    let ask = |of: &str| server.visitor().get(&file("docs", "a")).header("Range", "bytes=5-9").header("If-Range", of);
    let modified = server.visitor().get(&file("docs", "a")).expect(200).await.header("last-modified").unwrap();
    ask(&etag(&content)).expect(206).await;
    ask(&modified).expect(206).await;
    for other in [etag(b"another"), format!("W/{}", etag(&content)), "Sat, 01 Jan 2000 00:00:00 GMT".into()] {
        assert!(ask(&other).expect(200).await.bytes == content, "{other}");
    }
}

async fn a_storm_of_ranges_is_answered(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    let content = noise(1, SIZE);
    put(&server.visitor(), "docs", "a", &content).await;
    let ranges = (0..100).map(|n| (n * 1_499, n * 1_499 + n * 7));
    let answers =
        join_all(ranges.map(async |(from, to)| (from, to, ask(&server, &format!("bytes={from}-{to}")).await)));
    for (from, to, answer) in answers.await {
        assert!(answer.expect(206).bytes == content[from..=to], "{from}-{to}");
    }
}
