//! `examples/media`: one upload, three functions that don't know of each other.

use basalt_images::testkit;
use basalt_testing::{Client, TestServer, on_both_engines};
use serde_json::{Value, json};

use super::support::deploy;
use crate::files::support::{file, metadata};
use crate::functions::support::{collected, eventually};
use crate::support::documents;

on_both_engines!(a_picture_fans_out_to_three_functions, what_was_made_of_a_picture_goes_with_it);

async fn upload(owner: &Client, path: &str) -> Value {
    let picture = testkit::jpeg(640, 480).expect("a picture");
    owner.put(&file("pictures", path)).body("image/jpeg", picture).expect(201).await.body()
}

async fn list(client: &Client, collection: &str) -> Vec<Value> {
    client.get(&documents(collection)).expect(200).await.items()
}

async fn a_picture_fans_out_to_three_functions(server: TestServer) {
    deploy(&server, "media").await;
    let (ann, ben) = (server.user("ann").await, server.user("ben").await);
    let picture = upload(&ann, "summer/Blue_boat-2.jpg").await;
    let id = picture["id"].as_str().unwrap();

    let variants = collected(&server, "variants", 1).await;
    assert_eq!((&variants[0]["picture"], &variants[0]["kind"]), (&json!(id), &json!("thumbnail")));
    let thumbnail = ann.get(&file("thumbnails", &format!("{id}.webp"))).expect(200).await;
    assert_eq!(thumbnail.header("content-type").as_deref(), Some("image/webp"));
    let shown = ann.get(&metadata("thumbnails", &format!("{id}.webp"))).expect(200).await;
    assert_eq!((shown.at("/image/width"), shown.at("/image/height")), (json!(320), json!(320)));

    let facts = collected(&server, "metadata", 1).await;
    assert_eq!(
        (&facts[0]["id"], &facts[0]["shape"], &facts[0]["width"]),
        (&json!(id), &json!("landscape"), &json!(640))
    );
    let colour = facts[0]["colour"].as_str().unwrap();
    assert!(colour.len() == 7 && colour.starts_with('#'), "{colour}");

    let entries = collected(&server, "gallery", 1).await;
    assert_eq!((&entries[0]["title"], &entries[0]["words"]), (&json!("Blue_boat-2"), &json!("blue boat 2")));
    let search = ann.post("/v1/collections/gallery/query").json(&json!({"search": "boat"})).expect(200).await;
    assert_eq!(search.column("id"), [json!(id)]);

    // All of it is its owner's.
    for collection in ["variants", "metadata", "gallery"] {
        assert_eq!((list(&ann, collection).await.len(), list(&ben, collection).await.len()), (1, 0), "{collection}");
    }
    ben.get(&file("thumbnails", &format!("{id}.webp"))).expect(404).await;
}

async fn what_was_made_of_a_picture_goes_with_it(server: TestServer) {
    deploy(&server, "media").await;
    let ann = server.user("ann").await;
    let picture = upload(&ann, "one.jpg").await;
    let thumbnail = metadata("thumbnails", &format!("{}.webp", picture["id"].as_str().unwrap()));
    for collection in ["variants", "metadata", "gallery"] {
        collected(&server, collection, 1).await;
    }
    ann.delete(&file("pictures", "one.jpg")).expect(204).await;
    eventually("nothing is left of it", || async {
        let gone = ann.get(&thumbnail).send().await.status == 404;
        let mut left = 0;
        for collection in ["variants", "metadata", "gallery"] {
            left += list(&ann, collection).await.len();
        }
        (gone && left == 0).then_some(())
    })
    .await;
}
