//! What handlers ask for in their signatures. Each argument brings, beside its value, its share of the contract: the
//! parameters, refusals and credentials that go with it, which the OpenAPI document is completed from.

mod admin;
mod body;
mod caller;
mod contract;
mod encoding;
mod function;
mod functions;
mod idempotency;
mod parameters;
mod path;
mod preconditions;
mod tus;
mod typed;
mod upgrade;
mod upload;
mod zip;

pub(crate) use admin::{
    AdminRead, AdminRenewal, AdminWrite, AnyRenewal, COOKIE, OperatorCookie, Owner, PublicOrigin, SameOrigin, cookie,
};
pub(crate) use body::{BodyLimit, Json, NDJSON, NdjsonBody, ObjectBody, OptionalJson, PatchDocument};
pub(crate) use caller::{Anyone, Bearer, Caller, DeviceOf, Renewal, Service, SignedIn};
pub(crate) use contract::{Arguments, Contract, Credential};
pub(crate) use encoding::{TakesGzip, takes_gzip};
pub(crate) use function::{FunctionRequest, RawRequest};
pub(crate) use functions::{AliasAt, FunctionAt, FunctionVersionAt, SecretAt};
pub(crate) use idempotency::IdempotencyKey;
pub(crate) use parameters::{Query, no_query};
pub(crate) use path::{
    BucketAt, ChannelAt, CollectionAt, DocumentAt, FileAt, IdAt, NameAt, PatternAt, RoleAt, VersionAt,
};
pub(crate) use preconditions::{IfNoneMatch, Terms, tags};
pub(crate) use tus::{TUS, Tus, TusChunk, TusCreation, UploadAt};
pub(crate) use upgrade::{PROTOCOL, Upgrade, browser};
pub(crate) use upload::{FileBody, FileTerms, Uploading};
pub(crate) use zip::ZipBody;
