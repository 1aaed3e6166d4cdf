//! Limits of tries that nobody can race: counted in cells, within the decision that lets the try through.
//!
//! A try is counted as wrong before the password is looked at, and taken back when it was right; so fifty parallel
//! guesses are fifty guesses. After some free tries each further one has to wait, twice as long each time, up to a
//! limit: nobody is locked out for good. What is forgotten is forgotten by the cell's end.

use std::net::IpAddr;
use std::time::Duration;

use basalt_core::{Code, Error, Timestamp};
use basalt_store::{CellKey, Read};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::secret::hex;
use super::{Flow, Tx, cell};

const SPACE: &str = "_attempts";
/// The first wait.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// Beyond the longest wait: how long a count is remembered.
const MEMORY: Duration = Duration::from_mins(15);

/// How many wrong tries are free, and how long the rest wait at most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schedule {
    pub free: u32,
    pub longest: Duration,
}

impl Schedule {
    /// How long after the last of `wrong` tries the next one may come.
    fn wait(self, wrong: u32) -> Duration {
        match wrong.checked_sub(self.free) {
            None => Duration::ZERO,
            Some(beyond) => FIRST_WAIT.saturating_mul(2_u32.saturating_pow(beyond)).min(self.longest),
        }
    }
}

/// One thing that tries are counted for.
#[derive(Clone, Debug)]
pub(crate) struct Counter {
    key: CellKey,
    schedule: Schedule,
}

impl Counter {
    /// `what` and whom; the latter may be anything that a client sends, so it is hashed.
    pub(crate) fn new(what: &str, whom: &str, schedule: Schedule) -> Self {
        let key = CellKey::new(SPACE, format!("{what}:{}", &hex(&Sha256::digest(whom.as_bytes()))[..32]));
        Self { key, schedule }
    }

    pub(crate) fn read(&self) -> Read {
        cell(&self.key)
    }

    pub(super) fn into_key(self) -> CellKey {
        self.key
    }

    /// Refuses a try that comes too early (429 with how long to wait); else counts it.
    pub(crate) fn begin(&self, tx: &mut Tx<'_>) -> Flow<()> {
        let Tries { wrong, last } = self.tries(tx)?;
        let next = last.plus(self.schedule.wait(wrong));
        if wrong > 0 && next > tx.now() {
            return Err(too_many(next.since(tx.now())).into());
        }
        self.write(tx, Tries { wrong: wrong.saturating_add(1), last: tx.now() });
        Ok(())
    }

    /// The try was right: all wrong ones before it are forgiven.
    pub(crate) fn forgive(&self, tx: &mut Tx<'_>) {
        tx.delete_cell(&self.key);
    }

    /// The try was right: it alone is taken back.
    pub(crate) fn take_back(&self, tx: &mut Tx<'_>) -> Flow<()> {
        let Tries { wrong, last } = self.tries(tx)?;
        if wrong <= 1 {
            self.forgive(tx);
        } else {
            self.write(tx, Tries { wrong: wrong - 1, last });
        }
        Ok(())
    }

    fn tries(&self, tx: &mut Tx<'_>) -> Flow<Tries> {
        Ok(tx.cell(&self.key)?.map_or(Tries { wrong: 0, last: Timestamp::from_millis(0) }, |value| Tries::read(&value)))
    }

    fn write(&self, tx: &mut Tx<'_>, tries: Tries) {
        let end = tries.last.plus(self.schedule.longest).plus(MEMORY);
        tx.put_cell(&self.key, json!({"wrong": tries.wrong, "last": tries.last.millis()}), Some(end));
    }
}

#[derive(Clone, Copy)]
struct Tries {
    wrong: u32,
    last: Timestamp,
}

impl Tries {
    fn read(value: &Value) -> Self {
        let wrong = value["wrong"].as_u64().and_then(|n| u32::try_from(n).ok()).unwrap_or(u32::MAX);
        Self { wrong, last: Timestamp::from_millis(value["last"].as_i64().unwrap_or(0)) }
    }
}

/// At most `most` of something in a window of time.
#[derive(Clone, Debug)]
pub(crate) struct Quota {
    key: CellKey,
    most: u32,
    window: Duration,
}

impl Quota {
    pub(crate) fn new(what: &str, whom: &str, most: u32, window: Duration) -> Self {
        Self { key: Counter::new(what, whom, Schedule { free: 0, longest: window }).key, most, window }
    }

    /// Takes one, or refuses (429 with how long to wait).
    pub(crate) fn take(&self, tx: &mut Tx<'_>) -> Flow<()> {
        let now = tx.now();
        let (used, end) = match tx.cell(&self.key)? {
            Some(value) => {
                let used = value["used"].as_u64().and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
                (used, Timestamp::from_millis(value["end"].as_i64().unwrap_or(0)))
            }
            None => (0, now.plus(self.window)),
        };
        if used >= self.most {
            return Err(too_many(end.since(now)).into());
        }
        tx.put_cell(&self.key, json!({"used": used + 1, "end": end.millis()}), Some(end));
        Ok(())
    }
}

fn too_many(wait: Duration) -> Error {
    Error::new(Code::RateLimited, "Too many tries; wait before the next one.").retry_after(wait)
}

/// The network that an address stands for: itself, or the /64 of IPv6 (which is what one household has).
pub(crate) fn network(ip: IpAddr) -> String {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => {
            let [a, b, c, d, ..] = ip.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEDULE: Schedule = Schedule { free: 5, longest: Duration::from_mins(15) };

    #[test]
    fn waits_double_up_to_a_limit() {
        let waits: Vec<u64> = (0..20).map(|wrong| SCHEDULE.wait(wrong).as_secs()).collect();
        assert_eq!(&waits[..5], &[0; 5]);
        assert_eq!(&waits[5..15], &[1, 2, 4, 8, 16, 32, 64, 128, 256, 512]);
        assert!(waits[15..].iter().all(|wait| *wait == 900), "never longer than 15 minutes: {waits:?}");
        assert_eq!(SCHEDULE.wait(u32::MAX), SCHEDULE.longest);
    }

    #[test]
    fn a_network_is_an_address_or_a_64() {
        let of = |text: &str| network(text.parse().unwrap());
        assert_eq!(of("203.0.113.9"), "203.0.113.9");
        assert_eq!(of("::ffff:203.0.113.9"), "203.0.113.9");
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), of("2001:db8:1:2:ffff::1"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
    }

    #[test]
    fn what_a_client_sent_is_not_in_the_key() {
        let counter = Counter::new("account", "ann@example.com", SCHEDULE);
        assert!(!counter.key.key.contains("ann"));
        assert!(counter.key.key.len() < 64);
    }
}
