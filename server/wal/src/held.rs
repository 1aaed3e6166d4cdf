//! What is held of a log.

/// A log begins with a header.
const LOG_HEADER: usize = 32;
/// Before each page.
const FRAME_HEADER: usize = 24;
/// Where a frame's header has the size of the database if the frame is a transaction's last, and zeros if it isn't.
const SIZE_AFTER: std::ops::Range<usize> = 4..8;
/// What a long transaction has is written in pieces of this: SQLite's files take no longer writes (it never makes any, and
/// counts their bytes in 17 bits).
const MOST: usize = (1 << 17) - 1;

/// Where the bytes go.
pub(crate) trait Write {
    /// An error is SQLite's code of it.
    fn write(&mut self, bytes: &[u8], at: u64) -> Result<(), i32>;
}

/// Frames that were written one after the other, and wait for their transaction's last.
///
/// Only what goes on where the log ended is held: whatever else SQLite writes (it may write a page or a header of a frame
/// anew) goes to the file at once, after what is held.
#[derive(Default)]
pub(crate) struct Held {
    frames: Vec<u8>,
    /// Where the log goes on, held frames included; unknown until its header is written.
    end: Option<u64>,
    /// The frame under way is its transaction's last.
    is_last: bool,
}

impl Held {
    pub(crate) fn write(&mut self, bytes: &[u8], at: u64, file: &mut impl Write) -> Result<(), i32> {
        if self.end != Some(at) {
            return self.write_elsewhere(bytes, at, file);
        }
        if self.frames.len() + bytes.len() > MOST {
            self.flush(file)?;
        }
        self.frames.extend_from_slice(bytes);
        self.end = Some(at + bytes.len() as u64);
        if bytes.len() == FRAME_HEADER {
            self.is_last = bytes[SIZE_AFTER] != [0; 4];
        } else if self.is_last {
            self.flush(file)?;
        }
        Ok(())
    }

    fn write_elsewhere(&mut self, bytes: &[u8], at: u64, file: &mut impl Write) -> Result<(), i32> {
        self.flush(file)?;
        let begins = at == 0 && bytes.len() == LOG_HEADER;
        if begins {
            self.end = None;
        }
        file.write(bytes, at)?;
        if begins {
            self.end = Some(bytes.len() as u64);
        }
        Ok(())
    }

    /// After an error nothing is held until the log begins anew: SQLite takes the transaction back and goes on before it.
    pub(crate) fn flush(&mut self, file: &mut impl Write) -> Result<(), i32> {
        if self.frames.is_empty() {
            return Ok(());
        }
        let end = self.end.unwrap_or_default();
        let written = file.write(&self.frames, end - self.frames.len() as u64);
        self.frames.clear();
        if written.is_err() {
            self.end = None;
        }
        written
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PAGE: usize = 4096;

    /// A file in memory, of which some writes fail.
    #[derive(Default)]
    struct Memory {
        bytes: Vec<u8>,
        writes: usize,
        is_full: bool,
    }

    impl Write for Memory {
        fn write(&mut self, bytes: &[u8], at: u64) -> Result<(), i32> {
            if self.is_full {
                return Err(13);
            }
            let at = usize::try_from(at).unwrap();
            self.writes += 1;
            self.bytes.resize(self.bytes.len().max(at + bytes.len()), 0);
            self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
            Ok(())
        }
    }

    fn offset(frame: u64) -> u64 {
        (LOG_HEADER + (FRAME_HEADER + PAGE) * usize::try_from(frame).unwrap()) as u64
    }

    fn frame_header(is_last: bool) -> [u8; FRAME_HEADER] {
        let mut bytes = [7; FRAME_HEADER];
        bytes[SIZE_AFTER].copy_from_slice(&u32::from(is_last).to_be_bytes());
        bytes
    }

    fn frame(log: &mut Held, file: &mut Memory, number: u64, byte: u8, is_last: bool) -> Result<(), i32> {
        log.write(&frame_header(is_last), offset(number), file)?;
        log.write(&[byte; PAGE], offset(number) + FRAME_HEADER as u64, file)
    }

    fn begun() -> (Held, Memory) {
        let (mut held, mut file) = (Held::default(), Memory::default());
        held.write(&[1; LOG_HEADER], 0, &mut file).unwrap();
        (held, file)
    }

    #[test]
    fn a_transaction_is_one_write() {
        let (mut held, mut file) = begun();
        for n in 0..30 {
            assert_eq!(file.writes, 1, "held until the last");
            frame(&mut held, &mut file, n, 2, n == 29).unwrap();
        }
        assert_eq!((file.writes, file.bytes.len() as u64), (2, offset(30)));
        frame(&mut held, &mut file, 30, 3, true).unwrap();
        assert_eq!((file.writes, file.bytes.len() as u64), (3, offset(31)));
    }

    #[test]
    fn a_long_transaction_is_held_in_pieces() {
        let (mut held, mut file) = begun();
        for n in 0..1_000 {
            frame(&mut held, &mut file, n, 2, n == 999).unwrap();
            assert!(held.frames.len() <= MOST);
        }
        assert_eq!(file.bytes.len() as u64, offset(1_000));
        assert!(file.writes <= 1 + 1_000_usize.div_ceil(31), "{} writes", file.writes);
    }

    #[test]
    fn nothing_is_held_of_a_log_whose_beginning_was_not_seen() {
        let (mut held, mut file) = (Held::default(), Memory::default());
        frame(&mut held, &mut file, 9, 2, false).unwrap();
        assert_eq!((file.writes, held.frames.len()), (2, 0));
    }

    #[test]
    fn a_header_that_is_written_anew_goes_to_the_file() {
        let (mut held, mut file) = begun();
        frame(&mut held, &mut file, 0, 2, false).unwrap();
        frame(&mut held, &mut file, 1, 2, true).unwrap();
        for number in [0, 1] {
            held.write(&frame_header(true), offset(number), &mut file).unwrap();
            assert!(held.frames.is_empty());
        }
        assert_eq!(file.writes, 4);
    }

    #[test]
    fn a_write_that_fails_is_told_and_what_it_held_is_gone() {
        let (mut held, mut file) = begun();
        frame(&mut held, &mut file, 0, 2, false).unwrap();
        file.is_full = true;
        assert_eq!(frame(&mut held, &mut file, 1, 2, true), Err(13));
        file.is_full = false;
        // SQLite takes the transaction back, and goes on where it began.
        frame(&mut held, &mut file, 0, 5, true).unwrap();
        assert_eq!(file.bytes[LOG_HEADER + FRAME_HEADER..], [5; PAGE]);
    }

    #[derive(Clone, Debug)]
    enum Step {
        Frame {
            fill: u8,
            is_last: bool,
        },
        /// The transaction is taken back: the log goes on where it began.
        Back,
        PageAnew {
            of: u64,
            fill: u8,
        },
        HeaderAnew {
            of: u64,
            is_last: bool,
        },
        Flush,
        Restart,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let frame = (any::<u8>(), prop::bool::weighted(0.2)).prop_map(|(fill, is_last)| Step::Frame { fill, is_last });
        let page = (any::<u64>(), any::<u8>()).prop_map(|(of, fill)| Step::PageAnew { of, fill });
        let header = (any::<u64>(), any::<bool>()).prop_map(|(of, is_last)| Step::HeaderAnew { of, is_last });
        let step = prop_oneof![20 => frame, 1 => Just(Step::Back), 2 => page, 2 => header, 1 => Just(Step::Flush), 1 => Just(Step::Restart)];
        prop::collection::vec(step, 1..200)
    }

    proptest! {
        /// Whatever SQLite writes, the file has it all after a transaction's last frame, and after what isn't a frame that goes on.
        #[test]
        fn the_file_is_as_if_nothing_was_held(steps in steps()) {
            let (mut held, mut file) = begun();
            let mut plain = Memory { bytes: file.bytes.clone(), ..Memory::default() };
            let (mut next, mut began) = (0, 0);
            for step in steps {
                let whole = match step {
                    Step::Frame { fill, is_last } => {
                        frame(&mut held, &mut file, next, fill, is_last).unwrap();
                        plain.write(&frame_header(is_last), offset(next)).unwrap();
                        plain.write(&[fill; PAGE], offset(next) + FRAME_HEADER as u64).unwrap();
                        next += 1;
                        if is_last {
                            began = next;
                        }
                        is_last
                    }
                    Step::Back => {
                        next = began;
                        false
                    }
                    Step::PageAnew { of, fill } if next > 0 => {
                        let at = offset(of % next) + FRAME_HEADER as u64;
                        held.write(&[fill; PAGE], at, &mut file).unwrap();
                        plain.write(&[fill; PAGE], at).unwrap();
                        true
                    }
                    Step::HeaderAnew { of, is_last } if next > 0 => {
                        let at = offset(of % next);
                        held.write(&frame_header(is_last), at, &mut file).unwrap();
                        plain.write(&frame_header(is_last), at).unwrap();
                        true
                    }
                    Step::Restart => {
                        held.write(&[9; LOG_HEADER], 0, &mut file).unwrap();
                        plain.write(&[9; LOG_HEADER], 0).unwrap();
                        (next, began) = (0, 0);
                        true
                    }
                    _ => {
                        held.flush(&mut file).unwrap();
                        true
                    }
                };
                if whole {
                    prop_assert!(file.bytes == plain.bytes);
                }
            }
        }
    }
}
