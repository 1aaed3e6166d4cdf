//! Bytes into lines, of which none is held that is too long.

use basalt_core::limits::DOCUMENT_BYTES;

/// Bytes of one line: a document of the largest size, its names and times, and some room for spaces.
pub(super) const MOST_BYTES: usize = DOCUMENT_BYTES + (64 << 10);

/// A line, or the beginning of one that is too long.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Counted from 1.
    pub(super) number: u64,
    pub(super) bytes: Vec<u8>,
    pub(super) is_cut: bool,
}

impl Line {
    pub(super) fn is_blank(&self) -> bool {
        !self.is_cut && self.bytes.iter().all(u8::is_ascii_whitespace)
    }
}

/// What has come of the line that isn't over yet.
#[derive(Debug, Default)]
pub(super) struct Lines {
    held: Vec<u8>,
    is_cut: bool,
    count: u64,
}

impl Lines {
    /// Lines that are over.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// The next line that ends within `rest`, which is moved beyond it; what follows the last end is kept.
    pub(super) fn next(&mut self, rest: &mut &[u8]) -> Option<Line> {
        let bytes = *rest;
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let (piece, after) = match end {
            Some(end) => (&bytes[..end], &bytes[end + 1..]),
            None => (bytes, &bytes[bytes.len()..]),
        };
        *rest = after;
        self.hold(piece);
        end.map(|_| self.end())
    }

    /// The last line, where the body has no end of line after it.
    pub(super) fn last(&mut self) -> Option<Line> {
        (self.is_cut || !self.held.is_empty()).then(|| self.end())
    }

    fn hold(&mut self, piece: &[u8]) {
        let room = MOST_BYTES.saturating_sub(self.held.len());
        if self.is_cut || piece.len() > room {
            self.is_cut = true;
            self.held = Vec::new();
            return;
        }
        self.held.extend_from_slice(piece);
    }

    fn end(&mut self) -> Line {
        self.count += 1;
        let mut bytes = std::mem::take(&mut self.held);
        // A mark of the byte order, as some editors begin files with.
        if self.count == 1 && bytes.starts_with(b"\xef\xbb\xbf") {
            bytes.drain(..3);
        }
        Line { number: self.count, bytes, is_cut: std::mem::take(&mut self.is_cut) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(pieces: &[&[u8]]) -> Vec<(u64, Vec<u8>, bool)> {
        let mut lines = Lines::default();
        let mut found = Vec::new();
        for piece in pieces {
            let mut rest = *piece;
            while let Some(line) = lines.next(&mut rest) {
                found.push((line.number, line.bytes, line.is_cut));
            }
        }
        found.extend(lines.last().map(|line| (line.number, line.bytes, line.is_cut)));
        found
    }

    #[test]
    fn lines_are_the_same_however_they_come() {
        let text = b"\xef\xbb\xbf{\"a\":1}\r\n\n{\"b\":2}\n{}";
        let whole = all(&[text]);
        let numbers: Vec<u64> = whole.iter().map(|line| line.0).collect();
        assert_eq!(numbers, [1, 2, 3, 4]);
        assert_eq!(whole[0].1, b"{\"a\":1}\r");
        for at in 0..text.len() {
            assert_eq!(all(&[&text[..at], &text[at..]]), whole, "{at}");
        }
        assert!(all(&[b"", b""]).is_empty());
    }

    #[test]
    fn a_line_that_is_too_long_is_not_held() {
        let long = vec![b'x'; MOST_BYTES];
        let found = all(&[&long, b"y", &long, b"\n{}\n"]);
        assert_eq!(found, [(1, Vec::new(), true), (2, b"{}".to_vec(), false)]);
        assert_eq!(all(&[&long, b"\n"]).len(), 1);
        assert!(!all(&[&long, b"\n"])[0].2, "as long as it may be");
    }
}
