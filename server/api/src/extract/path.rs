//! What stands in the path: parsed here, trusted inside.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use basalt_app::files::Target;
use basalt_core::{BucketName, ChannelName, Code, CollectionName, DocumentId, Error, FilePath, Result};
use basalt_data::channels::Pattern;
use percent_encoding::percent_decode_str;

use super::contract::{Argument, Contract};
use crate::problem::Problem;

const NAME: &str = "^[A-Za-z][A-Za-z0-9_]{0,62}$";
const BUCKET: &str = "^[A-Za-z][A-Za-z0-9_-]{0,62}$";
const CHANNEL: &str = "^[A-Za-z0-9_.~@-]+(:[A-Za-z0-9_.~@-]+)*$";
const PATTERN: &str = "^[A-Za-z0-9_.~@{}-]+(:[A-Za-z0-9_.~@{}-]+)*$";
const SEQ: &str = "^[0-9a-f]{16}$";
const ID: &str = "^[A-Za-z0-9_-]{1,64}$";

/// `{collection}`: a collection that clients may name.
pub(crate) struct CollectionAt(pub(crate) CollectionName);

/// `{collection}` and `{id}`.
pub(crate) struct DocumentAt {
    pub(crate) collection: CollectionName,
    pub(crate) id: DocumentId,
}

/// `{collection}`, `{id}` and `{seq}`: a version of a document.
pub(crate) struct VersionAt {
    pub(crate) collection: CollectionName,
    pub(crate) id: DocumentId,
    pub(crate) seq: String,
}

/// `{bucket}`
pub(crate) struct BucketAt(pub(crate) BucketName);

/// `{bucket}` and `{path}`: a file, which may not be there.
pub(crate) struct FileAt(pub(crate) Target);

/// `{id}` of anything.
pub(crate) struct IdAt(pub(crate) DocumentId);

/// `{channel}`
pub(crate) struct ChannelAt(pub(crate) ChannelName);

/// `{pattern}` of channels' names.
pub(crate) struct PatternAt(pub(crate) Pattern);

/// `{role}`
pub(crate) struct RoleAt(pub(crate) DocumentId);

/// `{name}` of anything that is named as documents are.
pub(crate) struct NameAt(pub(crate) DocumentId);

pub(super) fn part<'a>(request: &'a HttpRequest, name: &str) -> Result<&'a str> {
    request.match_info().get(name).ok_or_else(|| Error::internal(format!("the path has no {name}")))
}

fn collection(request: &HttpRequest) -> Result<CollectionName> {
    CollectionName::parse_public(part(request, "collection")?)
}

fn id(request: &HttpRequest) -> Result<DocumentId> {
    DocumentId::parse(part(request, "id")?)
}

pub(super) fn bucket(request: &HttpRequest) -> Result<BucketName> {
    BucketName::parse(&decoded(part(request, "bucket")?)?)
}

/// What comes after `/v1/buckets/{bucket}/{door}/`, as it came: the router puts other characters where bytes are no
/// UTF-8.
fn raw_tail(request: &HttpRequest) -> Result<&str> {
    request.uri().path().splitn(6, '/').nth(5).ok_or_else(|| Error::internal("the path has no end"))
}

/// Escapes put in, once.
fn decoded(part: &str) -> Result<String> {
    let text = percent_decode_str(part).decode_utf8();
    text.map(Into::into).map_err(|_| Error::new(Code::BadRequest, "The path is no UTF-8."))
}

macro_rules! from_path {
    ($type:ty, $read:expr) => {
        impl FromRequest for $type {
            type Error = Problem;
            type Future = Ready<Result<Self, Problem>>;

            fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
                let read: fn(&HttpRequest) -> Result<Self> = $read;
                ready(read(request).map_err(Problem::from))
            }
        }
    };
}

from_path!(CollectionAt, |request| Ok(Self(collection(request)?)));
from_path!(DocumentAt, |request| Ok(Self { collection: collection(request)?, id: id(request)? }));
from_path!(VersionAt, |request| {
    Ok(Self { collection: collection(request)?, id: id(request)?, seq: part(request, "seq")?.to_owned() })
});
from_path!(BucketAt, |request| Ok(Self(bucket(request)?)));
from_path!(FileAt, |request| {
    let path = FilePath::parse(&decoded(raw_tail(request)?)?)?;
    Ok(Self(Target { bucket: bucket(request)?, path }))
});
from_path!(IdAt, |request| Ok(Self(id(request)?)));
from_path!(ChannelAt, |request| Ok(Self(ChannelName::parse(part(request, "channel")?)?)));
from_path!(PatternAt, |request| {
    let pattern = Pattern::parse(part(request, "pattern")?);
    Ok(Self(pattern.map_err(|why| Error::new(Code::BadRequest, why))?))
});
from_path!(RoleAt, |request| Ok(Self(DocumentId::parse(part(request, "role")?)?)));
from_path!(NameAt, |request| Ok(Self(DocumentId::parse(part(request, "name")?)?)));

impl Argument for CollectionAt {
    fn describe(contract: &mut Contract) {
        contract.path_parameter("collection", "The collection's name.", NAME);
        contract.refuses(&[Code::BadRequest, Code::CollectionNotFound]);
    }
}

impl Argument for DocumentAt {
    fn describe(contract: &mut Contract) {
        CollectionAt::describe(contract);
        IdAt::describe(contract);
    }
}

impl Argument for BucketAt {
    fn describe(contract: &mut Contract) {
        contract.path_parameter("bucket", "The bucket's name.", BUCKET);
        contract.refuses(&[Code::BadRequest, Code::BucketNotFound]);
    }
}

impl Argument for FileAt {
    fn describe(contract: &mut Contract) {
        BucketAt::describe(contract);
        contract.path_parameter("path", "Where the file is in the bucket; may hold `/`.", "^.+$");
        contract.refuses(&[Code::FileNotFound]);
    }
}

impl Argument for ChannelAt {
    fn describe(contract: &mut Contract) {
        contract.path_parameter("channel", "The channel's name.", CHANNEL);
        contract.refuses(&[Code::BadRequest]);
    }
}

impl Argument for PatternAt {
    fn describe(contract: &mut Contract) {
        contract.path_parameter("pattern", "Names of channels, such as `room:{room}`.", PATTERN);
        contract.refuses(&[Code::BadRequest]);
    }
}

impl Argument for VersionAt {
    fn describe(contract: &mut Contract) {
        DocumentAt::describe(contract);
        contract.path_parameter("seq", "The version's place in the log of changes.", SEQ);
    }
}

impl Argument for RoleAt {
    fn describe(contract: &mut Contract) {
        contract.path_parameter("role", "The role's name.", ID);
        contract.refuses(&[Code::BadRequest]);
    }
}

impl Argument for IdAt {
    fn describe(contract: &mut Contract) {
        contract.path_parameter("id", "The id.", ID);
        contract.refuses(&[Code::BadRequest]);
    }
}

impl Argument for NameAt {
    fn describe(contract: &mut Contract) {
        contract.path_parameter("name", "The name.", ID);
        contract.refuses(&[Code::BadRequest]);
    }
}
