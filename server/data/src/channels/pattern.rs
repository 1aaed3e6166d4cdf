//! Patterns of channels' names: `room:{room}` has a literal and a captured segment.

use basalt_core::ChannelName;
use basalt_core::random::base32hex;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

const MOST_BYTES: usize = 128;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    segments: Vec<Segment>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Literal(String),
    Captured(String),
}

impl Pattern {
    /// An error is a sentence for people.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > MOST_BYTES {
            return Err(format!("A pattern has at most {MOST_BYTES} bytes."));
        }
        let segments = text.split(':').map(segment).collect::<Result<Vec<_>, _>>()?;
        let mut names: Vec<&String> = segments.iter().filter_map(Segment::name).collect();
        names.sort_unstable();
        if let Some((twice, _)) = names.iter().zip(names.iter().skip(1)).find(|(one, next)| one == next) {
            return Err(format!("{{{twice}}} is captured twice."));
        }
        Ok(Self { text: text.to_owned(), segments })
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What it captures of a name, if it fits.
    pub fn captures(&self, name: &ChannelName) -> Option<Map<String, Value>> {
        let mut captured = Map::new();
        let mut parts = name.segments();
        for segment in &self.segments {
            let part = parts.next()?;
            match segment {
                Segment::Literal(text) if text == part => {}
                Segment::Literal(_) => return None,
                Segment::Captured(name) => drop(captured.insert(name.clone(), part.into())),
            }
        }
        parts.next().is_none().then_some(captured)
    }

    /// Equal for patterns that the same names fit; the more particular one is less.
    pub(super) fn shape(&self) -> impl Iterator<Item = (bool, &str)> {
        self.segments.iter().map(|segment| (segment.literal().is_none(), segment.literal().unwrap_or_default()))
    }

    /// An id for what is kept of it: one for all patterns that the same names fit.
    pub fn key(&self) -> String {
        let shape: Vec<&str> = self.segments.iter().map(|segment| segment.literal().unwrap_or("{}")).collect();
        base32hex(&Sha256::digest(shape.join(":"))[..20])
    }
}

impl Segment {
    fn literal(&self) -> Option<&str> {
        match self {
            Self::Literal(text) => Some(text),
            Self::Captured(_) => None,
        }
    }

    fn name(&self) -> Option<&String> {
        match self {
            Self::Literal(_) => None,
            Self::Captured(name) => Some(name),
        }
    }
}

fn segment(text: &str) -> Result<Segment, String> {
    let Some(name) = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else {
        if ChannelName::parse(text).is_ok() {
            return Ok(Segment::Literal(text.to_owned()));
        }
        let form = "A-Z, a-z, 0-9, _, -, ., ~ and @, or a name in braces";
        return Err(format!("A pattern is segments parted by :, each of {form}, not {text:?}."));
    };
    let good = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let begins = name.bytes().next().is_some_and(|b| b.is_ascii_alphabetic());
    if begins && name.len() <= 32 && name.bytes().all(good) {
        return Ok(Segment::Captured(name.to_owned()));
    }
    Err(format!("What is captured has a name of a letter, then up to 31 of A-Z, a-z, 0-9 and _, not {name:?}."))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::parse(text).unwrap()
    }

    #[test]
    fn segments_are_literal_or_captured() {
        let name = |text: &str| ChannelName::parse(text).unwrap();
        let captured = pattern("a:{x}:b:{y}").captures(&name("a:1:b:2")).map(Value::Object);
        assert_eq!(captured, Some(json!({"x": "1", "y": "2"})));
        for other in ["a:1:c:2", "a:1:b", "a:1:b:2:3", "x"] {
            assert_eq!(pattern("a:{x}:b:{y}").captures(&name(other)), None, "{other}");
        }
        for bad in ["", ":", "a:", "a::b", "{", "{}", "{1}", "a{b}", "{a}:{a}", "a b", "a/b", &"a".repeat(129)] {
            assert!(Pattern::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn those_that_the_same_names_fit_are_one() {
        assert_eq!(pattern("room:{a}").key(), pattern("room:{b}").key());
        assert_ne!(pattern("room:{a}").key(), pattern("room:a").key());
        assert_ne!(pattern("{a}:room").key(), pattern("room:{a}").key());
    }
}
