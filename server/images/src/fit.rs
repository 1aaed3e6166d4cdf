//! Where the picture goes in its box. Pure numbers.

use crate::wanted::{Fit, SIDE_MAX, Wanted};

type Size = (u32, u32);

/// How a rendition is laid out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Layout {
    /// What is taken of the picture: width and height, around its middle.
    pub(crate) taken: (f64, f64),
    /// What that becomes.
    pub(crate) picture: Size,
    /// What it is laid on, in the middle.
    pub(crate) canvas: Size,
}

impl Layout {
    /// For a picture of this size, which stands upright.
    pub(crate) fn new(size: Size, wanted: &Wanted) -> Self {
        let box_ = (wanted.width().unwrap_or(SIDE_MAX), wanted.height().unwrap_or(SIDE_MAX));
        let (horizontal, vertical) = (ratio(box_.0, size.0), ratio(box_.1, size.1));
        let whole = (f64::from(size.0), f64::from(size.1));
        let both = wanted.width().is_some() && wanted.height().is_some();
        let sized = wanted.width().is_some() || wanted.height().is_some();
        match wanted.fit() {
            Fit::Cover if both => {
                let scale = horizontal.max(vertical);
                let taken = ((f64::from(box_.0) / scale).min(whole.0), (f64::from(box_.1) / scale).min(whole.1));
                Self { taken, picture: box_, canvas: box_ }
            }
            Fit::Contain if both => {
                Self { taken: whole, picture: scaled(size, horizontal.min(vertical), box_), canvas: box_ }
            }
            fit => {
                let scale = horizontal.min(vertical);
                let scale = if sized && fit != Fit::Inside { scale } else { scale.min(1.0) };
                let picture = scaled(size, scale, box_);
                Self { taken: whole, picture, canvas: picture }
            }
        }
    }

    pub(crate) fn canvas_pixels(&self) -> u64 {
        u64::from(self.canvas.0) * u64::from(self.canvas.1)
    }
}

fn ratio(of: u32, to: u32) -> f64 {
    f64::from(of) / f64::from(to.max(1))
}

/// To the nearest whole pixel, at least one, and never out of the box.
fn scaled((width, height): Size, scale: f64, box_: Size) -> Size {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to a side right before")]
    let side = |side: u32, most: u32| (f64::from(side) * scale).round().clamp(1.0, f64::from(most)) as u32;
    (side(width, box_.0), side(height, box_.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(size: Size, query: &[(&str, &str)]) -> Layout {
        Layout::new(size, &Wanted::parse(query.iter().copied()).unwrap().unwrap())
    }

    #[test]
    fn inside_never_enlarges_and_never_leaves_the_box() {
        let box_ = [("width", "400"), ("height", "400")];
        assert_eq!(layout((4000, 3000), &box_).canvas, (400, 300));
        assert_eq!(layout((40, 30), &box_).canvas, (40, 30));
        assert_eq!(layout((3, 30_000), &box_).canvas, (1, 400));
    }

    #[test]
    fn cover_fills_the_box_and_takes_the_middle() {
        let cover = [("width", "100"), ("height", "100"), ("fit", "cover")];
        assert_eq!(
            layout((400, 200), &cover),
            Layout { taken: (200.0, 200.0), picture: (100, 100), canvas: (100, 100) }
        );
        assert_eq!(layout((10, 20), &cover).canvas, (100, 100));
    }

    #[test]
    fn contain_shows_all_in_the_middle_of_the_box() {
        let contain = [("width", "100"), ("height", "100"), ("fit", "contain")];
        let found = layout((20, 10), &contain);
        assert_eq!((found.picture, found.canvas), ((100, 50), (100, 100)));
    }

    #[test]
    fn one_side_leads_the_other_and_no_side_grows_beyond_the_limit() {
        assert_eq!(layout((200, 100), &[("width", "50")]).canvas, (50, 25));
        assert_eq!(layout((200, 100), &[("height", "50")]).canvas, (100, 50));
        assert_eq!(layout((20, 10), &[("width", "50"), ("fit", "cover")]).canvas, (50, 25));
        assert_eq!(layout((10, 10_000), &[("width", "4096"), ("fit", "cover")]).canvas, (4, 4096));
        assert_eq!(layout((8192, 4096), &[("format", "webp")]).canvas, (4096, 2048));
        assert_eq!(layout((20, 10), &[("format", "webp")]).canvas, (20, 10));
    }
}
