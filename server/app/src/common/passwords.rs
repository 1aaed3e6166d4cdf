use std::sync::Arc;

use basalt_core::Result;
use basalt_core::random::Random;

/// What a hash costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PasswordCost {
    pub memory_kib: u32,
    pub passes: u32,
}

/// Hashes passwords on threads of their own; cheap to clone.
#[derive(Clone)]
pub struct Passwords {}

impl Passwords {
    /// `threads` at a time, up to `queue` waiting; more is 503 `overloaded`.
    pub fn start(_threads: usize, _queue: usize, _cost: PasswordCost, _random: Arc<dyn Random>) -> Result<Self> {
        unimplemented!()
    }
}
