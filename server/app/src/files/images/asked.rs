//! What a request asks of a picture, and who may ask for what.

use basalt_core::principal::Principal;
use basalt_core::{Caller, Code, Error, Result};
use basalt_data::collections::{Bucket, Preset};
use basalt_images::{Draft, Fit, Format, Wanted};
use serde_json::Value;

use crate::files::Ticket;

/// A size of the bucket's by its name, or one of the caller's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    Preset(String),
    Own(Wanted),
}

impl Asked {
    /// The names of query parameters that ask for a picture.
    pub const NAMES: [&str; 7] = ["preset", "width", "height", "fit", "format", "quality", "strip"];

    /// From the parameters of a URL; `None` where none of them is of a picture.
    pub fn parse<'a>(parameters: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Option<Self>> {
        let (mut preset, mut draft) = (None, Draft::default());
        for (name, value) in parameters {
            match name {
                "preset" => preset = Some(value.to_owned()),
                name if Draft::NAMES.contains(&name) => draft.set(name, value)?,
                _ => {}
            }
        }
        match (preset, draft.check()?) {
            (Some(_), Some(_)) => Err(bad("A preset says all: no other option goes with it.")),
            (Some(preset), None) => Ok(Some(Self::Preset(preset))),
            (None, own) => Ok(own.map(Self::Own)),
        }
    }

    /// From the JSON that a URL is signed for: `{"width":400,…}` or `{"preset":"thumb"}`.
    pub fn from_json(value: &Value) -> Result<Self> {
        let object = value.as_object().ok_or_else(|| bad("image is an object."))?;
        let mut parameters = Vec::with_capacity(object.len());
        for (name, value) in object {
            if !Self::NAMES.contains(&name.as_str()) {
                return Err(Error::new(Code::UnknownField, format!("image has no {name:?}.")));
            }
            let text = match value {
                Value::String(text) => text.clone(),
                Value::Number(number) => number.to_string(),
                Value::Bool(flag) => flag.to_string(),
                _ => return Err(bad(&format!("{name} is a text, a number, or true or false."))),
            };
            parameters.push((name.as_str(), text));
        }
        let asked = Self::parse(parameters.iter().map(|(name, value)| (*name, value.as_str())))?;
        asked.ok_or_else(|| bad("image says nothing of a picture."))
    }

    /// Whether a URL for a file of this bucket may be signed for it.
    pub(crate) fn check(value: &Value, bucket: &Bucket) -> Result<()> {
        Self::from_json(value)?.wanted(bucket).map(drop)
    }

    fn wanted(&self, bucket: &Bucket) -> Result<Wanted> {
        match self {
            Self::Own(wanted) => Ok(wanted.clone()),
            Self::Preset(name) => {
                let preset = bucket.presets.get(name);
                let none = || Error::new(Code::BadParameter, format!("The bucket has no preset {name:?}."));
                of_preset(preset.ok_or_else(none)?)
            }
        }
    }
}

/// What is to be answered; `None`: the file as it is.
///
/// A URL that was signed for a size gives that one and nothing else; other signed URLs, and visitors, get the bucket's
/// presets: each size that anybody may ask for is work and room that anybody may take.
pub(super) fn allowed(
    asked: Option<&Asked>,
    bucket: &Bucket,
    caller: &Caller,
    ticket: Option<&Ticket>,
) -> Result<Option<Wanted>> {
    let asked = asked.map(|asked| Ok::<_, Error>((asked, asked.wanted(bucket)?))).transpose()?;
    let signed = ticket.and_then(Ticket::image).map(Asked::from_json).transpose()?;
    if let Some(signed) = signed {
        let signed = signed.wanted(bucket)?;
        return match asked {
            Some((_, wanted)) if wanted != signed => Err(refused("This URL is signed for another size.")),
            _ => Ok(Some(signed)),
        };
    }
    let bound = ticket.is_some() || matches!(caller.principal, Principal::Visitor);
    match asked {
        Some((Asked::Own(_), _)) if bound => {
            Err(refused("Without being signed in, only the bucket's presets can be asked for (?preset=NAME)."))
        }
        asked => Ok(asked.map(|(_, wanted)| wanted)),
    }
}

fn of_preset(preset: &Preset) -> Result<Wanted> {
    let draft = Draft {
        width: preset.width,
        height: preset.height,
        fit: preset.fit.as_deref().map(Fit::parse).transpose()?,
        format: preset.format.as_deref().map(Format::parse).transpose()?,
        quality: preset.quality,
        strip: false,
    };
    draft.check()?.ok_or_else(|| bad("The preset says nothing."))
}

fn refused(detail: &str) -> Error {
    Error::new(Code::SizeNotAllowed, detail)
}

fn bad(detail: &str) -> Error {
    Error::new(Code::BadParameter, detail)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_preset_stands_alone_and_other_parameters_are_others() {
        assert_eq!(Asked::parse([("download", ""), ("token", "x")]).unwrap(), None);
        assert_eq!(Asked::parse([("preset", "thumb")]).unwrap(), Some(Asked::Preset("thumb".to_owned())));
        assert_eq!(Asked::parse([("preset", "thumb"), ("width", "4")]).unwrap_err().code(), Code::BadParameter);
    }

    #[test]
    fn what_is_signed_is_what_a_url_would_ask_for() {
        let signed = Asked::from_json(&json!({"width": 400, "format": "webp", "strip": true})).unwrap();
        let asked = Asked::parse([("format", "webp"), ("width", "400"), ("strip", "true")]).unwrap();
        assert_eq!(Some(signed), asked);
        for bad in [json!({}), json!(400), json!({"width": [4]}), json!({"width": 0}), json!({"size": 4})] {
            assert!(Asked::from_json(&bad).is_err(), "{bad}");
        }
    }
}
