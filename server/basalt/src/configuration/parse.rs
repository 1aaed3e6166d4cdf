//! Values as settings give them: TOML's own types from the file, texts from the environment and from flags.

use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;

/// A value before it is understood.
#[derive(Clone, Debug)]
pub(super) enum Raw {
    Text(String),
    Toml(toml::Value),
}

impl Raw {
    pub(super) fn text(&self) -> Result<String, String> {
        match self {
            Self::Text(text) | Self::Toml(toml::Value::String(text)) if !text.is_empty() => Ok(text.clone()),
            Self::Text(_) | Self::Toml(toml::Value::String(_)) => Err("is empty".to_owned()),
            Self::Toml(_) => Err("has to be a text".to_owned()),
        }
    }

    pub(super) fn number(&self, least: u32, most: u32) -> Result<u32, String> {
        let number = match self {
            Self::Text(text) => text.parse::<i64>().ok(),
            Self::Toml(value) => value.as_integer(),
        };
        let number = number.and_then(|number| u32::try_from(number).ok());
        let in_range = number.filter(|number| (least..=most).contains(number));
        in_range.ok_or_else(|| format!("has to be a whole number from {least} to {most}"))
    }

    /// A number from 0 to 1.
    pub(super) fn share(&self) -> Result<f64, String> {
        let number = match self {
            Self::Text(text) => text.parse::<f64>().ok(),
            Self::Toml(toml::Value::Integer(number)) => u8::try_from(*number).ok().map(f64::from),
            Self::Toml(value) => value.as_float(),
        };
        number.filter(|number| (0.0..=1.0).contains(number)).ok_or_else(|| "has to be a number from 0 to 1".to_owned())
    }

    pub(super) fn duration(&self) -> Result<Duration, String> {
        let duration = self.text().ok().and_then(|text| human_duration(&text)).filter(|duration| !duration.is_zero());
        duration.ok_or_else(|| "has to be a duration such as \"500ms\", \"30s\", \"15m\" or \"30d\"".to_owned())
    }

    pub(super) fn size(&self) -> Result<u64, String> {
        let size = self.text().ok().and_then(|text| human_size(&text)).filter(|size| *size > 0);
        size.ok_or_else(|| "has to be a size such as \"512KB\", \"8MB\" or \"4GB\"".to_owned())
    }

    /// Texts; in the environment and in flags separated by commas.
    pub(super) fn list(&self) -> Result<Vec<String>, String> {
        match self {
            Self::Text(text) => {
                Ok(text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect())
            }
            Self::Toml(toml::Value::Array(items)) => items
                .iter()
                .map(|item| item.as_str().map(str::to_owned).ok_or_else(|| "has to be a list of texts".to_owned()))
                .collect(),
            Self::Toml(_) => Err("has to be a list of texts".to_owned()),
        }
    }

    pub(super) fn address(&self) -> Result<SocketAddr, String> {
        let text = self.text()?;
        let resolved = text.to_socket_addrs().ok().and_then(|mut addresses| addresses.next());
        resolved.ok_or_else(|| "has to be an address and a port, such as 127.0.0.1:7070".to_owned())
    }

    /// `http://` or `https://` and a host, without a path.
    pub(super) fn url(&self) -> Result<String, String> {
        let text = self.text()?;
        let url = text.trim_end_matches('/');
        let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
        match rest {
            Some(host) if !host.is_empty() && !host.contains(['/', '?', '#', '@', ' ']) => Ok(url.to_owned()),
            _ => Err("has to be an origin such as https://api.example.org".to_owned()),
        }
    }
}

/// `500ms`, `30s`, `15m`, `12h`, `30d`.
pub(crate) fn human_duration(text: &str) -> Option<Duration> {
    let split = text.find(|c: char| !c.is_ascii_digit())?;
    let (digits, unit) = text.split_at(split);
    let millis: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(millis).map(Duration::from_millis)
}

fn human_size(text: &str) -> Option<u64> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(split);
    let factor: u64 = match unit.trim() {
        "" | "B" => 1,
        "KB" => 1 << 10,
        "MB" => 1 << 20,
        "GB" => 1 << 30,
        "TB" => 1 << 40,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_written() {
        assert_eq!(human_duration("15m"), Some(Duration::from_mins(15)));
        assert_eq!(human_duration("250ms"), Some(Duration::from_millis(250)));
        for bad in ["", "m", "15", "1.5h", "-1s", "15 m", "99999999999999999d"] {
            assert_eq!(human_duration(bad), None, "{bad}");
        }
    }

    #[test]
    fn sizes_are_read_as_written() {
        assert_eq!(human_size("8MB"), Some(8 << 20));
        assert_eq!(human_size("100"), Some(100));
        for bad in ["", "MB", "8mb", "1.5GB", "-1", "99999999999TB"] {
            assert_eq!(human_size(bad), None, "{bad}");
        }
    }
}
