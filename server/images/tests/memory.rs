//! Nothing that a file claims makes the process ask for more memory than its limits say.
//!
//! Alone in its binary, as it looks at the whole process.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

use basalt_images::{Limits, Wanted, describe, render};
use image::codecs::gif::GifEncoder;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::codecs::webp::WebPEncoder;
use image::{ExtendedColorType, Frame, ImageEncoder, Rgba, RgbaImage};

/// The most address space that this process ever had, in bytes: what was asked for, touched or not.
fn most_asked_for() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmPeak:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

fn sources() -> Vec<Vec<u8>> {
    let picture = RgbaImage::from_fn(40, 30, |x, y| {
        Rgba([if x < 20 { 10 } else { 200 }, if y < 15 { 30 } else { 220 }, 90, 255])
    });
    let mut out = vec![Vec::new(); 4];
    PngEncoder::new(&mut out[0]).write_image(&picture, 40, 30, ExtendedColorType::Rgba8).unwrap();
    WebPEncoder::new_lossless(&mut out[1]).write_image(&picture, 40, 30, ExtendedColorType::Rgba8).unwrap();
    GifEncoder::new(&mut out[2]).encode_frames([Frame::new(picture.clone())]).unwrap();
    let flat = image::DynamicImage::ImageRgba8(picture).into_rgb8();
    JpegEncoder::new(&mut out[3]).write_image(&flat, 40, 30, ExtendedColorType::Rgb8).unwrap();
    let wanted = Wanted::parse([("format", "webp")]).unwrap().unwrap();
    out.push(render(&out[0], &wanted, &Limits::default()).unwrap().bytes);
    out
}

#[test]
fn a_file_that_lies_about_its_size_gets_no_memory_for_it() {
    let limits = Limits { pixels: 1 << 20, memory: 16 << 20, ..Limits::default() };
    let wanted = Wanted::parse([("width", "20"), ("format", "webp")]).unwrap().unwrap();
    let sources = sources();
    for source in &sources {
        render(source, &wanted, &limits).unwrap();
    }
    let before = most_asked_for();
    for source in &sources {
        for place in 0..source.len().min(96) {
            for value in [0, 0x3F, 0x7F, 0xFF] {
                let mut changed = source.clone();
                changed[place] = value;
                if let Some(next) = changed.get_mut(place + 1) {
                    *next = value;
                }
                let _ = render(&changed, &wanted, &limits);
                let _ = describe(&changed, &limits);
            }
        }
    }
    let grown = most_asked_for() - before;
    assert!(grown <= 2 * limits.memory, "{} MB were asked for", grown >> 20);
}
