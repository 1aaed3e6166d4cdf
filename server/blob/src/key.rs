use std::fmt;

use basalt_core::random::{self, Random};
use basalt_core::{Error, Result, Timestamp};
use serde::{Deserialize, Serialize};

/// Where the bytes of one file lie: made by the server, drawn at random, written once and never again.
///
/// Its text is `ab/0123…`: two hexadecimal digits, by which a disk spreads its folders, and 16 to 64 of `0-9 a-v`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Key(Box<str>);

/// The folders that keys are spread over.
pub(crate) const FOLDERS: u16 = 256;

impl Key {
    /// 48 bits of milliseconds, which nothing relies on but helps who looks at a folder, and 112 random ones.
    pub fn generate(now: Timestamp, random: &dyn Random) -> Self {
        let mut bytes = [0; 21];
        bytes[..6].copy_from_slice(&now.millis().max(0).to_be_bytes()[2..]);
        random.fill(&mut bytes[6..]);
        let (name, folder) = bytes.split_at(20);
        Self(format!("{:02x}/{}", folder[0], random::base32hex(name)).into())
    }

    pub fn parse(text: &str) -> Result<Self> {
        let good = text.split_once('/').is_some_and(|(folder, name)| is_folder(folder) && is_name(name));
        if good { Ok(Self(text.into())) } else { Err(Error::internal(format!("{text:?} is not the key of a file"))) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What comes after the folder; as random as the whole.
    pub(crate) fn name(&self) -> &str {
        self.0.split_once('/').map_or("", |(_, name)| name)
    }
}

pub(crate) fn folder_name(number: u16) -> String {
    format!("{number:02x}")
}

fn is_folder(text: &str) -> bool {
    text.len() == 2 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_name(text: &str) -> bool {
    (16..=64).contains(&text.len()) && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'v'))
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

impl From<Key> for String {
    fn from(key: Key) -> Self {
        key.0.into()
    }
}

impl TryFrom<String> for Key {
    type Error = Error;
    fn try_from(text: String) -> Result<Self> {
        Self::parse(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bytes(u8);
    impl Random for Bytes {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }

    #[test]
    fn what_is_generated_is_parsed() {
        for byte in [0, 9, 255] {
            let key = Key::generate(Timestamp::from_millis(1_767_225_600_123), &Bytes(byte));
            assert_eq!(Key::parse(key.as_str()).unwrap(), key);
            assert_eq!(key.name().len(), 32);
        }
    }

    #[test]
    fn nothing_else_is_a_key() {
        let name = "0".repeat(32);
        let odd = ["", "ab", "ab/", "ab/../../etc/passwd", "ab/0123"].map(str::to_owned);
        let folders = ["..", "AB", "a", "abc", "zz", "a/b"].map(|folder| format!("{folder}/{name}"));
        for text in odd.into_iter().chain(folders).chain([format!("ab/{name}/x"), format!("ab/{name}\0"), name]) {
            assert!(Key::parse(&text).is_err(), "{text:?}");
        }
    }
}
