//! What a job is counted as: never less than the 4 bytes a pixel that the limits are told in.

use basalt_core::Code;
use basalt_images::{Limits, describe_weight, inspect, render, render_weight};

use crate::pictures::*;

#[test]
fn a_job_weighs_its_pixels_at_least_and_what_the_codec_keeps_beside_them() {
    let sources = [
        encoded(&corners(300, 200), Kind::Jpeg, None),
        encoded(&corners(300, 200), Kind::Png, None),
        png(&fading(300, 200)),
        encoded(&corners(300, 200), Kind::Webp, None),
        rendered(&png(&fading(300, 200)), "format=webp").bytes,
        gif(300, 200, 2),
    ];
    for source in sources {
        let header = inspect(&source).unwrap();
        let pixels = header.pixels() * 4;
        assert!(describe_weight(&header) >= pixels);
        assert!(render_weight(&header, &wanted("width=30")) >= pixels);
        assert_eq!(render_weight(&header, &wanted("strip=true")), 0);
        let large = render_weight(&header, &wanted("width=4096&height=4096&fit=contain"));
        assert!(large >= 4096 * 4096 * 4, "what is made counts, too");
    }
    let weight = |source: &[u8]| render_weight(&inspect(source).unwrap(), &wanted("width=30"));
    let opaque = weight(&encoded(&corners(300, 200), Kind::Png, None));
    assert!(weight(&png(&fading(300, 200))) > opaque, "transparency takes a copy");
}

#[test]
fn what_would_take_too_much_is_refused_before_it_is_decoded() {
    let source = encoded(&corners(300, 200), Kind::Jpeg, None);
    let tight = Limits { memory: 300 * 200 * 4, ..Limits::default() };
    assert_eq!(render(&source, &wanted("width=30"), &tight).unwrap_err().code(), Code::BadImage);
    let long = Limits { source: source.len() as u64 - 1, ..Limits::default() };
    assert_eq!(render(&source, &wanted("width=30"), &long).unwrap_err().code(), Code::BadImage);
}
