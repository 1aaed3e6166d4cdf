//! An answer from outside, read in pieces and counted.

use bytes::{Bytes, BytesMut};
use tokio::time::Instant;

use super::client::told;
use super::fault::{Fault, FaultKind};
use super::gates::Pass;

/// The head of an answer; the body is read from it, within the time and the bytes that the request has.
pub struct Incoming {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    /// Where it came from, after redirects.
    pub url: String,
    /// Hops before it.
    pub redirects: u32,
    pub(super) response: reqwest::Response,
    pub(super) read: usize,
    pub(super) most: usize,
    pub(super) deadline: Instant,
    pub(super) _pass: Pass,
}

impl Incoming {
    /// The first value of a header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The next piece of the body; `None` at its end.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Fault> {
        let piece = self.piece().await?;
        self.read += piece.as_ref().map_or(0, Bytes::len);
        if self.read > self.most {
            let message = format!("The answer is larger than {} bytes.", self.most);
            return Err(Fault::new(FaultKind::TooLarge, message));
        }
        Ok(piece)
    }

    /// The whole body.
    pub async fn bytes(&mut self) -> Result<Bytes, Fault> {
        let mut whole = BytesMut::new();
        while let Some(piece) = self.chunk().await? {
            whole.extend_from_slice(&piece);
        }
        Ok(whole.freeze())
    }

    /// The body's beginning, for a log: what comes after `most` bytes, or late, or not at all, is left.
    pub async fn beginning(&mut self, most: usize) -> Bytes {
        let mut start = BytesMut::new();
        while start.len() < most
            && let Ok(Some(piece)) = self.piece().await
        {
            start.extend_from_slice(&piece);
        }
        start.truncate(most);
        start.freeze()
    }

    async fn piece(&mut self) -> Result<Option<Bytes>, Fault> {
        let next = tokio::time::timeout_at(self.deadline, self.response.chunk()).await;
        next.map_err(|_| Fault::timeout())?.map_err(|error| told(&error, &self.url))
    }
}
