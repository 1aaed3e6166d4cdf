//! What a receiver's answer means.

use std::time::Duration;

use basalt_core::Timestamp;
use basalt_data::events::Received;
use basalt_outbound::Fault;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

/// The longest that a receiver may ask us to wait.
const WAIT_MOST: Duration = Duration::from_hours(24);

/// What became of one try, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Delivered,
    /// To be tried again.
    Failed,
    /// Never again: the receiver may not be asked there.
    Refused,
    /// The receiver says that it is gone.
    Gone,
}

impl Outcome {
    pub const ALL: [Self; 4] = [Self::Delivered, Self::Failed, Self::Refused, Self::Gone];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Gone => "gone",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == text)
    }
}

/// A verdict on one try.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Judged {
    pub(super) outcome: Outcome,
    pub(super) error: Option<String>,
    /// Not before: the receiver said so.
    pub(super) wait_until: Option<Timestamp>,
}

/// Only 2xx is success, as Standard Webhooks has it; a redirect isn't followed, since events are not to be lured away.
pub(super) fn of_answer(status: u16, retry_after: Option<&str>, now: Timestamp) -> Judged {
    let failed = |outcome, error: String| Judged { outcome, error: Some(error), wait_until: None };
    match status {
        200..300 => Judged { outcome: Outcome::Delivered, error: None, wait_until: None },
        300..400 => failed(Outcome::Failed, format!("{status}: redirects are not followed")),
        410 => failed(Outcome::Gone, "410: the receiver is gone".to_owned()),
        429 | 503 => {
            let wait_until = retry_after.and_then(|text| when(text, now));
            Judged { wait_until, ..failed(Outcome::Failed, format!("the receiver answered {status}")) }
        }
        _ => failed(Outcome::Failed, format!("the receiver answered {status}")),
    }
}

pub(super) fn of_fault(fault: &Fault) -> Judged {
    let outcome = if fault.kind.is_passing() || fault.kind == basalt_outbound::FaultKind::TooLarge {
        Outcome::Failed
    } else {
        Outcome::Refused
    };
    Judged { outcome, error: Some(fault.to_string()), wait_until: None }
}

impl Judged {
    /// For whoever has the event delivered.
    pub(super) fn received(&self) -> Received {
        let error = || self.error.clone().unwrap_or_default();
        match self.outcome {
            Outcome::Delivered => Received::Done,
            Outcome::Failed => Received::Retry { at: self.wait_until, error: error() },
            Outcome::Refused | Outcome::Gone => Received::Refused { error: error() },
        }
    }
}

/// `Retry-After`: seconds, or a date (RFC 9110, 10.2.3).
fn when(text: &str, now: Timestamp) -> Option<Timestamp> {
    let text = text.trim();
    let wait = if let Ok(seconds) = text.parse::<u64>() {
        Duration::from_secs(seconds)
    } else {
        let date = OffsetDateTime::parse(text, &Rfc2822).ok()?;
        let millis = i64::try_from(date.unix_timestamp_nanos().div_euclid(1_000_000)).ok()?;
        Timestamp::from_millis(millis).since(now)
    };
    Some(now.plus(wait.min(WAIT_MOST)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(784_111_770_000);

    fn wait(status: u16, text: &str) -> Option<i64> {
        of_answer(status, Some(text), NOW).wait_until.map(|at| (at.millis() - NOW.millis()) / 1_000)
    }

    #[test]
    fn only_success_is_success() {
        let outcome = |status| of_answer(status, None, NOW).outcome;
        for status in [200, 201, 202, 204, 299] {
            assert_eq!(outcome(status), Outcome::Delivered, "{status}");
        }
        for status in [101, 301, 302, 307, 308, 400, 401, 404, 409, 429, 500, 503] {
            assert_eq!(outcome(status), Outcome::Failed, "{status}");
        }
        assert_eq!(outcome(410), Outcome::Gone);
    }

    #[test]
    fn a_receiver_says_how_long_it_is_left_alone() {
        assert_eq!(wait(429, "120"), Some(120));
        assert_eq!(wait(503, " 1 "), Some(1));
        assert_eq!(wait(503, "Sun, 06 Nov 1994 08:49:37 GMT"), Some(7));
        assert_eq!(wait(429, "Sun, 06 Nov 1994 08:00:00 GMT"), Some(0), "a time that is past");
        assert_eq!(wait(429, "99999999"), Some(86_400), "a day at most");
        for odd in ["", "-1", "soon", "1.5"] {
            assert_eq!(wait(429, odd), None, "{odd}");
        }
        assert_eq!(wait(500, "120"), None);
    }
}
