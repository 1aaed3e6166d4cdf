//! How a picture has to be turned to stand upright (EXIF tag 0x0112).

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Orientation {
    #[default]
    Upright,
    FlipHorizontal,
    Rotate180,
    FlipVertical,
    /// A quarter clockwise, then mirrored left to right.
    Transpose,
    /// A quarter clockwise.
    Rotate90,
    /// A quarter counter-clockwise, then mirrored left to right.
    Transverse,
    Rotate270,
}

impl Orientation {
    /// `None` but for 1 to 8.
    pub fn from_exif(value: u16) -> Option<Self> {
        Some(match value {
            1 => Self::Upright,
            2 => Self::FlipHorizontal,
            3 => Self::Rotate180,
            4 => Self::FlipVertical,
            5 => Self::Transpose,
            6 => Self::Rotate90,
            7 => Self::Transverse,
            8 => Self::Rotate270,
            _ => return None,
        })
    }

    pub fn to_exif(self) -> u16 {
        match self {
            Self::Upright => 1,
            Self::FlipHorizontal => 2,
            Self::Rotate180 => 3,
            Self::FlipVertical => 4,
            Self::Transpose => 5,
            Self::Rotate90 => 6,
            Self::Transverse => 7,
            Self::Rotate270 => 8,
        }
    }

    /// Whether width and height change places.
    pub fn swaps(self) -> bool {
        matches!(self, Self::Transpose | Self::Rotate90 | Self::Transverse | Self::Rotate270)
    }

    pub(crate) fn swap(self, (width, height): (u32, u32)) -> (u32, u32) {
        if self.swaps() { (height, width) } else { (width, height) }
    }

    pub(crate) fn apply(self, picture: &mut image::DynamicImage) {
        use image::metadata::Orientation as Turn;
        picture.apply_orientation(match self {
            Self::Upright => Turn::NoTransforms,
            Self::FlipHorizontal => Turn::FlipHorizontal,
            Self::Rotate180 => Turn::Rotate180,
            Self::FlipVertical => Turn::FlipVertical,
            Self::Transpose => Turn::Rotate90FlipH,
            Self::Rotate90 => Turn::Rotate90,
            Self::Transverse => Turn::Rotate270FlipH,
            Self::Rotate270 => Turn::Rotate270,
        });
    }
}
