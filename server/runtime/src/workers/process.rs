//! What the kernel knows of a process.

use std::time::Duration;

const PAGE_BYTES: u64 = 4096;
/// The kernel tells times in hundredths of a second to everybody.
const TICK: Duration = Duration::from_millis(10);

/// Bytes in memory.
pub(super) fn resident(pid: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let pages: u64 = text.split_ascii_whitespace().nth(1)?.parse().ok()?;
    Some(pages * PAGE_BYTES)
}

/// Processor time of its life.
pub(super) fn cpu(pid: u32) -> Option<Duration> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // Its name, in parentheses, may hold anything.
    let mut fields = text.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let (user, system): (u32, u32) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(TICK * user.saturating_add(system))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_measured() {
        let me = std::process::id();
        assert!(resident(me).unwrap() > 1 << 20);
        let before = cpu(me).unwrap();
        let mut sum = 0_u64;
        while cpu(me).unwrap() < before + TICK * 2 {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        assert_eq!(resident(u32::MAX), None);
    }
}
