//! What stands beside the pixels: never in a rendition, gone on demand, and what keeps the picture right stays.

use basalt_images::{Orientation, inspect, strip};
use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder};

use crate::pictures::*;

fn contains(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}

#[test]
fn a_rendition_has_nothing_of_the_metadata() {
    for kind in KINDS {
        let source = encoded(&corners(60, 40), kind, Some(exif(6, true)));
        assert!(inspect(&source).unwrap().has_gps && contains(&source, b"SECRETPLACE"), "{kind:?}");
        for format in ["webp", "jpeg", "png"] {
            let out = rendered(&source, &format!("format={format}")).bytes;
            assert!(!contains(&out, b"SECRETPLACE") && !contains(&out, b"Cam\0"), "{kind:?} {format}");
            let header = inspect(&out).unwrap();
            assert_eq!((header.has_gps, header.orientation), (false, Orientation::Upright));
        }
    }
}

#[test]
fn stripping_takes_the_place_and_keeps_the_pixels_and_how_they_are_turned() {
    for kind in KINDS {
        for orientation in [1, 6] {
            let source = encoded(&corners(60, 40), kind, Some(exif(orientation, true)));
            let out = strip(&source).unwrap();
            assert!(!contains(&out, b"SECRETPLACE") && !contains(&out, b"Cam\0"), "{kind:?}");
            assert_eq!(contains(&out, b"MM\0\x2A"), orientation != 1, "only what is turned keeps any EXIF: {kind:?}");
            let header = inspect(&out).unwrap();
            assert_eq!((header.has_gps, header.orientation.to_exif()), (false, orientation), "{kind:?}");
            assert_eq!(decoded(&out), decoded(&source), "{kind:?}");
            assert_eq!(strip(&out).unwrap(), out, "once is enough: {kind:?}");
            assert_eq!(rendered(&source, "strip=true").bytes, out);
        }
    }
}

#[test]
fn a_jpegs_comments_xmp_iptc_and_appendix_go_and_its_colours_stay() {
    let picture = corners(60, 40);
    let mut source = Vec::new();
    let mut encoder = JpegEncoder::new(&mut source);
    encoder.set_icc_profile(b"profile of colours".to_vec()).unwrap();
    encoder.write_image(&picture, 60, 40, ExtendedColorType::Rgb8).unwrap();
    let mut with = source[..2].to_vec();
    for (marker, payload) in [
        (0xFE_u8, b"a comment SECRETPLACE".as_slice()),
        (0xE1, b"http://ns.adobe.com/xap/1.0/\0<x exif:GPSLatitude='SECRETPLACE'/>"),
        (0xED, b"Photoshop 3.0\0SECRETPLACE"),
        (0xE2, b"MPF\0SECRETPLACE"),
    ] {
        with.extend_from_slice(&[0xFF, marker, 0, u8::try_from(payload.len() + 2).unwrap()]);
        with.extend_from_slice(payload);
    }
    with.extend_from_slice(&source[2..]);
    with.extend_from_slice(b"\xFF\xD8another picture SECRETPLACE\xFF\xD9");
    assert!(inspect(&with).unwrap().has_gps);
    let out = strip(&with).unwrap();
    assert_eq!(out, source);
    assert!(contains(&out, b"profile of colours"));
}

#[test]
fn a_pngs_texts_and_a_gifs_comments_go() {
    let source = encoded(&corners(60, 40), Kind::Png, None);
    let text = b"tEXtplace\0SECRETPLACE";
    let mut with = source[..33].to_vec();
    with.extend_from_slice(&u32::try_from(text.len() - 4).unwrap().to_be_bytes());
    with.extend_from_slice(text);
    // Nobody checks the sum of a chunk that nobody knows.
    with.extend_from_slice(&[0; 4]);
    with.extend_from_slice(&source[33..]);
    with.extend_from_slice(b"appended SECRETPLACE");
    assert_eq!(strip(&with).unwrap(), source);

    let source = gif(20, 20, 3);
    let mut with = source[..source.len() - 1].to_vec();
    with.extend_from_slice(b"\x21\xFE\x0BSECRETPLACE\0\x21\xFF\x0BXMP DataXMP\x0BSECRETPLACE\0;");
    assert_eq!(strip(&with).unwrap(), source);
}

#[test]
fn a_picture_of_another_colour_space_is_converted() {
    let mut profile = moxcms::ColorProfile::new_display_p3();
    profile.description = None;
    let picture = image::RgbImage::from_pixel(40, 40, image::Rgb([200, 100, 50]));
    let mut source = Vec::new();
    let mut encoder = image::codecs::png::PngEncoder::new(&mut source);
    encoder.set_icc_profile(profile.encode().unwrap()).unwrap();
    encoder.write_image(&picture, 40, 40, ExtendedColorType::Rgb8).unwrap();
    let out = decoded(&rendered(&source, "width=20&format=png").bytes).to_rgb8();
    // The same colour has more red and less blue in the smaller space.
    let [red, green, blue] = out.get_pixel(5, 5).0;
    assert!(red > 208 && green.abs_diff(97) < 6 && blue < 40, "{red} {green} {blue}");
}
