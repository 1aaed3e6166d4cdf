//! Names that would climb, mislead or break something.

use basalt_testing::{Part, TestServer, on_both_stores};
use serde_json::{Value, json};

use super::support::{bytes, call, define_bucket, file, files, metadata, noise, open, paths, put};

on_both_stores! {
    odd_but_good_names_are_kept,
    a_name_has_one_form,
    bad_names_are_refused_at_every_door,
    climbing_targets_reach_nothing,
    names_that_differ_in_case_are_two,
}

async fn odd_but_good_names_are_kept(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    let client = server.visitor();
    let long = "x".repeat(255);
    let deep = vec!["d"; 200].join("/");
    for (n, name) in [
        "a b+c&d=e?f#g.txt",
        "..a",
        "a..",
        "...",
        ".hidden",
        "100%",
        "%2F",
        "%2e%2e",
        "写真 1.png",
        "naïve",
        "\u{1f431}.gif",
        "a'b\"c",
        "a:b|c*d<e>",
        "CON",
        "-rf",
        "~",
        "$(id)",
        "`id`",
        "'; drop table files; --",
        "con.txt:stream",
        &long,
        &deep,
    ]
    .iter()
    .enumerate()
    {
        let target = encoded(name);
        let content = noise(n as u64, 50);
        let made = put(&client, "docs", &target, &content).await;
        assert_eq!(made.text_at("/path"), *name);
        assert_eq!(made.header("location"), Some(file("docs", &target)), "a location that can be followed");
        assert_eq!(bytes(&client, "docs", &target).await, content, "{name}");
        assert_eq!(client.get(&metadata("docs", &target)).expect(200).await.text_at("/path"), *name);
        let begins: String = name.chars().take(100).collect();
        assert_eq!(paths(&client, "docs", &[("prefix", &begins), ("limit", "1")]).await, [*name]);
        client.delete(&file("docs", &target)).expect(204).await;
    }
    assert!(paths(&client, "docs", &[]).await.is_empty());
}

/// As a target: what isn't unreserved is told by its bytes.
fn encoded(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    name.bytes().map(|byte| if plain(byte) { (byte as char).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// What looks the same is the same: composed characters.
async fn a_name_has_one_form(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    let client = server.visitor();
    put(&client, "docs", "caf%C3%A9", b"one").await;
    assert_eq!(bytes(&client, "docs", "cafe%CC%81").await, b"one");
    client.put(&file("docs", "cafe%CC%81")).body("text/plain", *b"two").expect(200).await;
    assert_eq!(paths(&client, "docs", &[]).await, ["caf\u{e9}"]);
    // Encoding what needn't be is no other name; a slash is a slash.
    put(&client, "docs", "a/b", b"three").await;
    assert_eq!(bytes(&client, "docs", "%61/b").await, b"three");
    for other in ["a%2Fb", "a%2fb"] {
        let answer = client.raw(&format!("GET {}", file("docs", other)), &[], b"").await;
        assert!([200, 400, 404].contains(&answer.status), "{answer}");
        if answer.status == 200 {
            assert_eq!(answer.bytes, b"three");
        }
    }
}

/// Each as it stands in a target, and as a body says it.
const BAD: [(&str, &str); 18] = [
    ("..", ".."),
    (".", "."),
    ("a/../b", "a/../b"),
    ("../a", "../a"),
    ("a/..", "a/.."),
    ("%2e%2e/a", "../a"),
    ("a/%2E%2E/%2e%2e/b", "a/../../b"),
    ("..%2f..%2fetc%2fpasswd", "../../etc/passwd"),
    ("%00", "\0"),
    ("a%00.png", "a\0.png"),
    ("a%5Cb", "a\\b"),
    ("..%5C..%5Cboot.ini", "..\\..\\boot.ini"),
    ("a//b", "a//b"),
    ("a/", "a/"),
    ("/a", "/a"),
    ("a%0D%0Ab", "a\r\nb"),
    ("gpj.%E2%80%AEexe", "gpj.\u{202e}exe"),
    ("a%7F", "a\u{7f}"),
];

async fn bad_names_are_refused_at_every_door(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    let client = server.visitor();
    put(&client, "docs", "a/b", b"good").await;
    put(&client, "docs", "b", b"good").await;
    let (long, deep) = ("x".repeat(256), vec!["dd"; 400].join("/"));
    let bad =
        BAD.iter().copied().chain([(long.as_str(), long.as_str()), (deep.as_str(), deep.as_str()), ("%ff%fe", "")]);
    for (target, name) in bad {
        for method in ["PUT", "GET", "HEAD", "DELETE"] {
            let headers = [("Content-Length", "1"), ("Content-Type", "text/plain")];
            let request = format!("{method} {}", file("docs", target));
            let answer = if method == "PUT" {
                client.raw(&request, &headers, b"x").await
            } else {
                client.raw(&request, &[], b"").await
            };
            assert!([400, 404, 405].contains(&answer.status), "{answer}");
        }
        let read = client.raw(&format!("GET {}", metadata("docs", target)), &[], b"").await;
        assert!([400, 404].contains(&read.status), "{read}");
        if name.is_empty() {
            continue;
        }
        refused(&client, name, json!({"from": "b", "to": name}), "copy").await;
        refused(&client, name, json!({"from": name, "to": "c"}), "copy").await;
        refused(&client, name, json!({"from": "b", "to": name}), "move").await;
        refused(&client, name, json!({"files": [{"path": name, "method": "PUT", "expiresIn": "1h"}]}), "sign").await;
        if !name.contains(['\r', '\0']) {
            let parts = [Part::text("path", name), Part::file("x", "text/plain", b"x")];
            let answer = client.post(&files("docs")).form(&parts).send().await;
            assert_eq!(answer.status, 400, "{name:?}: {answer}");
        }
    }
    assert_eq!(paths(&client, "docs", &[]).await, ["a/b", "b"]);
}

async fn refused(client: &basalt_testing::Client, name: &str, body: Value, door: &str) {
    let answer = client.post(&call("docs", door)).json(&body).send().await;
    assert!([400, 404].contains(&answer.status), "{door} {name:?}: {answer}");
    answer.assert_is_problem();
}

/// However a target climbs, no file of the machine comes back.
async fn climbing_targets_reach_nothing(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    let client = server.visitor();
    for up in ["..", "%2e%2e", "%2E.", "..%2f..", "..%5c", "%252e%252e", "..;", "%c0%ae%c0%ae", "....//"] {
        let climb = [up; 12].join("/");
        for target in [
            file("docs", &format!("{climb}/etc/passwd")),
            format!("/v1/buckets/{climb}/etc/passwd"),
            format!("/v1/buckets/docs/metadata/{climb}/etc/passwd"),
            format!("/v1/buckets/docs/files/{climb}%2fetc%2fpasswd"),
        ] {
            let answer = client.raw(&format!("GET {target}"), &[], b"").await;
            assert!((400..500).contains(&answer.status), "{answer}");
            assert!(!answer.text().contains("root:"), "{target}");
        }
    }
}

async fn names_that_differ_in_case_are_two(server: TestServer) {
    define_bucket(&server, "docs", &open()).await;
    let client = server.visitor();
    put(&client, "docs", "a", b"small").await;
    put(&client, "docs", "A", b"large").await;
    assert_eq!(bytes(&client, "docs", "a").await, b"small");
    assert_eq!(bytes(&client, "docs", "A").await, b"large");
}
