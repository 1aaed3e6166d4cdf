//! The client for URLs that others name.

use basalt_core::Result;
use basalt_outbound::{Guarded, Options};

use crate::configuration::Configuration;

pub(super) fn guarded(configuration: &Configuration) -> Result<Guarded> {
    Guarded::new(&Options { private: configuration.allow_addresses.clone(), ..Options::default() })
}
