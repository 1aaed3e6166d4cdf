//! `Upload-Metadata`: names and values in base64, separated by commas.

use basalt_core::{Code, Error, FilePath, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

const LONGEST: usize = 8 << 10;
const MOST: usize = 64;

/// What the server takes from the header. What else is in it is the client's own, and told back as it came.
#[derive(Clone, Debug, PartialEq)]
pub struct Metadata {
    /// As it was sent.
    pub sent: String,
    pub path: FilePath,
    pub content_type: Option<String>,
    pub data: Option<Map<String, Value>>,
}

impl Metadata {
    pub fn parse(sent: &str) -> Result<Self> {
        let pairs = pairs(sent)?;
        let text = |name: &str| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| value);
        let utf8 = |value: &Vec<u8>| String::from_utf8(value.clone()).map_err(|_| refused("Its values are UTF-8."));
        let path = text("path").ok_or_else(|| refused("It has to name the file's path: `path`."))?;
        let content_type = text("contentType").or_else(|| text("filetype")).map(utf8).transpose()?;
        let data = text("data").map(|value| {
            let object = |value| if let Value::Object(data) = value { Some(data) } else { None };
            serde_json::from_slice(value).ok().and_then(object).ok_or_else(|| refused("Its `data` is a JSON object."))
        });
        Ok(Self {
            sent: sent.to_owned(),
            path: FilePath::parse(&utf8(path)?)?,
            content_type: content_type.filter(|declared| !declared.is_empty()),
            data: data.transpose()?,
        })
    }
}

fn pairs(sent: &str) -> Result<Vec<(&str, Vec<u8>)>> {
    if sent.len() > LONGEST {
        return Err(refused("It is longer than 8 KiB."));
    }
    let mut pairs: Vec<(&str, Vec<u8>)> = Vec::new();
    for pair in sent.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once(' ').unwrap_or((pair, ""));
        if pairs.len() == MOST || pairs.iter().any(|(known, _)| *known == name) {
            return Err(refused("It has up to 64 names, each once."));
        }
        let value = STANDARD.decode(value.trim()).map_err(|_| refused("Its values are base64."))?;
        pairs.push((name, value));
    }
    Ok(pairs)
}

fn refused(detail: &str) -> Error {
    Error::new(Code::BadRequest, format!("Upload-Metadata: {detail}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(pairs: &[(&str, &str)]) -> Result<Metadata> {
        let pair = |(name, value): &(&str, &str)| format!("{name} {}", STANDARD.encode(value));
        Metadata::parse(&pairs.iter().map(pair).collect::<Vec<_>>().join(", "))
    }

    #[test]
    fn path_type_and_data_are_read_and_the_rest_is_kept() {
        let read = parse(&[("path", "a/ü.png"), ("filetype", "image/png"), ("data", r#"{"a":1}"#), ("mine", "")]);
        let read = read.unwrap();
        assert_eq!(read.path.as_str(), "a/ü.png");
        assert_eq!(read.content_type.as_deref(), Some("image/png"));
        assert_eq!(read.data.unwrap()["a"], 1);
        assert!(read.sent.contains("mine"));
        let both = parse(&[("path", "a"), ("filetype", "x/y"), ("contentType", "text/plain")]).unwrap();
        assert_eq!(both.content_type.as_deref(), Some("text/plain"));
        assert!(Metadata::parse("path YQ==,is_confidential").is_ok(), "a value may be left out");
    }

    #[test]
    fn odd_metadata_is_refused() {
        for odd in ["", "path", "path !!", "path YQ==,path Yg==", "path Li4=", "path YQ==,data MQ==", "path /w=="] {
            assert_eq!(Metadata::parse(odd).unwrap_err().code(), Code::BadRequest, "{odd:?}");
        }
        assert!(Metadata::parse(&format!("path YQ==,x {}", "YQ==".repeat(4_000))).is_err());
    }
}
