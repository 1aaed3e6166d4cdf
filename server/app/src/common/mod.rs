//! What several rooms need: secrets, password hashing, limits of wrong tries, and decisions written as plain functions.

mod attempts;
mod cron;
mod db;
mod guard;
mod live;
mod master;
pub(crate) mod names;
mod passwords;
mod recall;
pub(crate) mod rights;
#[cfg(test)]
pub(crate) mod sample;
mod sealed;
mod secret;
pub(crate) mod text;
mod trail;
mod tx;

pub(crate) use attempts::{Quota, network};
pub(crate) use cron::Cron;
pub use db::Db;
pub(crate) use db::Outcome;
pub(crate) use guard::{Guard, GuardLimits};
pub use live::Live;
pub use master::MasterSecret;
pub(crate) use passwords::{NewPassword, Verdict, stored as foreign_hash};
pub use passwords::{PasswordCost, Passwords};
pub(crate) use recall::Recall;
pub(crate) use sealed::Sealer;
pub use secret::Secret;
pub(crate) use secret::hex;
pub use trail::Entry;
pub(crate) use trail::Trail;
pub(crate) use tx::{Flow, Stop, Tx, cell, refuse};

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
