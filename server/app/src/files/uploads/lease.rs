//! Who writes to an upload, among all nodes: a token with an end, renewed while bytes come.

use std::time::Duration;

use basalt_core::Timestamp;
use serde::{Deserialize, Serialize};

/// How long it is somebody's after he last said so.
pub(super) const HELD: Duration = Duration::from_secs(15);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Lease {
    token: String,
    /// In milliseconds.
    until: i64,
    /// A newer request waits, maybe on another node: the holder is to save what he has and let go.
    #[serde(default)]
    wanted: bool,
}

/// What became of asking for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Claim {
    Taken,
    /// Somebody has it, who is asked to let go.
    Asked,
}

/// What its holder learns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hold {
    Kept,
    /// Kept, and another waits for it.
    Wanted,
    /// It is another's, or nobody's: nothing may be written any more.
    Lost,
}

/// Takes what is free, or asks for it.
pub(super) fn claim(lease: &mut Option<Lease>, token: &str, now: Timestamp) -> Claim {
    match lease {
        Some(held) if held.token != token && held.until > now.millis() => {
            held.wanted = true;
            Claim::Asked
        }
        _ => {
            *lease = Some(Lease { token: token.to_owned(), until: now.plus(HELD).millis(), wanted: false });
            Claim::Taken
        }
    }
}

/// Renews it for its holder. One that ran out and that nobody took is still his.
pub(super) fn renew(lease: &mut Option<Lease>, token: &str, now: Timestamp) -> Hold {
    match lease {
        Some(held) if held.token == token => {
            held.until = now.plus(HELD).millis();
            if held.wanted { Hold::Wanted } else { Hold::Kept }
        }
        _ => Hold::Lost,
    }
}

/// Whether `token` holds it.
pub(super) fn holds(lease: Option<&Lease>, token: &str) -> bool {
    lease.is_some_and(|lease| lease.token == token)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    #[test]
    fn one_at_a_time_holds_it_and_a_newer_one_is_heard() {
        let mut lease = None;
        assert_eq!(claim(&mut lease, "a", at(0)), Claim::Taken);
        assert_eq!(renew(&mut lease, "a", at(10)), Hold::Kept);
        assert_eq!(claim(&mut lease, "b", at(20)), Claim::Asked);
        assert!(holds(lease.as_ref(), "a") && !holds(lease.as_ref(), "b"));
        assert_eq!(renew(&mut lease, "a", at(21)), Hold::Wanted);
        assert_eq!(claim(&mut lease, "a", at(21)), Claim::Taken, "its holder may ask again");
    }

    #[test]
    fn what_ran_out_is_anybodys_and_then_the_old_holder_has_lost_it() {
        let mut lease = None;
        claim(&mut lease, "a", at(0));
        assert_eq!(renew(&mut lease, "a", at(100)), Hold::Kept, "nobody took it");
        assert_eq!(claim(&mut lease, "b", at(116)), Claim::Taken);
        assert_eq!(renew(&mut lease, "a", at(117)), Hold::Lost);
        assert_eq!(renew(&mut None, "a", at(1)), Hold::Lost);
    }
}
