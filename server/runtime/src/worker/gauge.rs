//! How much memory the process has, cheap enough to be asked while code runs.

use std::fs::File;
use std::os::fd::{AsRawFd, RawFd};

const PAGE_BYTES: u64 = 4096;

pub(super) struct Gauge {
    file: File,
    /// Tells the most that there was, and much else: dear to read.
    status: File,
    /// Bytes when it was opened.
    base: u64,
}

impl Gauge {
    /// Opened once: later nothing can be.
    pub(super) fn open() -> std::io::Result<Self> {
        let mut gauge =
            Self { file: File::open("/proc/self/statm")?, status: File::open("/proc/self/status")?, base: 0 };
        gauge.base = gauge.resident();
        Ok(gauge)
    }

    pub(super) fn descriptors(&self) -> [RawFd; 2] {
        [self.file.as_raw_fd(), self.status.as_raw_fd()]
    }

    /// Bytes that the process ever had more than at its beginning.
    pub(super) fn most(&self) -> u64 {
        let mut text = [0; 4096];
        let read = rustix::io::pread(&self.status, &mut text, 0).unwrap_or(0);
        let text = String::from_utf8_lossy(&text[..read]);
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = line.and_then(|line| line.split_ascii_whitespace().next()?.parse::<u64>().ok());
        (kilobytes.unwrap_or(0) << 10).saturating_sub(self.base)
    }

    /// Bytes in memory.
    pub(super) fn resident(&self) -> u64 {
        let mut text = [0; 64];
        let read = rustix::io::pread(&self.file, &mut text, 0).unwrap_or(0);
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
        assert!(gauge.most() > 32 << 20, "what was let go is remembered");
    }
}
