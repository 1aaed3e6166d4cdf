//! An object store that is gone, and comes back.

use basalt_testing::{Engine, Process, Store};
use futures_util::{StreamExt, stream};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::support::{assert_all_whole, file, listed, noise, started};

/// A port in front of a store, which can be closed.
struct Relay {
    port: u16,
    store: String,
    open: Option<JoinHandle<()>>,
}

impl Relay {
    /// In front of the store of this place; the place that leads through it.
    async fn before(place: &str) -> (Self, String) {
        let endpoint = place.split("endpoint=http://").nth(1).expect("an endpoint").split('&').next().expect("one");
        let mut relay = Self { port: 0, store: endpoint.to_owned(), open: None };
        relay.open().await;
        let through = place.replace(endpoint, &format!("127.0.0.1:{}", relay.port));
        (relay, through)
    }

    async fn open(&mut self) {
        let listener = TcpListener::bind(("127.0.0.1", self.port)).await.expect("the port");
        self.port = listener.local_addr().expect("its address").port();
        let store = self.store.clone();
        self.open = Some(tokio::spawn(async move {
            // The connections end with the task that holds them.
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((mut client, _)) = listener.accept().await {
                let store = store.clone();
                connections.spawn(async move {
                    let Ok(mut store) = TcpStream::connect(store).await else { return };
                    let _ = tokio::io::copy_bidirectional(&mut client, &mut store).await;
                });
            }
        }));
    }

    /// Whoever is connected is cut off.
    async fn close(&mut self) {
        if let Some(task) = self.open.take() {
            task.abort();
            let _ = task.await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_is_gone_is_told_and_its_return_heals_by_itself() {
    let place = match Store::S3.place() {
        Ok(place) => place.expect("a place"),
        Err(lacking) => return println!("skipped: {lacking}"),
    };
    let (mut relay, through) = Relay::before(&place).await;
    let mut process = Process::prepare(Engine::Sqlite, &[]);
    process.set("BASALT_FILES_URL", &through);
    let (process, client) = started(process, &json!({})).await;
    let put = |path: &str, seed: u64, bytes: usize| {
        client.put(&file(path)).body("application/octet-stream", noise(seed, bytes))
    };
    put("kept", 1, 100_000).expect(201).await;

    relay.close().await;
    put("small", 2, 1_000).problem(503, "unavailable").await;
    client.get(&file("kept")).problem(503, "unavailable").await;
    // What needs no bytes is answered.
    assert_eq!(listed(&client).await.len(), 1);
    client.get("/v1/buckets/docs/metadata/kept").expect(200).await;
    client.get("/health/live").expect(200).await;

    relay.open().await;
    put("small", 2, 1_000).expect(201).await;
    assert_all_whole(&client).await;

    // It goes while an upload is under way.
    let (first, rest) = (noise(3, 7 << 20), noise(4, 7 << 20));
    let (more, go_on) = tokio::sync::oneshot::channel::<()>();
    let body = stream::once(async { Ok::<_, std::io::Error>(first) }).chain(stream::once(async move {
        let _ = go_on.await;
        Ok(rest)
    }));
    let upload = tokio::spawn(client.put(&file("large")).pieces("application/octet-stream", body).try_send());
    relay.close().await;
    let _ = more.send(());
    if let Ok(answer) = upload.await.expect("a task") {
        assert_eq!((answer.status, answer.code().as_deref()), (503, Some("unavailable")), "{answer}");
    }
    relay.open().await;
    client.get(&file("large")).problem(404, "file_not_found").await;
    put("large", 5, 7 << 20).expect(201).await;
    assert_all_whole(&client).await;
    drop(process);
}
