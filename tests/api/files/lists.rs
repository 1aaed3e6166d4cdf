//! `GET /v1/buckets/{b}/files`

use basalt_testing::{TestServer, on_both_engines};
use serde_json::{Value, json};

use super::support::{define_bucket, files, metadata, noise, open, owned, paths, put};

on_both_engines! {
    files_come_in_the_order_of_their_paths,
    a_prefix_chooses,
    a_delimiter_makes_folders,
    filters_and_sorts_are_those_of_documents,
    pages_cover_everything_once,
    each_caller_sees_what_is_his,
    bad_parameters_are_refused,
}

async fn fill(server: &TestServer, all: &[&str]) {
    define_bucket(server, "docs", &open()).await;
    for (n, path) in all.iter().enumerate() {
        put(&server.visitor(), "docs", path, &noise(n as u64, n + 1)).await;
    }
}

async fn files_come_in_the_order_of_their_paths(server: TestServer) {
    fill(&server, &["b", "a/2", "a/1", "B", "a-1", "é"]).await;
    assert_eq!(paths(&server.visitor(), "docs", &[]).await, ["B", "a-1", "a/1", "a/2", "b", "é"]);
    let items = server.visitor().get(&files("docs")).expect(200).await.items();
    assert_eq!(items[0], server.visitor().get(&metadata("docs", "B")).expect(200).await.body());
    // Another bucket's files are elsewhere.
    define_bucket(&server, "other", &open()).await;
    put(&server.visitor(), "other", "x", b"x").await;
    assert_eq!(paths(&server.visitor(), "docs", &[]).await.len(), 6);
    assert_eq!(paths(&server.visitor(), "other", &[]).await, ["x"]);
}

async fn a_prefix_chooses(server: TestServer) {
    fill(&server, &["a/1", "a/2", "a_1", "ab", "a%25", "b"]).await;
    let with = async |prefix: &str| paths(&server.visitor(), "docs", &[("prefix", prefix)]).await;
    assert_eq!(with("a/").await, ["a/1", "a/2"]);
    assert_eq!(with("a").await, ["a%", "a/1", "a/2", "a_1", "ab"]);
    assert_eq!(with("").await.len(), 6);
    // No character of it is a wildcard.
    assert_eq!(with("a_").await, ["a_1"]);
    assert_eq!(with("a%").await, ["a%"]);
    assert!(with("A").await.is_empty());
    assert!(with("..").await.is_empty());
}

async fn a_delimiter_makes_folders(server: TestServer) {
    fill(&server, &["2026/1/a", "2026/1/b", "2026/2/a", "2026/x", "top", "2027/y"]).await;
    let list = async |prefix: &str| {
        let query = [("prefix", prefix), ("delimiter", "/")];
        let answer = server.visitor().get(&files("docs")).query(&query).expect(200).await;
        (answer.column("path"), answer.at("/prefixes"))
    };
    assert_eq!(list("").await, (vec![json!("top")], json!(["2026/", "2027/"])));
    assert_eq!(list("2026/").await, (vec![json!("2026/x")], json!(["2026/1/", "2026/2/"])));
    assert_eq!(list("2026/1/").await, (vec![json!("2026/1/a"), json!("2026/1/b")], json!([])));
}

async fn filters_and_sorts_are_those_of_documents(server: TestServer) {
    fill(&server, &["a", "b", "c", "d"]).await;
    let change = json!({"data": {"album": "summer"}});
    server.visitor().patch(&metadata("docs", "c")).json(&change).expect(200).await;
    let with = async |query: &[(&str, &str)]| paths(&server.visitor(), "docs", query).await;
    assert_eq!(with(&[("filter", "size >= 3")]).await, ["c", "d"]);
    assert_eq!(with(&[("filter", "data.album == 'summer'")]).await, ["c"]);
    assert_eq!(with(&[("filter", "data.album == vars.a"), ("vars", r#"{"a":"summer"}"#)]).await, ["c"]);
    assert_eq!(with(&[("sort", "-size")]).await, ["d", "c", "b", "a"]);
    assert_eq!(with(&[("sort", "-size"), ("limit", "2")]).await, ["d", "c"]);
    server.visitor().get(&files("docs")).query(&[("filter", "size >=")]).problem(400, "bad_filter").await;
}

async fn pages_cover_everything_once(server: TestServer) {
    let names: Vec<String> = (0..25).map(|n| format!("{}/{n:02}", n % 3)).collect();
    fill(&server, &names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    for more in [vec![], vec![("sort", "-size")], vec![("prefix", "1/")]] {
        let (mut seen, mut cursor) = (Vec::new(), None);
        loop {
            let mut query = more.clone();
            query.push(("limit", "4"));
            query.extend(cursor.as_deref().map(|cursor: &str| ("cursor", cursor)));
            let page = server.visitor().get(&files("docs")).query(&query).expect(200).await;
            assert!(page.items().len() <= 4);
            seen.extend(page.column("path"));
            match page.at("/nextCursor") {
                Value::String(next) => cursor = Some(next),
                _ => break,
            }
        }
        let all = paths(&server.visitor(), "docs", &more).await;
        assert_eq!(seen, all, "{more:?}");
    }
    server.visitor().get(&files("docs")).query(&[("cursor", "forged")]).problem(400, "bad_cursor").await;
}

async fn each_caller_sees_what_is_his(server: TestServer) {
    define_bucket(&server, "docs", &owned()).await;
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    put(&ann, "docs", "ann/1", b"x").await;
    put(&bob, "docs", "bob/1", b"x").await;
    assert_eq!(paths(&ann, "docs", &[]).await, ["ann/1"]);
    assert_eq!(paths(&bob, "docs", &[]).await, ["bob/1"]);
    assert!(paths(&server.visitor(), "docs", &[]).await.is_empty());
    assert_eq!(paths(server.service(), "docs", &[]).await, ["ann/1", "bob/1"]);
    // A folder is told only for a file in it that one sees.
    let folders = bob.get(&files("docs")).query(&[("delimiter", "/")]).expect(200).await;
    assert_eq!(folders.at("/prefixes"), json!(["bob/"]));
    // A filter can't reach beyond the rule.
    assert_eq!(paths(&bob, "docs", &[("filter", "true || owner != ''")]).await, ["bob/1"]);
}

async fn bad_parameters_are_refused(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    let ask = |name: &str, value: &str| server.visitor().get(&files("docs")).query(&[(name, value)]);
    ask("color", "red").problem(400, "unknown_parameter").await;
    ask("limit", "-1").problem(400, "bad_parameter").await;
    ask("limit", "100000").problem(400, "bad_parameter").await;
    ask("delimiter", "x").problem(400, "bad_parameter").await;
}
