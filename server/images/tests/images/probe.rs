//! What is told from the first bytes.

use basalt_core::Code;
use basalt_images::{HEAD_BYTES, Probed, Source, inspect, probe};

use crate::pictures::*;

/// Gives as many bytes as are asked for, and tells how often it was asked.
fn probed(source: &[u8]) -> (Probed, usize) {
    let mut given = 0;
    for round in 1..50 {
        match probe(&source[..given.min(source.len())]).unwrap() {
            Probed::More(needed) => {
                assert!(needed > given && needed <= HEAD_BYTES);
                given = needed;
            }
            known => return (known, round),
        }
    }
    panic!("it never has enough");
}

#[test]
fn the_first_bytes_tell_format_and_size() {
    let picture = corners(60, 40);
    for (source, format) in [
        (encoded(&picture, Kind::Jpeg, Some(exif(6, true))), Source::Jpeg),
        (encoded(&picture, Kind::Png, Some(exif(6, true))), Source::Png),
        (encoded(&picture, Kind::Webp, Some(exif(6, true))), Source::Webp),
        (encoded(&picture, Kind::Webp, None), Source::Webp),
        (rendered(&encoded(&picture, Kind::Png, None), "format=webp").bytes, Source::Webp),
        (gif(60, 40, 2), Source::Gif),
    ] {
        let (Probed::Picture(header), _) = probed(&source) else { panic!("{format:?} isn't known") };
        assert_eq!((header.format, header.width, header.height), (format, 60, 40));
        let whole = inspect(&source).unwrap();
        if matches!(format, Source::Jpeg | Source::Png) {
            assert_eq!(header, whole);
            assert_eq!((whole.shown(), whole.has_gps), ((40, 60), true));
        }
    }
}

#[test]
fn what_is_no_picture_is_unknown_and_a_broken_one_is_told() {
    for text in ["<svg xmlns='http://www.w3.org/2000/svg'/>", "just a text of some length", "GIF87b, or nearly so"] {
        assert_eq!(probe(text.as_bytes()).unwrap(), Probed::Unknown);
    }
    for broken in [
        b"\xFF\xD8\xFF\xD9and nothing else".as_slice(),
        b"\x89PNG\r\n\x1A\n\0\0\0\0IEND\0\0\0\0",
        b"RIFF\x10\0\0\0WEBPJUNK\x04\0\0\0....",
        b"GIF89a\0\0\0\0\0\0\0",
    ] {
        assert_eq!(probe(broken).unwrap_err().code(), Code::BadImage, "{broken:?}");
    }
}

#[test]
fn a_header_that_never_ends_is_given_up() {
    let mut endless = vec![0xFF, 0xD8];
    while endless.len() < HEAD_BYTES + 70_000 {
        endless.extend_from_slice(&[0xFF, 0xE5, 0xFF, 0xFF]);
        endless.resize(endless.len() + 65_533, 0);
    }
    let mut given = 12;
    let refused = loop {
        match probe(&endless[..given]) {
            Ok(Probed::More(needed)) => given = needed,
            other => break other.unwrap_err(),
        }
    };
    assert_eq!(refused.code(), Code::BadImage);
}
