//! Reading what people declare (definitions, manifests, cases of rules): every problem at once, each with its place.

mod reader;
mod source;
mod units;

pub(crate) use reader::text;
pub use reader::{Problems, Table, wrong_type};
pub(crate) use source::Source;
pub use units::{duration, size};
