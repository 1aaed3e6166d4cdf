//! The work on pixels: what has to be known before, the turn that is waited for, and the pixels.

use std::time::Duration;

use basalt_blob::Key;
use basalt_core::{Code, Error, Result};
use basalt_images::{
    HEAD_BYTES, Header, Probed, Rendered, Wanted, describe, describe_weight, probe, render, render_weight,
};
use futures_util::TryStreamExt;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::ImageOptions;
use crate::common::hex;
use crate::files::{Arrived, Files};

/// Read first of a file: most headers are in it.
const HEAD: usize = 16 << 10;
/// What an upload waits to have its picture described.
const PATIENCE: Duration = Duration::from_secs(5);

/// A rendition with the SHA-256 of its bytes.
pub(super) struct Made {
    pub(super) rendered: Rendered,
    pub(super) sha256: String,
}

impl Files {
    /// Makes a rendition of the bytes under `key`; waits for its turn.
    pub(super) async fn make(&self, key: &Key, size: u64, wanted: Wanted) -> Result<Made> {
        let ImageOptions { limits, .. } = self.images.options;
        check_size(size, limits.source)?;
        let header = self.header(key, size).await?.ok_or_else(no_picture)?;
        limits.check(&header)?;
        let turn = self.images.workers.admit(render_weight(&header, &wanted).saturating_add(size)).await?;
        let source = self.first(key, size).await?;
        let made = turn.run(move |end| {
            let rendered = render(&source, &wanted, &limits.until(end))?;
            let sha256 = hex(&Sha256::digest(&rendered.bytes));
            Ok(Made { rendered, sha256 })
        });
        let made = made.await;
        self.images.tell_panics();
        made
    }

    /// What a picture that has just come shows of itself: `None` for what is none, is broken, is beyond the limits or
    /// would have to wait for long. A file is taken with it or without.
    pub(crate) async fn describe(&self, arrived: &Arrived) -> Option<Value> {
        let ImageOptions { limits, .. } = self.images.options;
        if !is_picture(&arrived.content_type) || arrived.size > limits.source {
            return None;
        }
        let described = async {
            let header = self.header(&arrived.key, arrived.size).await?.ok_or_else(no_picture)?;
            limits.check(&header)?;
            let weight = describe_weight(&header).saturating_add(arrived.size);
            let turn = self.images.workers.admit(weight).await?;
            let source = self.first(&arrived.key, arrived.size).await?;
            let described = turn.run(move |end| describe(&source, &limits.until(end)).ok_or_else(no_picture)).await;
            self.images.tell_panics();
            described
        };
        match tokio::time::timeout(PATIENCE, described).await {
            Ok(Ok(found)) => Some(json!({
                "width": found.width, "height": found.height, "blurhash": found.blurhash, "color": found.color,
            })),
            Ok(Err(error)) => {
                tracing::debug!(?error, "a picture is kept without a description");
                None
            }
            Err(_) => {
                tracing::debug!("a picture is kept without a description, which would have taken too long");
                None
            }
        }
    }

    /// Reads as much of a file as its header takes, and no more.
    async fn header(&self, key: &Key, size: u64) -> Result<Option<Header>> {
        let mut reach = HEAD;
        loop {
            let length = size.min(reach as u64);
            let head = self.first(key, length).await?;
            match probe(&head)? {
                Probed::Picture(header) => return Ok(Some(header)),
                // (It asks for more each time, and never beyond its bound.)
                Probed::More(needed) if (reach as u64) < size => reach = (needed * 2).min(HEAD_BYTES),
                Probed::More(_) | Probed::Unknown => return Ok(None),
            }
        }
    }

    /// The first `length` bytes.
    pub(super) async fn first(&self, key: &Key, length: u64) -> Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(usize::try_from(length).map_err(Error::internal)?);
        let mut pieces = self.blobs.read(key, 0..length).await?;
        while let Some(piece) = pieces.try_next().await? {
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes)
    }
}

/// Formats that pictures are read from.
pub(super) fn is_picture(content_type: &str) -> bool {
    matches!(content_type, "image/jpeg" | "image/jpg" | "image/png" | "image/webp" | "image/gif")
}

pub(super) fn no_picture() -> Error {
    Error::new(Code::BadImage, "The file is no JPEG, PNG, WebP or GIF.")
}

fn check_size(size: u64, most: u64) -> Result<()> {
    if size > most {
        let detail = format!("Pictures of more than {} MB aren't worked on.", most >> 20);
        return Err(Error::new(Code::BadImage, detail));
    }
    Ok(())
}
