//! Functions: deployed, called, triggered, scheduled, limited, seen.

pub(crate) mod support;
