//! What stands before a password: limits by account and by network, which nobody is locked out by for good.
//!
//! Strangers share an account's count. A network from which the account was entered before has a count of its own, so
//! strangers who guess do not keep the account's people out.

use std::net::IpAddr;
use std::time::Duration;

use basalt_store::{CellKey, Read};
use serde_json::Value;

use super::attempts::{Counter, Schedule, network};
use super::{Flow, Tx, cell};

/// How long a network stays known after the last sign-in from it.
const KNOWN: Duration = Duration::from_hours(90 * 24);

/// Wrong tries that are free, and how long the further ones wait at most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GuardLimits {
    pub of_account: u32,
    pub of_network: u32,
    pub longest_wait: Duration,
}

/// The counts that one try is under.
#[derive(Clone, Debug)]
pub(crate) struct Guard {
    strangers: Counter,
    known: Option<Known>,
    network: Option<Counter>,
}

#[derive(Clone, Debug)]
struct Known {
    mark: CellKey,
    counter: Counter,
}

impl Guard {
    /// `room` keeps the counts of different kinds of accounts apart; `account` is what a try names, existing or not.
    pub(crate) fn new(room: &str, account: &str, ip: Option<IpAddr>, limits: GuardLimits) -> Self {
        let account_schedule = Schedule { free: limits.of_account, longest: limits.longest_wait };
        let network_schedule = Schedule { free: limits.of_network, longest: limits.longest_wait };
        let place = ip.map(network);
        let pair = place.as_ref().map(|place| format!("{account} {place}"));
        let known = pair.map(|pair| Known {
            mark: Counter::new(&format!("{room}-known"), &pair, account_schedule).into_key(),
            counter: Counter::new(&format!("{room}-pair"), &pair, account_schedule),
        });
        Self {
            strangers: Counter::new(&format!("{room}-account"), account, account_schedule),
            known,
            network: place.map(|place| Counter::new("network", &place, network_schedule)),
        }
    }

    pub(crate) fn reads(&self) -> Vec<Read> {
        let known = self.known.iter().flat_map(|known| [cell(&known.mark), known.counter.read()]);
        let network = self.network.iter().map(Counter::read);
        known.chain(network).chain([self.strangers.read()]).collect()
    }

    /// Refuses a try that comes too early; else counts it as wrong, until it turns out right.
    pub(crate) fn begin(&self, tx: &mut Tx<'_>) -> Flow<()> {
        tx.need(self.reads())?;
        self.counter(tx)?.begin(tx)?;
        self.network.as_ref().map_or(Ok(()), |network| network.begin(tx))
    }

    /// The try was right.
    pub(crate) fn succeed(&self, tx: &mut Tx<'_>) -> Flow<()> {
        tx.need(self.reads())?;
        self.counter(tx)?.forgive(tx);
        if let Some(known) = &self.known {
            let end = tx.now().plus(KNOWN);
            tx.put_cell(&known.mark, Value::Bool(true), Some(end));
        }
        self.network.as_ref().map_or(Ok(()), |network| network.take_back(tx))
    }

    fn counter(&self, tx: &mut Tx<'_>) -> Flow<&Counter> {
        match &self.known {
            Some(known) if tx.cell(&known.mark)?.is_some() => Ok(&known.counter),
            _ => Ok(&self.strangers),
        }
    }
}
