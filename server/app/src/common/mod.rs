//! What several rooms need: secrets, password hashing, limits of wrong tries, and decisions written as plain functions.

mod attempts;
mod db;
mod master;
mod passwords;
mod secret;
pub(crate) mod text;

pub use db::Db;
pub(crate) use db::{Flow, Tx, cell, refuse};
pub use master::MasterSecret;
pub use passwords::{PasswordCost, Passwords};
pub use secret::Secret;

/// What a caller came with, as he says himself.
#[derive(Clone, Debug, Default)]
pub struct Device {
    /// The `User-Agent` header, cut to [`Device::AGENT_BYTES`].
    pub agent: Option<String>,
}

impl Device {
    const AGENT_BYTES: usize = 256;

    pub fn new(agent: Option<&str>) -> Self {
        let agent = agent.map(|text| text.chars().filter(|c| !c.is_control()).take(Self::AGENT_BYTES).collect());
        Self { agent }
    }
}
