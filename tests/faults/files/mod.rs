//! Files: what was acknowledged is there and whole, and what broke off leaves nothing, whatever happens.

mod disk;
mod doctor;
mod kills;
mod memory;
mod nodes;
mod peer;
mod support;

pub(crate) use support::files_below;
