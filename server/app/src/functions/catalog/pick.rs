//! Which of an alias' versions gets a call.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::{Version, Weighted};

/// The version that `draw`, of 0 to 99, falls to.
pub(super) fn by_weight(shares: &[Weighted], draw: u32) -> Option<&Arc<Version>> {
    let mut passed = 0;
    for share in shares {
        passed += share.weight;
        if draw < passed {
            return Some(&share.version);
        }
    }
    shares.last().map(|share| &share.version)
}

/// A draw that is the same for every try of one event.
pub fn sticky(id: &str) -> u32 {
    let digest = Sha256::digest(id.as_bytes());
    u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]) % 100
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_id_draws_the_same_and_different_ones_spread() {
        assert_eq!(sticky("triggers.42"), sticky("triggers.42"));
        let low = (0..10_000).filter(|n| sticky(&format!("triggers.{n}")) < 10).count();
        assert!((800..1_200).contains(&low), "{low}");
    }
}
