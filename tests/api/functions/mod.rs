//! Functions: deployed, called, triggered, scheduled, limited, seen.

mod attacks;
mod deploy;
mod doors;
mod kinds_before;
mod kinds_callable;
mod kinds_ctx;
mod kinds_events;
mod kinds_http;
mod nodes;
mod races;
mod records;
mod secrets;
pub(crate) mod support;
mod trace;
mod versions;
