//! Pictures in other sizes and formats.

use basalt_images::testkit::{self, PLACE};
use basalt_testing::{Answer, Client, TestServer, on_both_engines};
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::support::{bytes, call, define_bucket, etag, file, metadata, open, owned, sha256, sign, with};

on_both_engines! {
    a_picture_is_answered_in_the_size_and_format_that_is_asked_for,
    the_answer_is_like_the_files_own,
    who_may_not_read_the_file_gets_no_picture_of_it,
    visitors_get_the_buckets_presets,
    a_signed_url_gives_the_size_that_it_was_signed_for,
    a_signed_url_of_a_file_gives_its_presets,
    what_makes_no_sense_is_refused,
    what_is_no_picture_is_told,
    the_place_of_a_photo_is_in_no_rendition_and_goes_on_demand,
    a_picture_is_described_in_its_document,
    many_who_ask_at_once_get_the_same,
    another_content_is_another_picture,
}

fn presets() -> Value {
    json!({"presets": {
        "thumb": {"width": 16, "height": 16, "fit": "cover", "format": "webp"},
        "small": {"width": 30},
    }})
}

async fn upload(client: &Client, bucket: &str, path: &str, picture: &[u8]) {
    client.put(&file(bucket, path)).body("application/octet-stream", picture).expect(201).await;
}

fn photo() -> Vec<u8> {
    testkit::jpeg(120, 80).expect("a picture")
}

fn size(answer: &Answer) -> (u32, u32) {
    let (width, height, [above, below]) = testkit::halves(&answer.bytes).expect("a picture");
    assert!(above[0] > 150 && below[2] > 150, "it stands upright: {above:?} {below:?}");
    (width, height)
}

async fn a_picture_is_answered_in_the_size_and_format_that_is_asked_for(server: TestServer) {
    define_bucket(&server, "photos", &with(open(), &presets())).await;
    let ann = server.user("ann").await;
    upload(&ann, "photos", "a.jpg", &photo()).await;
    upload(&ann, "photos", "a.png", &testkit::png(120, 80).expect("a picture")).await;
    for (name, parameters, content_type, expected) in [
        ("a.jpg", [("width", "60")].as_slice(), "image/jpeg", (60, 40)),
        ("a.png", &[("width", "60")], "image/png", (60, 40)),
        ("a.jpg", &[("height", "20"), ("format", "webp")], "image/webp", (30, 20)),
        ("a.jpg", &[("width", "50"), ("height", "50"), ("fit", "inside")], "image/jpeg", (50, 33)),
        ("a.jpg", &[("width", "50"), ("height", "50"), ("fit", "cover")], "image/jpeg", (50, 50)),
        ("a.jpg", &[("width", "500"), ("format", "png")], "image/png", (120, 80)),
        ("a.jpg", &[("width", "240"), ("fit", "cover"), ("quality", "40")], "image/jpeg", (240, 160)),
        ("a.png", &[("format", "webp"), ("quality", "1")], "image/webp", (120, 80)),
        ("a.jpg", &[("preset", "thumb")], "image/webp", (16, 16)),
    ] {
        let answer = ann.get(&file("photos", name)).query(parameters).expect(200).await;
        assert_eq!(answer.header("content-type").as_deref(), Some(content_type), "{parameters:?}");
        assert_eq!(size(&answer), expected, "{parameters:?}");
    }
    // Nothing but the letterbox is white.
    let parameters = [("width", "60"), ("height", "60"), ("fit", "contain")];
    let boxed = ann.get(&file("photos", "a.jpg")).query(&parameters).expect(200).await;
    let (width, height, [above, below]) = testkit::halves(&boxed.bytes).expect("a picture");
    assert_eq!((width, height), (60, 60));
    assert!(above[0] > 150 && below[2] > 150, "{above:?} {below:?}");
}

async fn the_answer_is_like_the_files_own(server: TestServer) {
    define_bucket(&server, "photos", &with(open(), &presets())).await;
    let ann = server.user("ann").await;
    upload(&ann, "photos", "trip/beach.jpg", &photo()).await;
    let path = format!("{}?width=60&format=webp", file("photos", "trip/beach.jpg"));
    let first = ann.get(&path).expect(200).await;
    assert_eq!(first.header("etag"), Some(etag(&first.bytes)));
    assert_eq!(first.header("content-length"), Some(first.bytes.len().to_string()));
    assert_eq!(first.header("x-content-type-options").as_deref(), Some("nosniff"));
    assert!(first.header("content-disposition").unwrap_or_default().contains("beach.webp"));
    assert_eq!(ann.get(&path).expect(200).await.bytes, first.bytes);
    ann.get(&path).header("If-None-Match", &etag(&first.bytes)).expect(304).await;
    let part = ann.get(&path).header("Range", "bytes=4-9").expect(206).await;
    assert_eq!(part.bytes, first.bytes[4..10]);
    let download = ann.get(&format!("{path}&download")).expect(200).await;
    assert!(download.header("content-disposition").unwrap_or_default().starts_with("attachment"));
    let head = ann.call(reqwest::Method::HEAD, &path).expect(200).await;
    assert_eq!(head.header("content-length"), Some(first.bytes.len().to_string()));
    assert!(head.bytes.is_empty());
    assert_eq!(bytes(&ann, "photos", "trip/beach.jpg").await, photo(), "the file itself is as it was");
}

async fn who_may_not_read_the_file_gets_no_picture_of_it(server: TestServer) {
    define_bucket(&server, "photos", &with(owned(), &presets())).await;
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    upload(&ann, "photos", "a.jpg", &photo()).await;
    let path = format!("{}?preset=thumb", file("photos", "a.jpg"));
    ann.get(&path).expect(200).await;
    bob.get(&path).problem(404, "file_not_found").await;
    server.visitor().get(&path).problem(404, "file_not_found").await;
    server.key(&["files:read:other"]).await.get(&path).problem(403, "scope_missing").await;
    server.key(&["files:read:photos"]).await.get(&path).expect(200).await;
    ann.delete(&file("photos", "a.jpg")).expect(204).await;
    ann.get(&path).problem(404, "file_not_found").await;
}

async fn visitors_get_the_buckets_presets(server: TestServer) {
    let public = json!({"public": true, "rules": {"create": "auth != null"}});
    define_bucket(&server, "site", &with(public, &presets())).await;
    let ann = server.user("ann").await;
    upload(&ann, "site", "a.jpg", &photo()).await;
    let visitor = server.visitor();
    let thumb = visitor.get(&format!("{}?preset=thumb", file("site", "a.jpg"))).expect(200).await;
    assert_eq!(size(&thumb), (16, 16));
    assert!(thumb.header("cache-control").unwrap_or_default().starts_with("public, max-age="));
    for query in ["width=16", "width=30", "format=webp", "strip=true", "quality=5"] {
        let path = format!("{}?{query}", file("site", "a.jpg"));
        visitor.get(&path).problem(403, "size_not_allowed").await;
        ann.get(&path).expect(200).await;
    }
}

async fn a_signed_url_gives_the_size_that_it_was_signed_for(server: TestServer) {
    define_bucket(&server, "photos", &with(owned(), &presets())).await;
    let ann = server.user("ann").await;
    upload(&ann, "photos", "a.jpg", &photo()).await;
    let visitor = server.visitor();
    let image = json!({"width": 40, "format": "webp"});
    let own = sign(&ann, "photos", json!({"path": "a.jpg", "method": "GET", "image": image})).await;
    let answer = visitor.get(&own).expect(200).await;
    assert_eq!((size(&answer), answer.header("content-type").as_deref()), ((40, 26 + 1), Some("image/webp")));
    visitor.get(&format!("{own}&width=40&format=webp")).expect(200).await;
    for query in ["width=41&format=webp", "width=40", "preset=thumb", "strip=true"] {
        visitor.get(&format!("{own}&{query}")).problem(403, "size_not_allowed").await;
    }
    let preset = sign(&ann, "photos", json!({"path": "a.jpg", "method": "GET", "preset": "thumb"})).await;
    assert_eq!(size(&visitor.get(&preset).expect(200).await), (16, 16));
    visitor.get(&format!("{preset}&preset=small")).problem(403, "size_not_allowed").await;
    let wanted = |image: Value| json!({"files": [{"path": "a.jpg", "method": "GET", "image": image}]});
    for image in [json!({"width": 5000}), json!({"fit": "cover"}), json!({"colour": "red"}), json!({}), json!("thumb")]
    {
        let refused = ann.post(&call("photos", "sign")).json(&wanted(image)).send().await;
        assert_eq!(refused.status, 400, "{refused}");
    }
}

async fn a_signed_url_of_a_file_gives_its_presets(server: TestServer) {
    define_bucket(&server, "photos", &with(owned(), &presets())).await;
    let ann = server.user("ann").await;
    upload(&ann, "photos", "a.jpg", &photo()).await;
    let url = sign(&ann, "photos", json!({"path": "a.jpg", "method": "GET"})).await;
    let visitor = server.visitor();
    assert_eq!(visitor.get(&url).expect(200).await.bytes, photo());
    assert_eq!(size(&visitor.get(&format!("{url}&preset=small")).expect(200).await), (30, 20));
    visitor.get(&format!("{url}&width=30")).problem(403, "size_not_allowed").await;
}

async fn what_makes_no_sense_is_refused(server: TestServer) {
    define_bucket(&server, "photos", &with(open(), &presets())).await;
    let ann = server.user("ann").await;
    upload(&ann, "photos", "a.jpg", &photo()).await;
    for query in [
        "width=0",
        "width=4097",
        "width=-3",
        "width=a",
        "height=1.5",
        "quality=0",
        "quality=101",
        "fit=cover",
        "width=3&fit=fill",
        "format=bmp",
        "format=png&quality=3",
        "strip=maybe",
        "preset=none",
        "preset=thumb&width=3",
        "width=99999999999999999999",
    ] {
        ann.get(&format!("{}?{query}", file("photos", "a.jpg"))).problem(400, "bad_parameter").await;
    }
    ann.get(&format!("{}?format=avif", file("photos", "a.jpg"))).problem(400, "format_not_available").await;
    ann.get(&format!("{}?rotate=90", file("photos", "a.jpg"))).problem(400, "unknown_parameter").await;
}

async fn what_is_no_picture_is_told(server: TestServer) {
    define_bucket(&server, "photos", &with(open(), &presets())).await;
    let ann = server.user("ann").await;
    upload(&ann, "photos", "text", b"words and words").await;
    upload(&ann, "photos", "drawing.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>").await;
    let whole = testkit::png(50, 50).expect("a picture");
    upload(&ann, "photos", "cut.png", &whole[..whole.len() / 2]).await;
    let mut bomb = whole;
    bomb[16..24].copy_from_slice(&[0, 0, 0xEA, 0x60, 0, 0, 0xEA, 0x60]);
    upload(&ann, "photos", "bomb.png", &bomb).await;
    for name in ["text", "drawing.svg", "cut.png", "bomb.png"] {
        for query in ["width=10", "preset=thumb", "format=webp"] {
            ann.get(&format!("{}?{query}", file("photos", name))).problem(422, "bad_image").await;
        }
        let document = ann.get(&metadata("photos", name)).expect(200).await.body();
        assert_eq!(document.get("image"), None, "{name}");
    }
}

async fn the_place_of_a_photo_is_in_no_rendition_and_goes_on_demand(server: TestServer) {
    define_bucket(&server, "photos", &with(open(), &presets())).await;
    let ann = server.user("ann").await;
    let tells = |bytes: &[u8]| bytes.windows(PLACE.len()).any(|window| window == PLACE);
    upload(&ann, "photos", "a.jpg", &photo()).await;
    assert!(tells(&bytes(&ann, "photos", "a.jpg").await));
    for query in ["width=120", "format=jpeg", "format=webp", "format=png", "preset=small", "strip=true"] {
        let answer = ann.get(&format!("{}?{query}", file("photos", "a.jpg"))).expect(200).await;
        assert!(!tells(&answer.bytes), "{query}");
        assert!(!answer.bytes.windows(4).any(|window| window == b"II*\0"), "{query}");
    }
    let stripped = ann.get(&format!("{}?strip=true", file("photos", "a.jpg"))).expect(200).await;
    assert_eq!(stripped.header("content-type").as_deref(), Some("image/jpeg"));
    assert!(stripped.bytes.windows(6).any(|window| window == b"Exif\0\0"), "how it is turned stays");
}

async fn a_picture_is_described_in_its_document(server: TestServer) {
    define_bucket(&server, "photos", &open()).await;
    let ann = server.user("ann").await;
    let made = ann.put(&file("photos", "a.jpg")).body("image/jpeg", photo()).expect(201).await.body();
    let image = &made["image"];
    assert_eq!((&image["width"], &image["height"]), (&json!(120), &json!(80)));
    assert_eq!(image["blurhash"].as_str().map(str::len), Some(28));
    let color = image["color"].as_str().unwrap_or_default();
    assert!(color.len() == 7 && color.starts_with('#'), "{color}");
    assert_eq!(&ann.get(&metadata("photos", "a.jpg")).expect(200).await.body()["image"], image);
    let copied = ann.post(&call("photos", "copy")).json(&json!({"from": "a.jpg", "to": "b.jpg"})).send().await.body();
    assert_eq!(&copied["image"], image);
}

async fn many_who_ask_at_once_get_the_same(server: TestServer) {
    define_bucket(&server, "photos", &with(open(), &presets())).await;
    let ann = server.user("ann").await;
    upload(&ann, "photos", "a.jpg", &photo()).await;
    let path = format!("{}?width=77&format=webp", file("photos", "a.jpg"));
    let answers = join_all((0..20).map(|_| ann.get(&path).expect(200))).await;
    let tags: std::collections::BTreeSet<_> = answers.iter().map(|answer| sha256(&answer.bytes)).collect();
    assert_eq!(tags.len(), 1);
}

async fn another_content_is_another_picture(server: TestServer) {
    define_bucket(&server, "photos", &with(open(), &presets())).await;
    let ann = server.user("ann").await;
    let path = format!("{}?preset=small", file("photos", "a"));
    upload(&ann, "photos", "a", &photo()).await;
    let first = ann.get(&path).expect(200).await;
    ann.put(&file("photos", "a")).body("image/png", testkit::png(90, 90).expect("a picture")).expect(200).await;
    let second = ann.get(&path).header("If-None-Match", &etag(&first.bytes)).expect(200).await;
    assert_eq!(size(&second), (30, 30));
    ann.put(&file("photos", "a")).body("text/plain", *b"words").expect(200).await;
    ann.get(&path).problem(422, "bad_image").await;
}
