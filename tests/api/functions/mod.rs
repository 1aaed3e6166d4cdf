//! Functions: deployed, called, triggered, scheduled, limited, seen.

mod attacks;
mod deploy;
mod doors;
mod kinds_before;
mod kinds_callable;
mod kinds_ctx;
mod kinds_events;
mod kinds_http;
mod races;
pub(crate) mod support;
mod records;
mod secrets;
mod trace;
mod versions;
