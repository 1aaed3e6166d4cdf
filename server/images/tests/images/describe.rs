//! Blurhash, colour, size.

use basalt_images::{Limits, describe};

use crate::pictures::*;

#[test]
fn a_picture_is_described_as_it_is_shown() {
    let upright = corners(64, 40);
    let plain = describe(&encoded(&upright, Kind::Png, None), &Limits::default()).unwrap();
    assert_eq!((plain.width, plain.height), (64, 40));
    assert_eq!(plain.blurhash.len(), 1 + 1 + 4 + 2 * 11);
    let turned = encoded(&stored(&upright, 8), Kind::Png, Some(exif(8, true)));
    assert_eq!(describe(&turned, &Limits::default()).unwrap(), plain);
}

#[test]
fn the_colour_is_the_one_of_most_of_it() {
    let picture = image::RgbImage::from_fn(90, 90, |x, _| image::Rgb(if x < 60 { [10, 120, 200] } else { RED }));
    let described = describe(&encoded(&picture, Kind::Png, None), &Limits::default()).unwrap();
    assert_eq!(described.color, "#0a78c8");
    let unseen = describe(&png(&image::RgbaImage::new(30, 30)), &Limits::default()).unwrap();
    assert_eq!(unseen.color, "#ffffff");
}

#[test]
fn what_is_no_picture_or_too_large_is_not_described() {
    let source = encoded(&corners(64, 40), Kind::Png, None);
    assert_eq!(describe(b"no picture at all", &Limits::default()), None);
    assert_eq!(describe(&source[..source.len() / 2], &Limits::default()), None);
    let small = Limits { pixels: 64 * 40 - 1, ..Limits::default() };
    assert_eq!(describe(&source, &small), None);
}
