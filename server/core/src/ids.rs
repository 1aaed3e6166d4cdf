//! Names and identifiers, parsed at the door and trusted inside.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use crate::error::{Code, Error, Result};
use crate::random::{self, Random};
use crate::time::Timestamp;

macro_rules! text_newtype {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }
        impl From<$name> for String {
            fn from(name: $name) -> String {
                String::from(&*name.0)
            }
        }
        impl TryFrom<String> for $name {
            type Error = Error;
            fn try_from(text: String) -> Result<Self> {
                Self::parse(&text)
            }
        }
        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

text_newtype! {
    /// A document's identifier: 1 to 64 of `A-Z a-z 0-9 _ -`.
    DocumentId
}
text_newtype! {
    /// A collection's name: a letter, then up to 62 of `A-Z a-z 0-9 _`. A leading `_` is the system's.
    CollectionName
}
text_newtype! {
    /// A document's revision: opaque, another one after each write. 13 characters of `0-9 a-v`.
    Rev
}

text_newtype! {
    /// A channel's name: 1 to 128 of `A-Z a-z 0-9 _ - . ~ @ :`; a `:` parts segments, of which none is empty.
    ChannelName
}

text_newtype! {
    /// A bucket's name: a letter, then up to 62 of `A-Z a-z 0-9 _ -`.
    BucketName
}
text_newtype! {
    /// A function's name: a letter, then up to 62 of `A-Z a-z 0-9 _ $`: an identifier that modules may export.
    FunctionName
}
text_newtype! {
    /// A secret's name: a capital letter, then up to 62 of `A-Z 0-9 _`.
    SecretName
}
text_newtype! {
    /// Where a file is in its bucket: segments parted by `/`, in Unicode's composed form (NFC).
    FilePath
}

/// Bytes of a file's path, and of one segment of it (what file systems take).
const FILE_PATH_BYTES: usize = 1_024;
const SEGMENT_BYTES: usize = 255;

impl BucketName {
    pub fn parse(text: &str) -> Result<Self> {
        let mut bytes = text.bytes();
        let first = bytes.next().is_some_and(|b| b.is_ascii_alphabetic());
        if first && text.len() <= 63 && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-') {
            return Ok(Self(text.into()));
        }
        let detail = "A bucket's name is a letter, then up to 62 of A-Z, a-z, 0-9, _ and -.";
        Err(Error::new(Code::BadRequest, detail))
    }
}

impl FunctionName {
    pub fn parse(text: &str) -> Result<Self> {
        let mut bytes = text.bytes();
        let first = bytes.next().is_some_and(|b| b.is_ascii_alphabetic());
        if first && text.len() <= 63 && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'$') {
            return Ok(Self(text.into()));
        }
        let detail = "A function's name is a letter, then up to 62 of A-Z, a-z, 0-9, _ and $.";
        Err(Error::new(Code::BadRequest, detail))
    }
}

impl SecretName {
    pub fn parse(text: &str) -> Result<Self> {
        let mut bytes = text.bytes();
        let first = bytes.next().is_some_and(|b| b.is_ascii_uppercase());
        if first && text.len() <= 63 && bytes.all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_') {
            return Ok(Self(text.into()));
        }
        Err(Error::new(Code::BadRequest, "A secret's name is a capital letter, then up to 62 of A-Z, 0-9 and _."))
    }
}

impl FilePath {
    /// Names that would mislead people or file systems are refused: `.` and `..`, control characters, backslashes, and
    /// characters that turn the direction of writing around.
    pub fn parse(text: &str) -> Result<Self> {
        let normal: String = if text.is_ascii() { text.to_owned() } else { text.nfc().collect() };
        let good = |segment: &str| {
            (1..=SEGMENT_BYTES).contains(&segment.len())
                && segment != "."
                && segment != ".."
                && !segment.chars().any(|c| c.is_control() || c == '\\' || turns_direction(c))
        };
        if normal.len() <= FILE_PATH_BYTES && normal.split('/').all(good) {
            return Ok(Self(normal.into()));
        }
        let detail = "A file's path has 1 to 1024 bytes, in segments of 1 to 255 parted by /; none of them is . or .., \
                      and there are no control characters and no backslashes in it.";
        Err(Error::new(Code::BadRequest, detail))
    }

    /// The last segment.
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }
}

fn turns_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
}

impl ChannelName {
    pub fn parse(text: &str) -> Result<Self> {
        let good = |b: u8| b.is_ascii_alphanumeric() || b"_-.~@:".contains(&b);
        let filled = text.split(':').all(|segment| !segment.is_empty());
        if text.len() <= 128 && filled && text.bytes().all(good) {
            return Ok(Self(text.into()));
        }
        let detail =
            "A channel's name has 1 to 128 characters of A-Z, a-z, 0-9, _, -, ., ~ and @, in segments parted by :.";
        Err(Error::new(Code::BadRequest, detail))
    }

    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.split(':')
    }
}

impl DocumentId {
    pub fn parse(text: &str) -> Result<Self> {
        let good = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        if (1..=64).contains(&text.len()) && text.bytes().all(good) {
            return Ok(Self(text.into()));
        }
        Err(Error::new(Code::BadRequest, "An id has 1 to 64 characters of A-Z, a-z, 0-9, _ and -."))
    }

    /// A new id whose text sorts by `now` (48 bits of milliseconds, 72 random bits; 24 characters).
    pub fn generate(now: Timestamp, random: &dyn Random) -> Self {
        let mut bytes = [0; 15];
        bytes[..6].copy_from_slice(&now.millis().max(0).to_be_bytes()[2..]);
        random.fill(&mut bytes[6..]);
        Self(random::base32hex(&bytes).into())
    }
}

impl CollectionName {
    /// A name that a client may use: never the system's.
    pub fn parse_public(text: &str) -> Result<Self> {
        let name = Self::parse(text)?;
        if name.is_system() {
            return Err(Error::new(Code::CollectionNotFound, format!("There is no collection {text:?}.")));
        }
        Ok(name)
    }

    pub fn parse(text: &str) -> Result<Self> {
        let mut bytes = text.bytes();
        let first = bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
        if first && text.len() <= 63 && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            return Ok(Self(text.into()));
        }
        let detail = "A collection's name is a letter, then up to 62 of A-Z, a-z, 0-9 and _.";
        Err(Error::new(Code::BadRequest, detail))
    }

    /// System collections begin with `_`: no client rule opens them and no generic route names them.
    pub fn is_system(&self) -> bool {
        self.0.starts_with('_')
    }
}

impl Rev {
    pub fn parse(text: &str) -> Result<Self> {
        if (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic() && b != b'"') {
            return Ok(Self(text.into()));
        }
        Err(Error::new(Code::BadRequest, "That is not a revision."))
    }

    pub fn generate(random: &dyn Random) -> Self {
        Self(random::base32hex(&random::bytes::<8>(random)).into())
    }
}

/// A place in a document: field names from the outside in, such as `author.name`.
///
/// Its text form joins the names by dots; a name that holds a dot itself has no text form and is reached by
/// `doc["a.b"]` in expressions only.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FieldPath(Vec<String>);

impl FieldPath {
    pub fn parse(text: &str) -> Result<Self> {
        let names: Vec<String> = text.split('.').map(str::to_owned).collect();
        if names.len() <= 16 && names.iter().all(|name| is_field_name(name)) {
            return Ok(Self(names));
        }
        Err(Error::new(Code::BadRequest, format!("{text:?} is not the path of a field.")))
    }

    /// From names that may hold dots.
    pub fn from_names(names: Vec<String>) -> Self {
        Self(names)
    }

    pub fn names(&self) -> &[String] {
        &self.0
    }

    /// As a JSON Pointer (RFC 6901).
    pub fn pointer(&self) -> String {
        let tokens: Vec<String> = self.0.iter().map(|name| crate::document::pointer_token(name)).collect();
        format!("/{}", tokens.join("/"))
    }

    /// The outermost field, by which field rules and changed fields go.
    pub fn top(&self) -> &str {
        self.0.first().map_or("", String::as_str)
    }
}

/// 1 to 128 bytes, not beginning with `$`, no control characters. (A document's top level is stricter, see
/// [`crate::document::check_fields`].)
pub fn is_field_name(name: &str) -> bool {
    (1..=128).contains(&name.len()) && !name.starts_with('$') && !name.chars().any(char::is_control)
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("."))
    }
}

impl TryFrom<String> for FieldPath {
    type Error = Error;
    fn try_from(text: String) -> Result<Self> {
        Self::parse(&text)
    }
}

impl From<FieldPath> for String {
    fn from(path: FieldPath) -> Self {
        path.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn document_ids_are_parsed_strictly() {
        assert!(DocumentId::parse("a_B-9").is_ok());
        for bad in ["", "a/b", "é", "a b", "..", &"x".repeat(65)] {
            assert!(DocumentId::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn system_collections_are_not_found_by_clients() {
        assert!(CollectionName::parse("_sessions").is_ok());
        assert!(CollectionName::parse_public("_sessions").is_err());
        for bad in ["", "1a", "a-b", "a.b", "ａ", &"x".repeat(64)] {
            assert!(CollectionName::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn paths_of_files_neither_climb_nor_mislead() {
        for good in ["a", "a/b.jpg", "Ünï/写真 1.png", ".hidden", "a..b", "...", &"x".repeat(255)] {
            assert!(FilePath::parse(good).is_ok(), "{good:?}");
        }
        let long = "x".repeat(256);
        for bad in ["", "/", "/a", "a/", "a//b", ".", "..", "a/../b", "a\\b", "a\0", "a\nb", "gpj.\u{202e}exe", &long] {
            assert!(FilePath::parse(bad).is_err(), "{bad:?}");
        }
        assert_eq!(FilePath::parse("u\u{308}").unwrap().as_str(), "\u{fc}", "composed");
        assert_eq!(FilePath::parse("a/b/c.txt").unwrap().name(), "c.txt");
        assert!(BucketName::parse("user-images_2").is_ok());
        for bad in ["", "1a", "a/b", "a:b", "a.b"] {
            assert!(BucketName::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn generated_ids_sort_by_time() {
        struct Ones;
        impl Random for Ones {
            fn fill(&self, bytes: &mut [u8]) {
                bytes.fill(255);
            }
        }
        let early = DocumentId::generate(Timestamp::from_millis(1_000), &Ones);
        let late = DocumentId::generate(Timestamp::from_millis(1_001), &Ones);
        assert!(early < late);
        assert_eq!(early.as_str().len(), 24);
    }
}
