//! How long one rendition takes: `cargo run --release -p basalt-images --example speed [JPEG]`.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a tool for the terminal")]
#![expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "colours are clamped by the cast")]

use std::time::{Duration, Instant};

use basalt_images::{Limits, Wanted, describe, render};
use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder, Rgb, RgbImage};

const TRIES: usize = 9;

fn main() {
    let source = match std::env::args().nth(1) {
        Some(path) => std::fs::read(path).unwrap(),
        None => made(),
    };
    println!("source: {} KB", source.len() >> 10);
    for query in ["width=400&format=webp", "width=400&format=jpeg", "width=1600&format=webp", "width=400&format=png"] {
        let parts = query.split('&').filter_map(|part| part.split_once('='));
        let wanted = Wanted::parse(parts).unwrap().unwrap();
        let mut size = 0;
        let best = best(|| size = render(&source, &wanted, &Limits::default()).unwrap().bytes.len());
        println!("{query}: {best:.1?}, {} KB", size >> 10);
    }
    println!("describe: {:.1?}", best(|| _ = describe(&source, &Limits::default()).unwrap()));
}

fn best(mut work: impl FnMut()) -> Duration {
    let mut best = Duration::MAX;
    for _ in 0..TRIES {
        let start = Instant::now();
        work();
        best = best.min(start.elapsed());
    }
    best
}

/// 4000 × 3000 with something in every place of it.
fn made() -> Vec<u8> {
    let picture = RgbImage::from_fn(4000, 3000, |x, y| {
        let (x, y) = (x as f32, y as f32);
        let wave =
            |a: f32, b: f32| (127.0 + 80.0 * (x / a).sin() * (y / b).cos() + 40.0 * (x * y / 9000.0).sin()) as u8;
        Rgb([wave(310.0, 170.0), wave(41.0, 230.0), wave(97.0, 13.0)])
    });
    let mut out = Vec::new();
    JpegEncoder::new_with_quality(&mut out, 88).write_image(&picture, 4000, 3000, ExtendedColorType::Rgb8).unwrap();
    out
}
