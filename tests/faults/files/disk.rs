//! A disk that is full.

use basalt_testing::{Engine, Process};
use futures_util::stream;
use serde_json::json;

use super::support::{assert_all_whole, file, files_below, listed, noise, started};
use crate::disk::SmallDisk;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_told_and_heals() {
    for engine in Engine::BOTH {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let disk = match SmallDisk::mount(folder.path()) {
            Ok(disk) => disk,
            Err(lacking) => return println!("skipped: {lacking}"),
        };
        let files = disk.path().join("files");
        let mut process = Process::prepare(engine, &[]);
        process.set("BASALT_FILES_URL", files.to_str().expect("a path"));
        let (process, client) = started(process, &json!({})).await;
        let put = |path: &str, seed: u64, bytes: usize| {
            client.put(&file(path)).body("application/octet-stream", noise(seed, bytes))
        };
        put("kept", 1, 1 << 20).expect(201).await;
        let ballast = disk.fill_but(3 << 20);
        let before = files_below(&files);
        for path in ["new", "kept"] {
            put(path, 2, 8 << 20).problem(507, "storage_full").await;
            let pieces: Vec<_> =
                noise(3, 8 << 20).chunks(50_000).map(|piece| Ok::<_, std::io::Error>(piece.to_vec())).collect();
            let streamed = client.put(&file(path)).pieces("application/octet-stream", stream::iter(pieces));
            // Who is refused before he is through may find the connection closed.
            if let Ok(answer) = streamed.try_send().await {
                assert_eq!((answer.status, answer.code().as_deref()), (507, Some("storage_full")), "{answer}");
            }
        }
        assert_eq!(files_below(&files), before, "nothing half-written stays");
        assert_eq!(listed(&client).await.len(), 1);
        // What is small still fits, and what is there is read.
        put("small", 4, 100_000).expect(201).await;
        assert_all_whole(&client).await;
        std::fs::remove_file(ballast).expect("room");
        put("new", 2, 8 << 20).expect(201).await;
        assert_all_whole(&client).await;
        assert_eq!(listed(&client).await.len(), 3);
        drop(process);
    }
}
