//! Pictures: looked at, resized, re-encoded, relieved of what their makers put beside the pixels.
//!
//! Everything here works on bytes in memory and is told its limits. What a picture claims is read from its header before
//! anything is decoded; what stands in a file beside the pixels (EXIF, GPS, XMP, comments) never gets into a rendition.
//! [`Workers`] keep the decoding off the asynchronous threads and within a sum of bytes.
//!
//! Colours: a rendition is sRGB with 8 bits a channel and carries no profile. A picture with an RGB profile (Display P3,
//! Adobe RGB) is converted; one without is taken for sRGB, and so is one whose profile isn't of RGB.

mod color;
mod container;
mod decode;
mod describe;
mod encode;
mod fit;
mod format;
mod limits;
mod orientation;
mod render;
mod strip;
#[cfg(feature = "testkit")]
pub mod testkit;
mod wanted;
mod workers;

pub use container::{HEAD_BYTES, Header, Probed, inspect, probe};
pub use describe::{Described, describe, describe_weight};
pub use format::{Format, Source};
pub use limits::Limits;
pub use orientation::Orientation;
pub use render::{Rendered, render, render_weight};
pub use strip::strip;
pub use wanted::{Draft, Fit, SIDE_MAX, Wanted};
pub use workers::{Capacity, Turn, Workers};
