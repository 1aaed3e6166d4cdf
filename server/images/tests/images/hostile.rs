//! Files that lie.

use std::panic::catch_unwind;

use basalt_core::Code;
use basalt_images::{Limits, describe, inspect, probe, render, strip};

use crate::pictures::*;

fn refusal(source: &[u8]) -> Code {
    render(source, &wanted("width=20&format=webp"), &Limits::default()).unwrap_err().code()
}

/// A sum over a PNG's first chunk that fits what it says now.
fn claim_png(source: &mut [u8], width: u32, height: u32) {
    source[16..20].copy_from_slice(&width.to_be_bytes());
    source[20..24].copy_from_slice(&height.to_be_bytes());
    let mut crc = u32::MAX;
    for byte in &source[12..29] {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
        }
    }
    source[29..33].copy_from_slice(&(!crc).to_be_bytes());
}

#[test]
fn pixel_bombs_are_refused_by_what_they_claim() {
    let picture = corners(60, 40);
    let mut bomb = encoded(&picture, Kind::Png, None);
    claim_png(&mut bomb, 60_000, 60_000);
    assert_eq!(refusal(&bomb), Code::BadImage);
    assert_eq!(describe(&bomb, &Limits::default()), None);
    claim_png(&mut bomb, u32::MAX, u32::MAX);
    assert_eq!(refusal(&bomb), Code::BadImage);

    let mut bomb = encoded(&picture, Kind::Jpeg, None);
    let frame = bomb.windows(2).position(|window| window == [0xFF, 0xC0]).unwrap();
    bomb[frame + 5..frame + 9].copy_from_slice(&[0xFF; 4]);
    assert_eq!(refusal(&bomb), Code::BadImage);

    let mut bomb = gif(60, 40, 1);
    bomb[6..10].copy_from_slice(&[0xFF; 4]);
    assert_eq!(refusal(&bomb), Code::BadImage);
}

#[test]
fn a_picture_within_the_limit_that_has_other_pixels_than_it_claims_is_bad() {
    let mut liar = encoded(&corners(60, 40), Kind::Png, None);
    claim_png(&mut liar, 3000, 3000);
    assert_eq!(refusal(&liar), Code::BadImage);

    // A second frame, which a decoder may go by.
    let source = encoded(&corners(60, 40), Kind::Jpeg, None);
    let frame = source.windows(2).position(|window| window == [0xFF, 0xC0]).unwrap();
    let length = 2 + usize::from(source[frame + 3]);
    let mut second = source[frame..frame + length].to_vec();
    second[5..9].copy_from_slice(&[0x60, 0, 0x60, 0]);
    let mut liar = source[..frame + length].to_vec();
    liar.extend_from_slice(&second);
    liar.extend_from_slice(&source[frame + length..]);
    assert_eq!(refusal(&liar), Code::BadImage);
}

#[test]
fn a_webp_whose_frame_is_larger_than_its_canvas_is_bad() {
    let plain = rendered(&encoded(&corners(60, 40), Kind::Png, None), "format=webp").bytes;
    let mut liar = b"RIFF\0\0\0\0WEBPVP8X\x0A\0\0\0\0\0\0\0\x09\0\0\x09\0\0".to_vec();
    liar.extend_from_slice(&plain[12..]);
    let length = u32::try_from(liar.len() - 8).unwrap();
    liar[4..8].copy_from_slice(&length.to_le_bytes());
    assert_eq!(refusal(&liar), Code::BadImage);
}

#[test]
fn a_gif_of_thousands_of_frames_costs_its_first() {
    let many = gif(16, 16, 3000);
    let out = rendered(&many, "width=8&format=webp");
    assert_eq!((out.width, out.height), (8, 8));
}

#[test]
fn a_cut_file_is_bad_wherever_it_is_cut_or_shows_what_is_there() {
    for kind in KINDS {
        let source = encoded(&corners(60, 40), kind, Some(exif(6, true)));
        for length in 0..source.len() {
            let cut = &source[..length];
            let _ = probe(cut);
            let _ = strip(cut);
            if let Err(refused) = render(cut, &wanted("width=20"), &Limits::default()) {
                assert_eq!(refused.code(), Code::BadImage, "{kind:?} {length}");
            }
        }
    }
}

/// The same numbers each time.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % below as u64).unwrap()
    }
}

#[test]
fn changed_bytes_are_refused_or_shown_and_never_panic() {
    let rounds = 400;
    let picture = corners(33, 21);
    let mut sources: Vec<_> = KINDS.map(|kind| encoded(&picture, kind, Some(exif(6, true)))).into();
    sources.push(rendered(&sources[1], "format=webp").bytes);
    sources.push(gif(33, 21, 2));
    let limits = Limits { pixels: 1 << 20, memory: 16 << 20, ..Limits::default() };
    let mut numbers = Numbers(0x9E37_79B9_7F4A_7C15);
    for (which, source) in sources.iter().enumerate() {
        for round in 0..rounds {
            let mut changed = source.clone();
            for _ in 0..=numbers.next(4) {
                // The headers are hit as often as all the rest.
                let reach = if numbers.next(2) == 0 { changed.len().min(200) } else { changed.len() };
                let place = numbers.next(reach);
                changed[place] = u8::try_from(numbers.next(256)).unwrap();
            }
            let outcome = catch_unwind(|| {
                let _ = probe(&changed);
                let _ = strip(&changed);
                let _ = describe(&changed, &limits);
                render(&changed, &wanted("width=12&height=12&fit=cover&format=webp"), &limits)
                    .map(|out| out.bytes.len())
            });
            let outcome = outcome.unwrap_or_else(|_| panic!("picture {which}, round {round}: {changed:?}"));
            if let Err(refused) = outcome {
                assert_eq!(refused.code(), Code::BadImage, "picture {which}, round {round}: {refused:?}");
            }
        }
    }
}

#[test]
fn what_stripping_leaves_of_a_changed_file_tells_no_place() {
    let mut numbers = Numbers(77);
    for kind in KINDS {
        let source = encoded(&corners(33, 21), kind, Some(exif(6, true)));
        for _ in 0..500 {
            let mut changed = source.clone();
            for _ in 0..=numbers.next(3) {
                let place = numbers.next(changed.len());
                changed[place] = u8::try_from(numbers.next(256)).unwrap();
            }
            if let Ok(out) = strip(&changed) {
                assert!(!inspect(&out).is_ok_and(|header| header.has_gps), "{kind:?}: {changed:?}");
            }
        }
    }
}
