//! Sizes, formats, transparency, turning.

use basalt_images::{Limits, render};

use crate::pictures::*;

#[test]
fn every_orientation_comes_out_upright_in_every_format() {
    let upright = corners(64, 40);
    for kind in KINDS {
        for orientation in 1..=8 {
            let source = encoded(&stored(&upright, orientation), kind, Some(exif(orientation, true)));
            let small = rendered(&source, "width=32");
            let picture = decoded(&small.bytes);
            assert_eq!((picture.width(), picture.height()), (32, 20), "{kind:?} {orientation}");
            assert!(quarters_are(&picture, [RED, GREEN, BLUE, YELLOW]), "{kind:?} {orientation}");
        }
    }
}

#[test]
fn what_was_cut_from_a_turned_picture_is_its_shown_middle() {
    let upright = corners(80, 20);
    for orientation in 1..=8 {
        let source = encoded(&stored(&upright, orientation), Kind::Png, Some(exif(orientation, false)));
        let picture = decoded(&rendered(&source, "width=20&height=20&fit=cover").bytes);
        assert_eq!((picture.width(), picture.height()), (20, 20));
        assert!(quarters_are(&picture, [RED, GREEN, BLUE, YELLOW]), "{orientation}");
    }
}

#[test]
fn every_format_is_read_and_written() {
    let picture = corners(60, 40);
    let mut sources: Vec<_> = KINDS.map(|kind| encoded(&picture, kind, None)).into();
    sources.push(gif(60, 40, 3));
    for source in &sources {
        for (format, content_type) in [("webp", "image/webp"), ("jpeg", "image/jpeg"), ("png", "image/png")] {
            let out = rendered(source, &format!("width=30&format={format}"));
            assert_eq!(out.content_type, content_type);
            assert_eq!((out.width, out.height), (30, 20));
            let out = decoded(&out.bytes);
            assert_eq!((out.width(), out.height()), (30, 20));
            assert!(quarters_are(&out, [RED, GREEN, BLUE, YELLOW]), "{format}");
        }
    }
    let same = sources.iter().map(|source| rendered(source, "width=30").content_type);
    assert!(same.eq(["image/jpeg", "image/png", "image/webp", "image/png"]));
}

#[test]
fn inside_is_never_larger_than_the_picture_nor_than_what_was_asked_for() {
    let source = encoded(&corners(90, 50), Kind::Png, None);
    for (query, size) in [
        ("width=1000", (90, 50)),
        ("width=1000&height=20", (36, 20)),
        ("height=25", (45, 25)),
        ("width=7&height=4096", (7, 4)),
        ("format=jpeg", (90, 50)),
        ("width=180&fit=cover", (180, 100)),
        ("width=100&height=100&fit=contain", (100, 100)),
        ("width=1&height=1", (1, 1)),
    ] {
        let out = rendered(&source, query);
        assert_eq!((out.width, out.height), size, "{query}");
        let picture = decoded(&out.bytes);
        assert_eq!((picture.width(), picture.height()), size, "{query}");
    }
}

#[test]
fn contain_leaves_the_rest_transparent_or_white() {
    let source = encoded(&corners(80, 20), Kind::Png, None);
    let clear = decoded(&rendered(&source, "width=40&height=40&fit=contain&format=webp").bytes).to_rgba8();
    assert_eq!(clear.get_pixel(20, 3)[3], 0);
    assert_eq!(clear.get_pixel(10, 20)[3], 255);
    let white = decoded(&rendered(&source, "width=40&height=40&fit=contain&format=jpeg").bytes).to_rgb8();
    assert!(near(white.get_pixel(20, 3).0, [255, 255, 255]));
}

#[test]
fn transparency_is_kept_where_the_format_has_it_and_white_where_not() {
    let source = png(&fading(100, 40));
    for format in ["webp", "png"] {
        let picture = decoded(&rendered(&source, &format!("width=50&format={format}")).bytes);
        assert!(picture.color().has_alpha(), "{format}");
        let picture = picture.to_rgba8();
        assert!(picture.get_pixel(1, 10)[3] > 230 && picture.get_pixel(48, 10)[3] < 25, "{format}");
    }
    let picture = decoded(&rendered(&source, "width=50&format=jpeg").bytes);
    let right = picture.to_rgb8().get_pixel(48, 10).0;
    assert!(near(right, [255, 255, 255]), "{right:?}");
}

#[test]
fn sixteen_bits_and_grey_are_read() {
    let deep = image::ImageBuffer::<image::Rgb<u16>, _>::from_fn(40, 40, |_, _| image::Rgb([50_000_u16, 10_000, 0]));
    let mut source = std::io::Cursor::new(Vec::new());
    image::DynamicImage::ImageRgb16(deep).write_to(&mut source, image::ImageFormat::Png).unwrap();
    let out = decoded(&rendered(source.get_ref(), "width=10&format=webp").bytes).to_rgb8();
    assert!(near(out.get_pixel(5, 5).0, [195, 39, 0]), "{:?}", out.get_pixel(5, 5));

    let grey = image::GrayImage::from_pixel(40, 40, image::Luma([90]));
    let mut source = std::io::Cursor::new(Vec::new());
    image::DynamicImage::ImageLuma8(grey).write_to(&mut source, image::ImageFormat::Jpeg).unwrap();
    let out = decoded(&rendered(source.get_ref(), "width=10").bytes).to_rgb8();
    assert!(near(out.get_pixel(5, 5).0, [90, 90, 90]));
}

#[test]
fn a_lower_quality_takes_less_and_the_same_wish_gives_the_same_bytes() {
    let picture = image::RgbImage::from_fn(200, 150, |x, y| {
        image::Rgb([(x * 7 % 251) as u8, (y * 13 % 241) as u8, ((x * y) % 239) as u8])
    });
    let source = encoded(&picture, Kind::Jpeg, None);
    for format in ["webp", "jpeg"] {
        let size = |quality: u8| rendered(&source, &format!("width=150&format={format}&quality={quality}")).bytes.len();
        assert!(size(20) < size(60) && size(60) < size(100), "{format}");
        let query = format!("width=77&height=33&fit=cover&format={format}");
        assert_eq!(rendered(&source, &query).bytes, rendered(&source, &query).bytes);
    }
}

#[test]
fn a_job_stops_between_its_stages_when_its_time_is_over() {
    let source = encoded(&corners(90, 50), Kind::Png, None);
    let over = Limits::default().until(std::time::Instant::now());
    let refused = render(&source, &wanted("width=10"), &over).unwrap_err();
    assert_eq!(refused.code(), basalt_core::Code::Timeout);
}
