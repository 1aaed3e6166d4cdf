//! The formats that are read, and those that are written.

use basalt_core::{Code, Error, Result};

/// What a picture may come as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Jpeg,
    Png,
    Webp,
    Gif,
}

/// What a rendition may go out as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    Webp,
    Jpeg,
    Png,
    /// With the feature `avif` only.
    Avif,
}

impl Source {
    /// By the file's first bytes; 12 of them decide.
    pub(crate) fn sniff(head: &[u8]) -> Option<Self> {
        match head {
            [0xFF, 0xD8, 0xFF, ..] => Some(Self::Jpeg),
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1A, b'\n', ..] => Some(Self::Png),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Self::Webp),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Self::Gif),
            _ => None,
        }
    }

    pub fn content_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Webp => "image/webp",
            Self::Gif => "image/gif",
        }
    }

    /// What a rendition is when nobody says: the same, and PNG for GIF, which isn't written.
    pub fn rendition(self) -> Format {
        match self {
            Self::Jpeg => Format::Jpeg,
            Self::Png | Self::Gif => Format::Png,
            Self::Webp => Format::Webp,
        }
    }
}

impl Format {
    /// `format_not_available` for one that this build doesn't write.
    pub fn parse(text: &str) -> Result<Self> {
        match text {
            "webp" => Ok(Self::Webp),
            "jpeg" => Ok(Self::Jpeg),
            "png" => Ok(Self::Png),
            "avif" if cfg!(feature = "avif") => Ok(Self::Avif),
            "avif" => Err(Error::new(Code::FormatNotAvailable, "This server was built without AVIF; take webp.")),
            _ => Err(Error::new(Code::BadParameter, "format is webp, jpeg, png or avif.")),
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Webp => "webp",
            Self::Jpeg => "jpeg",
            Self::Png => "png",
            Self::Avif => "avif",
        }
    }

    pub fn content_type(self) -> &'static str {
        match self {
            Self::Webp => "image/webp",
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Avif => "image/avif",
        }
    }

    pub(crate) fn has_quality(self) -> bool {
        self != Self::Png
    }

    pub(crate) fn has_alpha(self) -> bool {
        self != Self::Jpeg
    }
}
