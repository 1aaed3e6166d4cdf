//! Names of functions, of their aliases and of secrets.

use std::borrow::Borrow;
use std::fmt;

use basalt_core::{Code, DocumentId, Error, Result};
use serde::{Deserialize, Serialize};

/// The alias that callers mean who name none.
pub const LIVE: &str = "live";
/// What `[functions]` of an app and the routes mean otherwise.
const TAKEN: [&str; 5] = ["rules", "env", "egress", "limits", "deploy"];
const MOST_BYTES: usize = 48;

/// An export's name: a letter, then up to 47 of A-Z, a-z, 0-9 and `_`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FunctionName(Box<str>);

/// `live`, `staging`: a small letter, then up to 31 of a-z, 0-9 and `-`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AliasName(Box<str>);

/// `STRIPE_KEY`: no digit first, 1 to 64 of A-Z, a-z, 0-9 and `_`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SecretName(Box<str>);

impl FunctionName {
    /// An error is a sentence for people.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut bytes = text.bytes();
        let letter = bytes.next().is_some_and(|b| b.is_ascii_alphabetic());
        if !letter || text.len() > MOST_BYTES || !bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            return Err(format!(
                "A function's name is a letter, then up to {} of A-Z, a-z, 0-9 and _.",
                MOST_BYTES - 1
            ));
        }
        if TAKEN.contains(&text) {
            return Err(format!("{text:?} means something else in [functions]; name the function otherwise."));
        }
        Ok(Self(text.into()))
    }

    /// As a path has it: what can't be a name is nobody's.
    pub fn of_path(text: &str) -> Result<Self> {
        Self::parse(text).map_err(|_| not_found(text))
    }

    /// The id of its document.
    pub(super) fn id(&self) -> Result<DocumentId> {
        DocumentId::parse(&self.0)
    }

    /// The id of a version's document.
    pub(super) fn version_id(&self, version: u32) -> Result<DocumentId> {
        DocumentId::parse(&format!("{self}-{version}"))
    }
}

impl AliasName {
    /// An error is a sentence for people.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut bytes = text.bytes();
        let letter = bytes.next().is_some_and(|b| b.is_ascii_lowercase());
        if letter && text.len() <= 32 && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
            return Ok(Self(text.into()));
        }
        Err("An alias is a small letter, then up to 31 of a-z, 0-9 and -.".to_owned())
    }

    /// As a path has it: what can't be an alias is none.
    pub fn of_path(text: &str) -> Result<Self> {
        Self::parse(text).map_err(|_| Error::new(Code::AliasNotFound, "There is no such alias."))
    }

    pub fn live() -> Self {
        Self(LIVE.into())
    }

    pub fn is_live(&self) -> bool {
        &*self.0 == LIVE
    }
}

impl SecretName {
    /// An error is a sentence for people.
    pub fn parse(text: &str) -> Result<Self, String> {
        let known = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        let digit = text.bytes().next().is_none_or(|b| b.is_ascii_digit());
        if !digit && text.len() <= 64 && text.bytes().all(known) {
            return Ok(Self(text.into()));
        }
        Err("A secret's name is 1 to 64 of A-Z, a-z, 0-9 and _, and no digit first.".to_owned())
    }
}

/// What the answer is where there is no such function.
pub fn not_found(name: &str) -> Error {
    let told: String = name.chars().take(64).collect();
    Error::new(Code::FunctionNotFound, format!("There is no function {told:?}."))
}

macro_rules! text {
    ($($name:ident)*) => {$(
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

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0.into()
            }
        }
    )*};
}

text! { FunctionName AliasName SecretName }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_parsed_strictly() {
        for good in ["add", "wordCount", "A1_b", &"a".repeat(48)] {
            assert!(FunctionName::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "1a", "_a", "a-b", "a.b", "env", "deploy", &"a".repeat(49)] {
            assert!(FunctionName::parse(bad).is_err(), "{bad}");
        }
        assert!(AliasName::parse("live").is_ok_and(|alias| alias.is_live()));
        assert!(AliasName::parse("canary-2").is_ok());
        for bad in ["", "Live", "2nd", "-a", "a b"] {
            assert!(AliasName::parse(bad).is_err(), "{bad}");
        }
        assert!(SecretName::parse("STRIPE_KEY").is_ok());
        assert!(SecretName::parse("1KEY").is_err() && SecretName::parse("").is_err());
    }
}
