//! Subscriptions: from what a client asks for to the query that he is in, and out of it.

use std::sync::Arc;
use std::time::Duration;

use basalt_core::{Code, Error, Result};
use basalt_data::documents::live::Watched;

use super::super::frames::{self, Subscription, SubscriptionId};
use super::super::metrics;
use super::super::queries::{Joiner, Reach, SubscriptionKey};
use super::connections::{ConnectionId, Watching};
use super::{Hub, Mail};

/// Subscriptions of one connection.
const MOST: usize = 100;
/// How long the time of a request counts in what is watched.
const TIME_COUNTS: Duration = Duration::from_secs(30);

impl Hub {
    pub(super) fn subscribe(&mut self, id: ConnectionId, subscription: Subscription) {
        let Some(link) = self.connections.get_mut(id) else { return };
        let name = Arc::clone(&subscription.id);
        let refusal = if link.subscriptions.contains_key(&name) {
            Some(Error::new(Code::BadRequest, "There is a subscription with this id already."))
        } else if link.subscriptions.len() >= MOST {
            Some(Error::new(Code::QuotaExceeded, format!("A connection has at most {MOST} subscriptions.")))
        } else {
            None
        };
        if let Some(error) = refusal {
            return link.say(&frames::error(Some(&name), &error));
        }
        let key = self.connections.key(id, &name);
        let watching = Watching { key, subscription, query: None, ticket: None, holds: None, renew: None };
        let watching = Box::new(watching);
        if let Some(link) = self.connections.get_mut(id) {
            link.subscriptions.insert(Arc::clone(&name), watching);
        }
        self.decide(id, &name);
    }

    pub(super) fn unsubscribe(&mut self, id: ConnectionId, name: &SubscriptionId) {
        let found = self.drop_subscription(id, name);
        let Some(link) = self.connections.get_mut(id) else { return };
        if found {
            link.say(&frames::ok(Some(name)));
        } else {
            let error = Error::new(Code::SubscriptionNotFound, "There is no subscription with this id.");
            link.say(&frames::error(Some(name), &error));
        }
    }

    fn drop_subscription(&mut self, id: ConnectionId, name: &SubscriptionId) -> bool {
        let Some(watching) = self.connections.get_mut(id).and_then(|link| link.subscriptions.remove(name)) else {
            return false;
        };
        self.connections.forget(&watching);
        if let Some(query) = watching.query {
            self.queries.leave(query, watching.key);
        }
        true
    }

    /// Decides what the caller may watch, with his rights as they are now. What he is in goes on meanwhile.
    fn decide(&mut self, id: ConnectionId, name: &SubscriptionId) {
        let (ticket, now) = (self.ticket(), self.clock.now());
        let Some(link) = self.connections.get_mut(id) else { return };
        let caller = link.caller(now);
        let Some(watching) = link.subscriptions.get_mut(name) else { return };
        watching.ticket = Some(ticket);
        let (documents, query) = (self.documents.clone(), Arc::clone(&watching.subscription.query));
        let subscription = Arc::clone(name);
        self.spawn(async move {
            let outcome = Box::new(documents.watch(&caller, &query).await);
            Mail::Decided { connection: id, subscription, ticket, outcome }
        });
    }

    pub(super) fn decided(&mut self, id: ConnectionId, name: &SubscriptionId, ticket: u64, outcome: Result<Watched>) {
        let now = self.clock.now();
        let Some(link) = self.connections.get_mut(id) else { return };
        let Some(watching) = link.subscriptions.get_mut(name) else { return };
        if watching.ticket != Some(ticket) {
            return;
        }
        watching.ticket = None;
        let watched = match outcome {
            Ok(watched) => Arc::new(watched),
            Err(error) => return self.end_subscription(id, name, &error),
        };
        let is_old = watched.epoch() != self.catalog.borrow().epoch
            || self.recent.touched(watched.since(), watched.decided_by().iter());
        if is_old {
            return self.decide(id, name);
        }
        self.connections.renew_at(id, name, watched.is_of_its_time().then(|| now.plus(TIME_COUNTS)));
        self.watch(id, name, watched);
    }

    /// Lets a subscription into the query that it is decided to be, if it isn't in it.
    fn watch(&mut self, id: ConnectionId, name: &SubscriptionId, watched: Arc<Watched>) {
        let Some(link) = self.connections.get_mut(id) else { return };
        let Some(watching) = link.subscriptions.get_mut(name) else { return };
        if link.stalled || watching.query.is_some_and(|query| self.queries.renew(query, &watched)) {
            return;
        }
        if let Some(query) = watching.query.take() {
            watching.holds = self.queries.leave(query, watching.key).or(watching.holds);
        }
        let reach = Reach { id: Arc::clone(name), outbox: Arc::clone(&link.outbox) };
        // What he brought back counts once: from here on it is known what he holds.
        let since = watching.subscription.since.take();
        let joiner = Joiner { key: watching.key, reach, holds: watching.holds, since };
        match self.queries.join(watched, joiner) {
            Ok(query) => watching.query = Some(query),
            Err(error) => self.end_subscription(id, name, &error),
        }
    }

    /// Tells why, and forgets it.
    fn end_subscription(&mut self, id: ConnectionId, name: &SubscriptionId, error: &Error) {
        if let Some(cause) = error.cause().filter(|_| error.code() == Code::Internal) {
            tracing::error!(cause, "a subscription failed");
        }
        self.drop_subscription(id, name);
        if let Some(link) = self.connections.get_mut(id) {
            link.say(&frames::error(Some(name), error));
        }
    }

    pub(super) fn failed(&mut self, key: SubscriptionKey, error: &Error) {
        if let Some((id, name)) = self.connections.find(key) {
            self.end_subscription(id, &name, error);
        }
    }

    pub(super) fn decide_again(&mut self, key: SubscriptionKey) {
        if let Some((id, name)) = self.connections.find(key) {
            self.decide(id, &name);
        }
    }

    pub(super) fn decide_all(&mut self, id: ConnectionId) {
        let Some(link) = self.connections.get_mut(id) else { return };
        let names: Vec<SubscriptionId> = link.subscriptions.keys().cloned().collect();
        for name in names {
            self.decide(id, &name);
        }
    }

    /// Takes a client out of all his queries; what he holds is remembered.
    pub(super) fn leave_all(&mut self, id: ConnectionId) {
        let Some(link) = self.connections.get_mut(id) else { return };
        for watching in link.subscriptions.values_mut() {
            if let Some(query) = watching.query.take() {
                watching.holds = self.queries.leave(query, watching.key).or(watching.holds);
            }
        }
    }

    /// A client reads too slowly: he is told nothing until he reads again.
    pub(super) fn stall(&mut self, id: ConnectionId) {
        let Some(link) = self.connections.get_mut(id) else { return };
        if link.stalled {
            return;
        }
        link.stalled = true;
        metrics::resynced();
        self.leave_all(id);
    }

    /// He reads again, and begins anew.
    pub(super) fn resume(&mut self, id: ConnectionId) {
        let Some(link) = self.connections.get_mut(id) else { return };
        link.stalled = false;
        for name in link.subscriptions.keys() {
            link.say(&frames::resync(name));
        }
        self.leave_all(id);
        if let Some(link) = self.connections.get_mut(id) {
            // What was dropped isn't known, so neither is what he holds.
            link.subscriptions.values_mut().for_each(|watching| watching.holds = None);
        }
        self.decide_all(id);
        self.resume_channels(id);
    }

    /// What has the time in it is decided again when that is over.
    pub(super) fn renew_times(&mut self) {
        for (id, name) in self.connections.over_in_time(self.clock.now()) {
            self.decide(id, &name);
        }
    }
}
