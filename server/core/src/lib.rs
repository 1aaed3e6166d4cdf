//! The vocabulary of Basalt: what every other crate speaks of.
//!
//! No I/O, no async runtime, no clock and no randomness of its own: time and random bytes are handed in
//! (see [`time::Clock`] and [`random::Random`]).

pub mod bucket;
pub mod change;
pub mod document;
pub mod error;
pub mod fast_map;
pub mod filter;
pub mod geo;
pub mod ids;
pub mod json;
pub mod key;
pub mod limits;
pub mod origin;
pub mod past;
pub mod principal;
pub mod random;
pub mod text;
pub mod time;
pub mod trace;
pub mod truth;
pub mod vector;

pub use change::{Actor, Change, ChangeOp, Seq};
pub use document::Document;
pub use error::{Code, Error, FieldError, Result};
pub use fast_map::FastMap;
pub use ids::{
    BucketName, ChannelName, CollectionName, DocumentId, FieldPath, FilePath, FunctionName, Rev, SecretName,
};
pub use origin::Origin;
pub use principal::{Caller, Principal};
pub use time::{Clock, Timestamp};
pub use trace::{Span, SpanKind, Spans, Trace};
