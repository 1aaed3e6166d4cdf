//! What somebody wants of a picture: parsed, bounded, and with one text for one meaning.

use std::fmt::Write as _;

use basalt_core::{Code, Error, Result};

use crate::format::Format;

/// Pixels of a rendition's longer side, at most.
pub const SIDE_MAX: u32 = 4096;

/// Comes first in [`Wanted::key`]; another one makes all cached renditions be made anew.
const VERSION: u32 = 1;

/// How the picture gets into the box of the wanted width and height. With one side given, the other follows the picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Fit {
    /// As large as the box allows, but never enlarged.
    #[default]
    Inside,
    /// Fills the box, enlarged if it has to be; what hangs over is cut off, the same on both sides.
    Cover,
    /// As large as the box allows, enlarged if it has to be; the rest of the box is transparent, white in JPEG.
    Contain,
}

/// What is wanted, before it is looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Draft {
    pub width: Option<u32>,
    pub height: Option<u32>,
    pub fit: Option<Fit>,
    pub format: Option<Format>,
    pub quality: Option<u8>,
    pub strip: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Wanted {
    width: Option<u32>,
    height: Option<u32>,
    fit: Fit,
    format: Option<Format>,
    quality: Option<u8>,
    strip: bool,
}

impl Fit {
    pub fn parse(text: &str) -> Result<Self> {
        match text {
            "inside" => Ok(Self::Inside),
            "cover" => Ok(Self::Cover),
            "contain" => Ok(Self::Contain),
            _ => Err(bad("fit is cover, contain or inside.")),
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inside => "inside",
            Self::Cover => "cover",
            Self::Contain => "contain",
        }
    }
}

impl Draft {
    /// The names of the parts, as they stand in a URL and in a preset.
    pub const NAMES: [&str; 6] = ["width", "height", "fit", "format", "quality", "strip"];

    /// Takes one part in its text form; `unknown_parameter` for a name that isn't one.
    pub fn set(&mut self, name: &str, value: &str) -> Result<()> {
        match name {
            "width" => self.width = Some(number(name, value, SIDE_MAX)?),
            "height" => self.height = Some(number(name, value, SIDE_MAX)?),
            "quality" => self.quality = u8::try_from(number(name, value, 100)?).ok(),
            "fit" => self.fit = Some(Fit::parse(value)?),
            "format" => self.format = Some(Format::parse(value)?),
            "strip" => {
                self.strip = match value {
                    "" | "true" => true,
                    "false" => false,
                    _ => return Err(bad("strip is true or false.")),
                }
            }
            _ => {
                return Err(Error::new(Code::UnknownParameter, format!("{name:?} is no part of a picture's options.")));
            }
        }
        Ok(())
    }

    /// `None` where nothing is wanted at all.
    pub fn check(self) -> Result<Option<Wanted>> {
        if self == Self::default() {
            return Ok(None);
        }
        for (name, side) in [("width", self.width), ("height", self.height)] {
            if side.is_some_and(|side| !(1..=SIDE_MAX).contains(&side)) {
                return Err(out_of_range(name, SIDE_MAX));
            }
        }
        if self.quality.is_some_and(|quality| !(1..=100).contains(&quality)) {
            return Err(out_of_range("quality", 100));
        }
        if self.fit.is_some() && self.width.is_none() && self.height.is_none() {
            return Err(bad("fit needs a width or a height."));
        }
        if self.quality.is_some() && self.format.is_some_and(|format| !format.has_quality()) {
            return Err(bad("PNG has no quality: it loses nothing."));
        }
        Ok(Some(Wanted {
            width: self.width,
            height: self.height,
            fit: self.fit.unwrap_or_default(),
            format: self.format,
            quality: self.quality,
            strip: self.strip,
        }))
    }
}

impl Wanted {
    /// From parts like those of a URL's query; `None` where there is none.
    pub fn parse<'a>(parts: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Option<Self>> {
        let mut draft = Draft::default();
        for (name, value) in parts {
            draft.set(name, value)?;
        }
        draft.check()
    }

    /// Whether the pixels stay as they are, and only what stands beside them goes: no rendition, but [`crate::strip`].
    pub fn is_strip_only(&self) -> bool {
        self.width.is_none() && self.height.is_none() && self.format.is_none() && self.quality.is_none()
    }

    pub fn width(&self) -> Option<u32> {
        self.width
    }
    pub fn height(&self) -> Option<u32> {
        self.height
    }
    pub fn fit(&self) -> Fit {
        self.fit
    }
    pub fn format(&self) -> Option<Format> {
        self.format
    }
    pub fn quality(&self) -> Option<u8> {
        self.quality
    }

    /// The same for all that mean the same, of letters, digits, dots and hyphens: what a cache knows a rendition by.
    ///
    /// Whether metadata were asked to go isn't in it, as they always do.
    pub fn key(&self) -> String {
        let mut key = format!("v{VERSION}");
        if self.is_strip_only() {
            key.push_str(".strip");
            return key;
        }
        for (name, side) in [('w', self.width), ('h', self.height)] {
            if let Some(side) = side {
                let _ = write!(key, ".{name}{side}");
            }
        }
        // With one side the box has none to be filled or not: covering and containing are one.
        let fit = match (self.fit, self.width.is_some() && self.height.is_some()) {
            (Fit::Contain, false) => Fit::Cover,
            (fit, _) => fit,
        };
        if fit != Fit::Inside {
            let _ = write!(key, ".{}", fit.as_str());
        }
        if let Some(format) = self.format {
            let _ = write!(key, ".{}", format.as_str());
        }
        if let Some(quality) = self.quality {
            let _ = write!(key, ".q{quality}");
        }
        key
    }

    /// The parts in their text form, from which [`Wanted::parse`] makes the same.
    pub fn parts(&self) -> Vec<(&'static str, String)> {
        let side = |side: Option<u32>| side.map(|side| side.to_string());
        let sized = self.width.is_some() || self.height.is_some();
        [
            ("width", side(self.width)),
            ("height", side(self.height)),
            ("fit", (sized && self.fit != Fit::default()).then(|| self.fit.as_str().to_owned())),
            ("format", self.format.map(|format| format.as_str().to_owned())),
            ("quality", self.quality.map(|quality| quality.to_string())),
            ("strip", self.strip.then(|| "true".to_owned())),
        ]
        .into_iter()
        .filter_map(|(name, value)| value.map(|value| (name, value)))
        .collect()
    }
}

fn number(name: &str, value: &str, most: u32) -> Result<u32> {
    let plain = !value.is_empty() && value.len() <= 4 && value.bytes().all(|byte| byte.is_ascii_digit());
    match value.parse() {
        Ok(number) if plain && (1..=most).contains(&number) => Ok(number),
        _ => Err(out_of_range(name, most)),
    }
}

fn out_of_range(name: &str, most: u32) -> Error {
    bad(&format!("{name} is a whole number from 1 to {most}."))
}

fn bad(detail: &str) -> Error {
    Error::new(Code::BadParameter, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(query: &str) -> Result<Option<Wanted>> {
        Wanted::parse(query.split('&').filter_map(|part| part.split_once('=')))
    }

    #[test]
    fn nothing_wanted_is_nothing() {
        assert_eq!(parse("").unwrap(), None);
        assert_eq!(parse("strip=false").unwrap(), None);
    }

    #[test]
    fn what_is_out_of_bounds_or_makes_no_sense_is_refused() {
        for query in [
            "width=0",
            "width=4097",
            "width=-1",
            "width=1e3",
            "width=",
            "width=00400",
            "height=99999999999",
            "quality=0",
            "quality=101",
            "fit=stretch&width=1",
            "fit=cover",
            "format=bmp",
            "format=png&quality=80",
            "strip=yes",
        ] {
            assert_eq!(parse(query).unwrap_err().code(), Code::BadParameter, "{query}");
        }
        assert_eq!(parse("rotate=90").unwrap_err().code(), Code::UnknownParameter);
    }

    #[cfg(not(feature = "avif"))]
    #[test]
    fn avif_isnt_available_in_a_build_without_it() {
        assert_eq!(parse("format=avif").unwrap_err().code(), Code::FormatNotAvailable);
    }

    #[test]
    fn one_meaning_has_one_key() {
        let key = |query: &str| parse(query).unwrap().unwrap().key();
        assert_eq!(key("height=2&width=1&fit=inside&strip=true"), key("width=1&height=2"));
        assert_eq!(key("width=9&fit=contain"), key("fit=cover&width=9"));
        assert_ne!(key("width=9&height=9&fit=contain"), key("fit=cover&width=9&height=9"));
        assert_eq!(key("width=400&height=300&fit=cover&format=webp&quality=7"), "v1.w400.h300.cover.webp.q7");
        assert_eq!(key("strip=true"), "v1.strip");
    }

    #[test]
    fn the_parts_make_the_same_again() {
        for query in ["width=400", "width=1&height=2&fit=cover&format=jpeg&quality=3", "strip=true", "format=png"] {
            let wanted = parse(query).unwrap().unwrap();
            let parts = wanted.parts();
            let again = Wanted::parse(parts.iter().map(|(name, value)| (*name, value.as_str()))).unwrap();
            assert_eq!(again, Some(wanted), "{query}");
        }
    }
}
