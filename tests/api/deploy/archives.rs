use basalt_testing::{TestServer, on_both_engines};

use super::{DEPLOY, archive};

on_both_engines! {
    tricks_of_archives_are_refused_each_with_its_own_word,
    what_is_too_large_or_no_archive_is_refused,
}

/// An archive with a file of this name, which a writer would make better.
fn named(name: &[u8]) -> Vec<u8> {
    let stand_in = "q".repeat(name.len());
    replaced(archive(&[("app.toml", ""), (&stand_in, "x")]), stand_in.as_bytes(), name)
}

fn replaced(mut bytes: Vec<u8>, from: &[u8], to: &[u8]) -> Vec<u8> {
    let places: Vec<usize> = (0..=bytes.len() - from.len()).filter(|at| bytes[*at..].starts_with(from)).collect();
    assert!(!places.is_empty());
    for at in places {
        bytes[at..at + to.len()].copy_from_slice(to);
    }
    bytes
}

async fn tricks_of_archives_are_refused_each_with_its_own_word(server: TestServer) {
    let zeros = "0".repeat(4 << 20);
    let mut encrypted = archive(&[("app.toml", "")]);
    let record = (0..encrypted.len()).find(|at| encrypted[*at..].starts_with(b"PK\x01\x02")).unwrap();
    encrypted[record + 8] |= 1;
    let many: Vec<String> = (0..2_001).map(|n| format!("functions/{n}.ts")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|path| (path.as_str(), "")).collect();
    for (bytes, expected) in [
        (named(b"../../etc/passwd"), "zip_traversal"),
        (named(b"/etc/passwd"), "zip_absolute"),
        (named(b"functions\\add.ts"), "zip_bad_name"),
        (named(b"functions/\x00.ts"), "zip_bad_name"),
        (replaced(archive(&[("a/q.ts", ""), ("a/z.ts", "")]), b"a/z.ts", b"a/q.ts"), "zip_duplicate"),
        (archive(&[("functions/add.ts", ""), ("functions/ADD.ts", "")]), "zip_duplicate"),
        (archive(&[("app.toml", ""), ("functions/zeros.ts", &zeros)]), "zip_bomb"),
        (archive(&many), "zip_too_many"),
        (encrypted, "zip_encrypted"),
        (b"PK\x03\x04 and nothing".to_vec(), "zip_broken"),
    ] {
        let answer =
            server.owner().post(DEPLOY).body("application/zip", bytes).problem(422, "invalid_definition").await;
        assert_eq!(answer.at("/errors/0/code"), expected, "{answer}");
    }
    assert_eq!(server.owner().get("/v1/admin/deployments").expect(200).await.items().len(), 0);
}

async fn what_is_too_large_or_no_archive_is_refused(server: TestServer) {
    let large = vec![0; (32 << 20) + 1];
    server.owner().post(DEPLOY).body("application/zip", large).problem(413, "too_large").await;
    let app = archive(&[("app.toml", "")]);
    server.owner().post(DEPLOY).body("application/json", app.clone()).problem(415, "unsupported_media_type").await;
    server.owner().post(DEPLOY).body("application/zip", archive(&[])).problem(422, "invalid_definition").await;
    server.owner().post(DEPLOY).body("application/zip", app).expect(200).await;
}
