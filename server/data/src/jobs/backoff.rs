use std::time::Duration;

use basalt_core::random::{self, Random};

const FIRST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_mins(30);

/// The pause after the given try (1 is the first): 5 s, 15 s, 45 s … up to 30 min, each a fifth shorter or longer by
/// chance, so that what failed together doesn't come back together.
pub(super) fn pause(attempt: u32, source: &dyn Random) -> Duration {
    let factor = 3_u32.checked_pow(attempt.saturating_sub(1)).unwrap_or(u32::MAX);
    let full = FIRST.saturating_mul(factor).min(LONGEST);
    let chance = f64::from(u16::from_be_bytes(random::bytes::<2>(source))) / f64::from(u16::MAX);
    full.mul_f64(0.8 + 0.4 * chance)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Constant(u8);

    impl Random for Constant {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }

    #[test]
    fn pauses_grow_and_end() {
        assert_eq!(pause(1, &Constant(0)), Duration::from_secs(4));
        assert_eq!(pause(1, &Constant(255)), Duration::from_secs(6));
        assert_eq!(pause(2, &Constant(0)), Duration::from_secs(12));
        assert_eq!(pause(u32::MAX, &Constant(255)), Duration::from_mins(36));
        let total: Duration = (1..8).map(|attempt| pause(attempt, &Constant(127))).sum();
        assert!((3_500..3_700).contains(&total.as_secs()), "{total:?}");
    }
}
