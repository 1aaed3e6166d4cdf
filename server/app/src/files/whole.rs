//! A file whose bytes are in memory already: what functions write.

use basalt_core::{Caller, Result};
use bytes::Bytes;

use super::commit::{Putting, Right, Stored, Wish, bucket_of};
use super::upload::{Declared, Seen, allowed_type};
use super::{Files, Target, sniff, too_large};

/// Written at once.
const PIECE: usize = 256 << 10;

impl Files {
    /// Writes a file as [`Files::put`] does, under the rules.
    pub async fn put_whole(
        &self,
        caller: &Caller,
        target: Target,
        (declared, wish): (Declared, Wish),
        body: Bytes,
    ) -> Result<Stored> {
        let bucket = bucket_of(&*self.collections.files()?, &target)?.clone();
        let size = body.len() as u64;
        if size > bucket.max_size() {
            return Err(too_large(bucket.max_size()));
        }
        let (caller, id) = (caller.clone(), self.db.new_id());
        let putting = Putting { target, wish, right: Right::Rules, caller, id, upload: None };
        let content_type =
            allowed_type(&bucket, declared.content_type.as_deref(), &body[..sniff::HEAD.min(body.len())])?;
        self.check(&putting, size, &content_type).await?;
        let key = self.new_key();
        let (mut writing, mut seen, mut rest) = (self.blobs.create(&key).await?, Seen::default(), body);
        while !rest.is_empty() {
            let piece = rest.split_to(PIECE.min(rest.len()));
            seen.take(&piece);
            writing.write(piece).await?;
        }
        writing.finish().await?;
        let arrived = self.with_image(seen.into_arrived(key, content_type)).await;
        self.commit(putting, arrived).await
    }
}
