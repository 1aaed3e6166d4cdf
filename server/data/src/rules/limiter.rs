//! The token buckets behind `limit()`: cells, so that they hold across nodes and restarts and are taken in the very
//! batch of the operation. A bucket is kept as the time at which it is full again (the generic cell rate algorithm).

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use basalt_core::{Caller, Principal, Timestamp};
use basalt_expr::Limiter;
use basalt_store::{CellKey, CellWrite, Read};
use serde_json::Value;

use super::facts::Facts;

/// The cells of `limit()`.
pub const LIMIT_SPACE: &str = "rule_limits";

/// Takes tokens for one operation: one of each name, however often the rule is evaluated.
pub(super) struct BucketLimiter<'a> {
    facts: &'a dyn Facts,
    who: String,
    now: Timestamp,
    taken: RefCell<BTreeMap<String, Take>>,
}

enum Take {
    /// The bucket is not read yet; taken for granted until it is.
    Unread(CellKey),
    Taken(CellWrite),
    Empty(Duration),
}

impl<'a> BucketLimiter<'a> {
    pub(super) fn new(facts: &'a dyn Facts, caller: &Caller) -> Self {
        let taken = RefCell::new(BTreeMap::new());
        Self { facts, who: bucket_owner(caller), now: caller.request.time, taken }
    }

    /// The buckets that have to be read before the evaluation counts.
    pub(super) fn unread(&self) -> Vec<Read> {
        let taken = self.taken.borrow();
        let unread = taken.values().filter_map(|take| match take {
            Take::Unread(key) => Some(Read::Cell(key.clone())),
            Take::Taken(_) | Take::Empty(_) => None,
        });
        unread.collect()
    }

    /// The longest wait for a token that was not there.
    pub(super) fn wait(&self) -> Duration {
        let taken = self.taken.borrow();
        let waits = taken.values().filter_map(|take| match take {
            Take::Empty(wait) => Some(*wait),
            Take::Unread(_) | Take::Taken(_) => None,
        });
        waits.max().unwrap_or_default()
    }

    /// What was taken, to be written with the operation.
    pub(super) fn into_cells(self) -> Vec<CellWrite> {
        let takes = self.taken.into_inner().into_values();
        takes
            .filter_map(|take| match take {
                Take::Taken(write) => Some(write),
                Take::Unread(_) | Take::Empty(_) => None,
            })
            .collect()
    }

    fn draw(&self, name: &str, capacity: u32, period: Duration) -> Take {
        let key = CellKey::new(LIMIT_SPACE, format!("{name}/{}", self.who));
        let Some(cell) = self.facts.cell(&key) else { return Take::Unread(key) };
        let full_at = cell.and_then(|cell| cell.value.as_i64());
        match draw_token(self.now.millis().saturating_mul(1000), full_at, capacity, period) {
            Ok(full_at) => {
                let expires_at = Timestamp::from_millis(full_at.div_euclid(1000).saturating_add(1));
                Take::Taken(CellWrite::Put { key, value: Value::from(full_at), expires_at: Some(expires_at) })
            }
            Err(wait) => Take::Empty(wait),
        }
    }
}

impl Limiter for BucketLimiter<'_> {
    fn take(&self, name: &str, capacity: u32, period: Duration) -> bool {
        let mut taken = self.taken.borrow_mut();
        let take = taken.entry(name.to_owned()).or_insert_with(|| self.draw(name, capacity, period));
        !matches!(take, Take::Empty(_))
    }
}

/// When the bucket is full again after one more token (microseconds), or how long there is none.
fn draw_token(now: i64, full_at: Option<i64>, capacity: u32, period: Duration) -> Result<i64, Duration> {
    let period_micros = i64::try_from(period.as_micros()).unwrap_or(i64::MAX);
    if capacity == 0 {
        return Err(period);
    }
    let per_token = (period_micros / i64::from(capacity)).max(1);
    let next = full_at.unwrap_or(now).max(now).saturating_add(per_token);
    let over = next.saturating_sub(now).saturating_sub(period_micros);
    match u64::try_from(over) {
        Ok(over) if over > 0 => Err(Duration::from_micros(over)),
        _ => Ok(next),
    }
}

/// Users by their id, visitors by their address (an IPv6 network of 64 bits is one).
fn bucket_owner(caller: &Caller) -> String {
    match &caller.principal {
        Principal::User(user) => format!("user:{}", user.id),
        Principal::Service(key) => format!("service:{}", key.id),
        Principal::Operator(operator) => format!("operator:{}", operator.id),
        Principal::System => "system".to_owned(),
        Principal::Visitor => match caller.request.ip {
            None => "visitor".to_owned(),
            Some(IpAddr::V4(ip)) => format!("ip:{ip}"),
            Some(IpAddr::V6(ip)) => match ip.to_ipv4_mapped() {
                Some(ip) => format!("ip:{ip}"),
                None => format!("ip:{:x}", ip.to_bits() >> 64),
            },
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_holds_its_capacity_and_refills_evenly() {
        let minute = Duration::from_mins(1);
        let mut full_at = None;
        for _ in 0..3 {
            full_at = Some(draw_token(0, full_at, 3, minute).unwrap());
        }
        assert_eq!(draw_token(0, full_at, 3, minute), Err(Duration::from_secs(20)));
        let later = draw_token(20_000_000, full_at, 3, minute).unwrap();
        assert!(draw_token(20_000_000, Some(later), 3, minute).is_err());
        assert!(draw_token(500_000_000, Some(later), 3, minute).is_ok());
        assert_eq!(draw_token(0, None, 0, minute), Err(minute));
    }
}
