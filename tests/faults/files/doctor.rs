//! `basalt doctor --files`

use basalt_testing::{Engine, Process, Store};
use serde_json::Value;

use super::support::{file, files_below, noise, server};

/// What it says of files, and whether all is well.
fn looked_at(process: &Process) -> (bool, String) {
    let output = process.try_run(&["doctor", "--files", "--json"]);
    let told: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    let checks = told["checks"].as_array().expect("checks");
    let files = checks.iter().find(|check| check["name"] == "files").expect("a look at files");
    assert_eq!(
        (files["ok"] == true, told["well"] == true),
        (output.status.success(), output.status.success()),
        "{told}"
    );
    (files["ok"] == true, files["detail"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_finds_what_is_lost_and_what_is_nobodys() {
    for engine in Engine::BOTH {
        let (mut process, client) = server(engine, Store::Local).await.expect("a folder");
        for n in 0..5 {
            let content = noise(n, 10_000);
            client.put(&file(&format!("f{n}"))).body("application/octet-stream", content).expect(201).await;
        }
        let (well, told) = looked_at(&process);
        assert!(well && told.contains("5 files of 50000 bytes") && told.contains("0 blobs"), "{told}");
        // On a stopped server, too.
        process.stop();
        assert_eq!(looked_at(&process), (well, told));
        // One that is gone, and one that is nobody's.
        let blobs = files_below(&process.data().join("files"));
        let whole = |path: &&std::path::PathBuf| path.metadata().is_ok_and(|found| found.len() == 10_000);
        let lost = blobs.iter().find(whole).expect("bytes");
        let stray = lost
            .with_file_name(lost.file_name().and_then(|name| name.to_str()).expect("a name").replace(['0', '1'], "2"));
        std::fs::copy(lost, &stray).expect("a copy");
        let (_, told) = looked_at(&process);
        assert!(stray == *lost || told.contains("1 blobs"), "{told}");
        std::fs::remove_file(lost).expect("gone");
        let (well, told) = looked_at(&process);
        assert!(!well && told.contains("docs/f"), "{told}");
        process.restart();
        assert!(!looked_at(&process).0);
        // Who asks for it is told of a fault of the server, and the others are there.
        let mut answers = Vec::new();
        for n in 0..5 {
            answers.push(client.get(&file(&format!("f{n}"))).try_send().await.map_or(0, |answer| answer.status));
        }
        assert_eq!(answers.iter().filter(|status| **status == 200).count(), 4, "{answers:?}");
    }
}
