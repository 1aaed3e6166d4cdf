//! What an account is found by: an e-mail address, a user name or a telephone number, in one canonical form each.

use basalt_core::{Code, Error, FieldError, Result};
use basalt_store::CellKey;

use crate::common::text::{canonical, has_invisible, is_email};

/// A checked, canonical identifier. One account at most holds it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Identifier {
    Email(String),
    Username(Username),
    Phone(String),
}

/// A user name keeps the letters it was given in; `canonical` is what has to be unique.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Username {
    pub shown: String,
    canonical: String,
}

impl Identifier {
    pub fn email(text: &str) -> Result<Self> {
        let email = canonical(text);
        if is_email(&email) { Ok(Self::Email(email)) } else { Err(bad("/email", "This is not an e-mail address.")) }
    }

    /// 1 to 64 characters without white space and `@`.
    pub fn username(text: &str) -> Result<Self> {
        let shown: String = unicode_normalization::UnicodeNormalization::nfkc(text.trim()).collect();
        let length = shown.chars().count();
        if !(1..=64).contains(&length) || shown.contains('@') || has_invisible(&shown) {
            return Err(bad("/username", "A user name has 1 to 64 characters, no white space and no @."));
        }
        let canonical = canonical(&shown);
        Ok(Self::Username(Username { shown, canonical }))
    }

    /// In international form: `+`, then 7 to 15 digits; spaces, dashes, dots and brackets are left out.
    pub fn phone(text: &str) -> Result<Self> {
        let kept: String = text.chars().filter(|c| !matches!(c, ' ' | '-' | '.' | '(' | ')')).collect();
        let digits = kept.strip_prefix('+').unwrap_or("");
        if (7..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0') {
            return Ok(Self::Phone(kept));
        }
        Err(bad("/phone", "A telephone number begins with + and the country's code."))
    }

    /// The user document's field that shows it.
    pub fn field(&self) -> &'static str {
        match self {
            Self::Email(_) => "email",
            Self::Username(_) => "username",
            Self::Phone(_) => "phone",
        }
    }

    /// As the user document shows it.
    pub fn shown(&self) -> &str {
        match self {
            Self::Email(text) | Self::Phone(text) => text,
            Self::Username(name) => &name.shown,
        }
    }

    /// The one form under which it is found and counted.
    pub(crate) fn canonical(&self) -> &str {
        match self {
            Self::Email(text) | Self::Phone(text) => text,
            Self::Username(name) => &name.canonical,
        }
    }

    /// The cell that says whose it is.
    pub(crate) fn claim(&self) -> CellKey {
        let space = match self {
            Self::Email(_) => "_emails",
            Self::Username(_) => "_usernames",
            Self::Phone(_) => "_phones",
        };
        CellKey::new(space, self.canonical())
    }
}

fn bad(path: &str, message: &str) -> Error {
    Error::new(Code::BadRequest, message).with_errors(vec![FieldError::new(path, "invalid", message)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_canonical() {
        let ann = Identifier::email(" Ann@Example.COM ").unwrap();
        assert_eq!(ann, Identifier::email("ann@example.com").unwrap());
        assert_eq!(ann.shown(), "ann@example.com");
        assert!(Identifier::email("josé@exämple.de").is_ok());
        assert!(Identifier::email("root@localhost").is_ok());
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let long = format!("{}@example.com", "x".repeat(65));
        for bad in [
            "",
            "ann",
            "@b.c",
            "a@",
            "a@@b.c",
            "a b@c.d",
            "a@b..c",
            "a@-b.c",
            "a\u{200b}@b.c",
            "<a@b.c>",
            "a@b,c",
            &long,
        ] {
            let error = Identifier::email(bad).unwrap_err();
            assert_eq!(error.code(), Code::BadRequest, "{bad:?}");
            assert_eq!(error.errors()[0].path, "/email");
        }
    }

    #[test]
    fn user_names_keep_their_letters_but_not_their_case_apart() {
        let (a, b) = (Identifier::username("Ann").unwrap(), Identifier::username("aNN ").unwrap());
        assert_eq!((a.shown(), b.shown()), ("Ann", "aNN"));
        assert_eq!(a.claim(), b.claim());
        for bad in ["", "a b", "a@b", &"x".repeat(65)] {
            assert!(Identifier::username(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn telephone_numbers_are_international() {
        assert_eq!(Identifier::phone("+44 (20) 7946-0958").unwrap().shown(), "+442079460958");
        for bad in ["02079460958", "+0123456789", "+12", "+1234567890123456", "+44x"] {
            assert!(Identifier::phone(bad).is_err(), "{bad:?}");
        }
    }
}
