//! The folders of `examples/`, deployed as `basalt deploy` deploys them.

use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use basalt_testing::{Answer, TestServer};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// What an app's folder is deployed with; the rest of it is the front end's.
const PARTS: [&str; 3] = ["functions", "schemas", "templates"];

fn folder(example: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(example)
}

/// Brings an example to a server, and fails the test when it isn't applied.
pub(crate) async fn deploy(server: &TestServer, example: &str) -> Answer {
    deploy_with(server, example, |_, content| content).await
}

/// The same with files that are changed on the way, each by its path.
pub(crate) async fn deploy_with(
    server: &TestServer,
    example: &str,
    change: impl Fn(&str, Vec<u8>) -> Vec<u8>,
) -> Answer {
    let answer = try_deploy_with(server, example, change).await.expect(200);
    assert_eq!(answer.at("/applied"), true, "{answer}");
    answer
}

/// Hands back the answer, whatever it is.
pub(crate) async fn try_deploy_with(
    server: &TestServer,
    example: &str,
    change: impl Fn(&str, Vec<u8>) -> Vec<u8>,
) -> Answer {
    let body = zipped(&folder(example), change);
    server.owner().post("/v1/admin/deploy").body("application/zip", body).send().await
}

fn zipped(folder: &Path, change: impl Fn(&str, Vec<u8>) -> Vec<u8>) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let mut add = |path: &Path| {
        let name = path.strip_prefix(folder).expect("a path within it").to_string_lossy().into_owned();
        let content = change(&name, std::fs::read(path).expect("a file"));
        archive.start_file(name, SimpleFileOptions::default()).expect("an entry");
        archive.write_all(&content).expect("its bytes");
    };
    add(&folder.join("app.toml"));
    for part in PARTS {
        for path in files(&folder.join(part)) {
            add(&path);
        }
    }
    archive.finish().expect("an archive").into_inner()
}

/// All files below a folder; none where it isn't there.
fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut all = Vec::new();
    for entry in entries {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            all.extend(files(&path));
        } else {
            all.push(path);
        }
    }
    all.sort();
    all
}
