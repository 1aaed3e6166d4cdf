//! Renditions: made once, kept by all nodes, gone with their file, and never more than there is room for.

use std::sync::Arc;
use std::time::Duration;

use basalt_app::files::images::{Asked, ImageOptions, SWEEP, SweepHandler};
use basalt_app::files::{
    Declared, Files, FilesParts, LET_GO, LetGoHandler, Opened, PieceFuture, Pieces, Status, Target, Wish,
};
use basalt_app::{Db, MasterSecret, behaviours, builtins};
use basalt_blob::{Blobs, Place};
use basalt_core::principal::OperatorRole;
use basalt_core::{BucketName, Code, FilePath};
use basalt_data::collections::{Builtins, Collections};
use basalt_data::documents::{Documents, NoHooks, Parts};
use basalt_data::jobs::{Handler, Outcome};
use basalt_images::testkit;
use basalt_store::testkit::TestDb;
use bytes::Bytes;
use futures_util::TryStreamExt;
use serde_json::json;

use crate::world::World;

struct Album {
    world: World,
    files: Files,
    collections: Collections,
    folder: tempfile::TempDir,
}

struct Body(Option<Bytes>);

impl Pieces for Body {
    fn next(&mut self) -> PieceFuture<'_> {
        let piece = self.0.take();
        Box::pin(async move { Ok(piece) })
    }
}

impl Album {
    async fn new(db: TestDb, options: ImageOptions) -> Self {
        let world = World::new(db).await;
        let store = world.db.store.clone();
        let collections = Collections::new(store.clone(), Builtins::new(builtins().unwrap()));
        let bucket = json!({"rules": {"read": "true"}, "presets": {"thumb": {"width": 8, "format": "png"}}});
        let owner = world.operator(OperatorRole::Owner);
        collections.put_bucket(&owner, &BucketName::parse("album").unwrap(), &bucket).await.unwrap();
        store.indexes_built().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let files = open(&world, &collections, folder.path(), options).await;
        Self { world, files, collections, folder }
    }

    /// As another node sees it.
    async fn other_node(&self) -> Files {
        open(&self.world, &self.collections, self.folder.path(), ImageOptions::default()).await
    }

    async fn put(&self, path: &str, bytes: Vec<u8>) -> Opened {
        let caller = self.world.service(&["*"]);
        let declared = Declared { size: Some(bytes.len() as u64), content_type: None };
        let mut body = Body(Some(bytes.into()));
        self.files.put(&caller, target(path), (declared, Wish::default()), None, &mut body).await.unwrap();
        self.files.open(&caller, &target(path), None).await.unwrap()
    }

    async fn ask(&self, files: &Files, opened: &Opened, query: &str) -> Vec<u8> {
        let parts = query.split('&').filter_map(|part| part.split_once('='));
        let asked = Asked::parse(parts).unwrap().unwrap();
        let service = self.world.service(&["*"]);
        let picture = files.picture(&service, &opened.file.target, None, Some(&asked)).await.unwrap().unwrap();
        let size = picture.opened.file.size;
        let pieces = files.read(&picture.opened, 0..size).await.unwrap();
        let bytes = pieces.try_collect::<Vec<Bytes>>().await.unwrap().concat();
        assert_eq!(bytes.len() as u64, size);
        assert!(picture.bytes.is_none_or(|memory| memory == bytes));
        bytes
    }

    /// How many files the store of bytes has.
    async fn stored(&self) -> usize {
        self.files.blobs().list().try_collect::<Vec<_>>().await.unwrap().len()
    }

    async fn run(&self, kind: &str, handler: &dyn Handler) -> usize {
        let store = &self.world.db.store;
        let jobs = store.claim_jobs(&[kind], 10, Duration::from_mins(1)).await.unwrap();
        for job in &jobs {
            assert_eq!(handler.run(job).await, Outcome::Done);
        }
        let jobs: Vec<_> = jobs.into_iter().map(Arc::new).collect();
        store.settle_jobs(&jobs, &[]).await.unwrap();
        jobs.len()
    }
}

async fn open(world: &World, collections: &Collections, folder: &std::path::Path, images: ImageOptions) -> Files {
    let (clock, random) = (world.db.clock.clone(), world.db.random.clone());
    let documents = Documents::new(Parts {
        store: world.db.store.clone(),
        collections: collections.clone(),
        clock: clock.clone(),
        random: random.clone(),
        cursor_key: [7; 32],
        behaviours: behaviours(),
        hooks: Arc::new(NoHooks),
        spans: Arc::new(basalt_core::trace::NoSpans),
    });
    Files::new(FilesParts {
        db: Db::new(world.db.store.clone(), clock, random),
        collections: collections.clone(),
        documents,
        blobs: Blobs::open(Place::Local(folder.to_owned())).await.unwrap(),
        master: MasterSecret::from_text("a master secret of the tests, long enough").unwrap(),
        images,
    })
}

fn target(path: &str) -> Target {
    Target { bucket: BucketName::parse("album").unwrap(), path: FilePath::parse(path).unwrap() }
}

async fn albums(options: ImageOptions) -> [Album; 2] {
    [Album::new(TestDb::sqlite().await, options).await, Album::new(TestDb::postgres().await, options).await]
}

#[tokio::test]
async fn a_rendition_is_made_once_and_kept_for_all_nodes() {
    for album in albums(ImageOptions::default()).await {
        let opened = album.put("a.jpg", testkit::jpeg(120, 80).unwrap()).await;
        let before = album.stored().await;
        let first = album.ask(&album.files, &opened, "width=30&format=webp").await;
        let (width, height, [above, below]) = testkit::halves(&first).unwrap();
        assert_eq!((width, height), (30, 20));
        assert!(above[0] > 180 && below[2] > 180, "it stands upright: {above:?} {below:?}");
        let asks = (0..5).map(|_| album.ask(&album.files, &opened, "format=webp&width=30"));
        assert!(futures_util::future::join_all(asks).await.iter().all(|bytes| *bytes == first));
        assert_eq!(album.ask(&album.other_node().await, &opened, "width=30&format=webp").await, first);
        assert_eq!(album.stored().await, before + 1);
        // The sweep of the store knows whose these bytes are.
        album.world.db.clock.advance(Duration::from_hours(49));
        album.files.sweep_bytes().await.unwrap();
        assert_eq!(album.ask(&album.other_node().await, &opened, "width=30&format=webp").await, first);
        assert_eq!(album.stored().await, before + 1);
    }
}

#[tokio::test]
async fn a_picture_is_described_and_what_is_none_is_not() {
    for album in albums(ImageOptions::default()).await {
        let opened = album.put("a.jpg", testkit::jpeg(120, 80).unwrap()).await;
        let image = opened.file.image.unwrap();
        assert_eq!((image["width"].as_u64(), image["height"].as_u64()), (Some(120), Some(80)));
        assert!(image["blurhash"].as_str().unwrap().len() > 10 && image["color"].as_str().unwrap().starts_with('#'));
        let mut broken = testkit::png(50, 50).unwrap();
        broken.truncate(60);
        let opened = album.put("broken.png", broken).await;
        assert_eq!((opened.file.image.clone(), opened.file.status), (None, Status::Ready));
        for opened in [opened, album.put("text", b"no picture".to_vec()).await] {
            let asked = Asked::Preset("thumb".to_owned());
            for _ in 0..2 {
                let refused =
                    album.files.picture(&album.world.visitor(), &opened.file.target, None, Some(&asked)).await;
                assert_eq!(refused.unwrap_err().code(), Code::BadImage);
            }
        }
    }
}

#[tokio::test]
async fn visitors_get_presets_and_no_other_size() {
    let album = Album::new(TestDb::sqlite().await, ImageOptions::default()).await;
    let opened = album.put("a.png", testkit::png(50, 50).unwrap()).await;
    let ask = async |asked: Asked| {
        let picture = album.files.picture(&album.world.visitor(), &opened.file.target, None, Some(&asked)).await;
        picture.map(|picture| picture.unwrap().width).map_err(|error| error.code())
    };
    assert_eq!(ask(Asked::Preset("thumb".to_owned())).await, Ok(8));
    assert_eq!(ask(Asked::Preset("other".to_owned())).await, Err(Code::BadParameter));
    let own = Asked::parse([("width", "8"), ("format", "png")]).unwrap().unwrap();
    assert_eq!(ask(own).await, Err(Code::SizeNotAllowed));
    assert!(album.files.picture(&album.world.visitor(), &opened.file.target, None, None).await.unwrap().is_none());
}

#[tokio::test]
async fn renditions_go_with_the_last_file_of_their_content() {
    for album in albums(ImageOptions::default()).await {
        let bytes = testkit::png(60, 40).unwrap();
        let opened = album.put("a.png", bytes.clone()).await;
        album.put("same.png", bytes).await;
        album.ask(&album.files, &opened, "width=30").await;
        album.ask(&album.files, &opened, "strip=true").await;
        assert_eq!(album.stored().await, 3);
        let service = album.world.service(&["*"]);
        album.files.delete(&service, target("a.png")).await.unwrap();
        album.world.db.clock.advance(Duration::from_hours(2));
        assert_eq!(album.run(LET_GO, &LetGoHandler(album.files.clone())).await, 0);
        assert_eq!(album.stored().await, 3);
        album.files.delete(&service, target("same.png")).await.unwrap();
        album.world.db.clock.advance(Duration::from_hours(2));
        assert_eq!(album.run(LET_GO, &LetGoHandler(album.files.clone())).await, 1);
        assert_eq!(album.stored().await, 0);
    }
}

#[tokio::test]
async fn beyond_what_is_kept_the_oldest_goes_that_nobody_used() {
    let sizes: Vec<String> = (1..40).map(|n| format!("width={}&height=10&fit=cover&format=png", 10 + n)).collect();
    for album in albums(ImageOptions { kept: 2_000, hot: 0, ..ImageOptions::default() }).await {
        let one = album.put("a.png", testkit::png(60, 40).unwrap()).await;
        let two = album.put("b.png", testkit::png(61, 40).unwrap()).await;
        let first = album.ask(&album.files, &one, &sizes[0]).await;
        album.world.db.clock.advance(Duration::from_hours(7));
        assert_eq!(album.ask(&album.files, &one, &sizes[0]).await, first);
        for (n, size) in sizes[1..].iter().enumerate() {
            album.ask(&album.files, &two, size).await;
            if n < 20 {
                album.ask(&album.files, &one, size).await;
            }
        }
        assert_eq!(album.stored().await, 2 + 21 + 32, "no content has more than 32 of them");
        assert_eq!(album.run(SWEEP, &SweepHandler(album.files.clone())).await, 1);
        let left: u64 =
            album.files.blobs().list().map_ok(|stored| stored.size).try_collect::<Vec<_>>().await.unwrap().iter().sum();
        let sources = one.file.size + two.file.size;
        assert!(left - sources <= 2_000, "{left} bytes are left");
        let before = album.stored().await;
        assert_eq!(album.ask(&album.files, &one, &sizes[0]).await, first);
        assert_eq!(album.stored().await, before, "what was used was kept");
        assert_eq!(album.run(SWEEP, &SweepHandler(album.files.clone())).await, 0);
    }
}

#[tokio::test]
async fn what_the_store_lost_is_made_anew() {
    let album = Album::new(TestDb::sqlite().await, ImageOptions { hot: 0, ..ImageOptions::default() }).await;
    let opened = album.put("a.png", testkit::png(60, 40).unwrap()).await;
    let sources: Vec<_> = album.files.blobs().list().try_collect().await.unwrap();
    let first = album.ask(&album.files, &opened, "width=30").await;
    let all: Vec<_> = album.files.blobs().list().try_collect().await.unwrap();
    for stored in all.iter().filter(|stored| !sources.contains(stored)) {
        album.files.blobs().delete(&stored.key).await.unwrap();
    }
    assert_eq!(album.ask(&album.files, &opened, "width=30").await, first);
    assert_eq!(album.stored().await, 2);
}
