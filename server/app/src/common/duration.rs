//! Durations as people write them.

use std::time::Duration;

use serde::{Deserialize, Deserializer};

/// Reads `500ms`, `90s`, `15m`, `12h`, `30d`.
pub fn human_duration(text: &str) -> Option<Duration> {
    let split = text.find(|c: char| !c.is_ascii_digit())?;
    let (digits, unit) = text.split_at(split);
    let number: u64 = digits.parse().ok()?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.checked_mul(millis).map(Duration::from_millis)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    human_duration(&text).ok_or_else(|| serde::de::Error::custom("expected a duration such as \"15m\" or \"30d\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_written() {
        assert_eq!(human_duration("15m"), Some(Duration::from_secs(900)));
        assert_eq!(human_duration("30d"), Some(Duration::from_secs(2_592_000)));
        assert_eq!(human_duration("500ms"), Some(Duration::from_millis(500)));
        for bad in ["", "m", "15", "15 m", "-1s", "1.5h", "99999999999999999999d", "18446744073709551615d"] {
            assert_eq!(human_duration(bad), None, "{bad:?}");
        }
    }
}
