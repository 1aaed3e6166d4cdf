//! What one picture may cost.

use std::time::Instant;

use basalt_core::{Code, Error, Result};

use crate::container::Header;

#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Pixels that the header may claim.
    pub pixels: u64,
    /// Bytes that one job may hold at its peak, the pixels as they are decoded included.
    pub memory: u64,
    /// Bytes of the file.
    pub source: u64,
    /// Work stops at the first stage that would begin after this.
    pub until: Option<Instant>,
}

impl Default for Limits {
    /// 4 bytes for each pixel are 128 MiB, what all that runs at once may have together; what a codec needs beside them
    /// may double it, for a job that then runs alone.
    fn default() -> Self {
        Self { pixels: 32 << 20, memory: 256 << 20, source: 32 << 20, until: None }
    }
}

impl Limits {
    #[must_use]
    pub fn until(mut self, end: Instant) -> Self {
        self.until = Some(end);
        self
    }

    pub(crate) fn check_source(&self, source: &[u8]) -> Result<()> {
        if source.len() as u64 > self.source {
            let most = self.source >> 20;
            return Err(Error::new(
                Code::BadImage,
                format!("The file is larger than {most} MB, too large for a picture."),
            ));
        }
        Ok(())
    }

    /// Before anything is decoded.
    pub fn check(&self, header: &Header) -> Result<()> {
        if header.pixels() > self.pixels {
            return Err(Error::new(
                Code::BadImage,
                format!(
                    "The picture is {} × {} pixels; at most {} megapixels are worked on.",
                    header.width,
                    header.height,
                    self.pixels / 1_000_000,
                ),
            ));
        }
        Ok(())
    }

    pub(crate) fn check_memory(&self, bytes: u64) -> Result<()> {
        if bytes > self.memory {
            let most = self.memory >> 20;
            return Err(Error::new(Code::BadImage, format!("Working on this picture would take more than {most} MB.")));
        }
        Ok(())
    }

    /// Between two stages.
    pub(crate) fn check_time(&self) -> Result<()> {
        match self.until {
            Some(end) if Instant::now() >= end => Err(too_slow()),
            _ => Ok(()),
        }
    }
}

pub(crate) fn too_slow() -> Error {
    Error::new(Code::Timeout, "Working on this picture took too long.")
}

/// A picture that is broken or lies about itself; the codec's own words are for the log.
pub(crate) fn bad_image(cause: impl std::fmt::Display) -> Error {
    Error::new(Code::BadImage, "The picture can't be read: it is broken, or of a kind that isn't known.")
        .caused_by(cause)
}
