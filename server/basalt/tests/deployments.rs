//! What a crash leaves of a deploy is finished by the next start.
#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::io::{Cursor, Write as _};
use std::net::SocketAddr;
use std::path::Path;

use basalt::{Configuration, Outside, RunningNode};
use basalt_app::deployments::{NewDeployment, Origin, State};
use basalt_core::Caller;
use serde_json::{Value, json};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

async fn start(folder: &Path) -> RunningNode {
    let configuration = Configuration {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        data: folder.join("data"),
        ..Configuration::default()
    };
    basalt::assemble(configuration, Outside::real()).await.unwrap().start().await.unwrap()
}

fn archive(manifest: &str) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file("app.toml", SimpleFileOptions::default()).unwrap();
    writer.write_all(manifest.as_bytes()).unwrap();
    writer.finish().unwrap().into_inner()
}

/// As a deploy writes it down before it applies anything.
async fn begin(node: &RunningNode, manifest: &str) {
    let options = json!({"remove": [], "acknowledge": {"These": []}, "alias": null});
    let new = NewDeployment { from: Origin::Deploy, content: archive(manifest), options, plan: Value::Null };
    node.rooms().deployments.begin(&caller(), new).await.unwrap();
}

fn caller() -> Caller {
    Caller::system(Outside::real().clock.now())
}

async fn states(node: &RunningNode) -> Vec<State> {
    let page = node.rooms().deployments.list(&caller(), None, 10).await.unwrap();
    page.deployments.into_iter().map(|deployment| deployment.state).collect()
}

fn collections(node: &RunningNode) -> Vec<String> {
    let all = node.rooms().collections.describe_all(&caller()).unwrap();
    all.into_iter().filter(|described| !described.built_in).map(|described| described.name.to_string()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_crash_left_is_finished_by_the_next_start_and_only_the_last_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let node = start(folder.path()).await;
    begin(&node, "[collections.former]\n").await;
    begin(&node, "[collections.last]\n[webhooks.crm]\nurl = \"https://crm.example.com\"\n").await;
    assert_eq!(states(&node).await, [State::Applying, State::Superseded]);
    node.stop().await;
    let node = start(folder.path()).await;
    assert_eq!(states(&node).await, [State::Applied, State::Superseded]);
    assert_eq!(collections(&node), ["last"]);
    assert_eq!(node.rooms().deployments.unfinished().await.unwrap().map(|left| left.deployment.id), None);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_can_no_longer_be_applied_stops_no_start() {
    let folder = tempfile::tempdir().unwrap();
    let node = start(folder.path()).await;
    begin(&node, "[collections.a]\nnonsense = 1\n").await;
    node.stop().await;
    let node = start(folder.path()).await;
    assert_eq!(states(&node).await, [State::Failed]);
    node.stop().await;
    let node = start(folder.path()).await;
    assert_eq!((states(&node).await, collections(&node)), (vec![State::Failed], Vec::new()));
    node.stop().await;
}
