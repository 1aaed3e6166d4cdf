//! Durations and sizes as people write them.

use std::time::Duration;

/// `500ms`, `90s`, `15m`, `12h`, `30d`.
pub fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = number_and_unit(text)?;
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

/// `512B`, `64KB`, `10MB`, `1GB` (by 1,024 each).
pub fn size(text: &str) -> Option<u64> {
    let (number, unit) = number_and_unit(text)?;
    let bytes = match unit {
        "B" => 1,
        "KB" | "KiB" => 1 << 10,
        "MB" | "MiB" => 1 << 20,
        "GB" | "GiB" => 1 << 30,
        _ => return None,
    };
    number.checked_mul(bytes)
}

fn number_and_unit(text: &str) -> Option<(u64, &str)> {
    let split = text.find(|c: char| !c.is_ascii_digit())?;
    let (digits, unit) = text.split_at(split);
    Some((digits.parse().ok()?, unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_read_as_written() {
        assert_eq!(duration("15m"), Some(Duration::from_mins(15)));
        assert_eq!(duration("30d"), Some(Duration::from_hours(720)));
        assert_eq!(size("10MB"), Some(10 << 20));
        for bad in ["", "m", "15", "15 m", "-1s", "1.5h", "18446744073709551615d"] {
            assert_eq!(duration(bad), None, "{bad:?}");
        }
        for bad in ["10", "MB", "10 MB", "10mb", "99999999999999GB"] {
            assert_eq!(size(bad), None, "{bad:?}");
        }
    }
}
