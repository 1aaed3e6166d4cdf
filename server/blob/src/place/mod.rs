//! Where bytes are kept, as one text: a folder, or the URL of a bucket.

mod parse;

use std::fmt;
use std::path::PathBuf;

use basalt_core::Result;

/// Where the bytes of files are kept.
#[derive(Clone, Debug)]
pub enum Place {
    /// A folder of this machine.
    Local(PathBuf),
    /// An S3 bucket, or what speaks as one.
    S3(Bucket),
    /// A bucket of Google Cloud Storage.
    Gcs(Bucket),
    /// A container of Azure Blob Storage.
    Azure(Bucket),
}

impl Place {
    /// Reads a folder's path or one of
    /// - `s3://BUCKET/PREFIX?endpoint=URL&region=NAME&style=path|virtual`
    /// - `gs://BUCKET/PREFIX?endpoint=URL&anonymous=true`
    /// - `az://CONTAINER/PREFIX?account=NAME&endpoint=URL`
    ///
    /// Credentials come from `names` (the environment, by the names that each provider gives them); for tests also as
    /// `key` and `secret`. Only an endpoint that says `http://` is spoken to without TLS.
    pub fn parse(text: &str, names: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        parse::place(text, names)
    }
}

/// A bucket of a cloud. Neither its `Display` nor its `Debug` tells a credential.
#[derive(Clone)]
pub struct Bucket {
    pub(crate) scheme: &'static str,
    pub(crate) name: String,
    /// Without slashes around it; empty is the bucket's root.
    pub(crate) prefix: String,
    pub(crate) endpoint: Option<String>,
    pub(crate) virtual_style: bool,
    /// `object_store`'s name of a setting, and its value; some are secret.
    pub(crate) settings: Vec<(&'static str, String)>,
}

impl Bucket {
    pub(crate) fn plain_http(&self) -> bool {
        self.endpoint.as_ref().is_some_and(|endpoint| endpoint.starts_with("http://"))
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}/{}", self.scheme, self.name, self.prefix)
    }
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(path) => write!(f, "{}", path.display()),
            Self::S3(bucket) | Self::Gcs(bucket) | Self::Azure(bucket) => write!(f, "{bucket}"),
        }
    }
}
