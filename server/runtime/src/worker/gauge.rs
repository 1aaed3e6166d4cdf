//! How much memory the process has, cheap enough to be asked while code runs.

use std::fs::File;
use std::os::fd::{AsRawFd, RawFd};

const PAGE_BYTES: u64 = 4096;

pub(super) struct Gauge(File);

impl Gauge {
    /// Opened once: later nothing can be.
    pub(super) fn open() -> std::io::Result<Self> {
        Ok(Self(File::open("/proc/self/statm")?))
    }

    pub(super) fn descriptor(&self) -> RawFd {
        self.0.as_raw_fd()
    }

    /// Bytes in memory.
    pub(super) fn resident(&self) -> u64 {
        let mut text = [0; 64];
        let read = rustix::io::pread(&self.0, &mut text, 0).unwrap_or(0);
        let text = std::str::from_utf8(&text[..read]).unwrap_or_default();
        let pages = text.split_ascii_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok());
        pages.unwrap_or(0) * PAGE_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_seen() {
        let gauge = Gauge::open().unwrap();
        let before = gauge.resident();
        let taken = std::hint::black_box(vec![1_u8; 64 << 20]);
        assert!(gauge.resident() > before + (32 << 20));
        drop(taken);
    }
}
