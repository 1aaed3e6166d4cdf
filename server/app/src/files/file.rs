//! A file as its document tells of it.

use basalt_core::{BucketName, Code, Document, Error, FilePath, Result};
use serde_json::{Map, Value};

/// The server's fields of the collection `files`: all but what the app says of a file.
pub(crate) const OWNED: [&str; 9] =
    ["bucket", "path", "folder", "size", "contentType", "sha256", "owner", "status", "image"];
/// What the app says of a file.
pub(crate) const DATA: &str = "data";

/// Where a file is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    pub bucket: BucketName,
    pub path: FilePath,
}

/// Whether readers see a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Ready,
    /// It waits for a scanner.
    Pending,
}

/// The server's fields of a file, read off its document.
#[derive(Clone, Debug, PartialEq)]
pub struct File {
    pub target: Target,
    pub size: u64,
    pub content_type: String,
    /// Of the bytes, in hex.
    pub sha256: String,
    pub owner: Option<String>,
    pub status: Status,
    /// What is known of a picture: `{width,height,blurhash,color}`.
    pub image: Option<Value>,
}

impl Target {
    /// The path without its last segment.
    pub(crate) fn folder(&self) -> &str {
        self.path.as_str().rsplit_once('/').map_or("", |(folder, _)| folder)
    }
}

impl Status {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Pending => "pending",
        }
    }
}

impl File {
    pub fn of(document: &Document) -> Result<Self> {
        Self::read(&document.data).ok_or_else(|| Error::internal(format!("{} is no document of a file", document.id)))
    }

    fn read(data: &Map<String, Value>) -> Option<Self> {
        let text = |name: &str| data.get(name).and_then(Value::as_str);
        let bucket = BucketName::parse(text("bucket")?).ok()?;
        let path = FilePath::parse(text("path")?).ok()?;
        Some(Self {
            target: Target { bucket, path },
            size: data.get("size")?.as_u64()?,
            content_type: text("contentType")?.to_owned(),
            sha256: text("sha256")?.to_owned(),
            owner: text("owner").map(str::to_owned),
            status: if text("status")? == Status::Pending.as_str() { Status::Pending } else { Status::Ready },
            image: data.get("image").cloned(),
        })
    }

    /// The fields of its document.
    pub(crate) fn into_fields(self, data: Option<Value>) -> Map<String, Value> {
        let mut fields = Map::new();
        fields.insert("folder".to_owned(), self.target.folder().into());
        fields.insert("bucket".to_owned(), self.target.bucket.as_str().into());
        fields.insert("path".to_owned(), self.target.path.as_str().into());
        fields.insert("size".to_owned(), self.size.into());
        fields.insert("contentType".to_owned(), self.content_type.into());
        fields.insert("sha256".to_owned(), self.sha256.into());
        fields.insert("owner".to_owned(), self.owner.into());
        fields.insert("status".to_owned(), self.status.as_str().into());
        let optional = [("image", self.image), (DATA, data)];
        fields.extend(optional.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
        fields
    }
}

pub(crate) fn file_not_found() -> Error {
    Error::new(Code::FileNotFound, "There is no such file.")
}
