//! Who speaks over a connection, from its opening to its end.

use std::sync::Arc;
use std::time::Duration;

use basalt_core::{Change, Code, CollectionName, DocumentId, Error, Principal, Result, Seq, Timestamp};

use super::super::Arrival;
use super::super::frames::{self, SubscriptionId};
use super::super::outbox::Outbox;
use super::connections::{Asking, ConnectionId, Link, Why};
use super::{Going, Hub, Mail};
use crate::common::Secret;
use crate::common::names::{KEYS, ROLES, SESSIONS, USERS};

impl Hub {
    pub(super) fn open(&mut self, id: ConnectionId, arrival: Arrival, outbox: Arc<Outbox>) {
        let Arrival { mut caller, token, browser, transport: _, bell: _ } = arrival;
        if token.is_some() {
            // What was proven at the door is proven again here, with an ear on what changes.
            caller.principal = Principal::Visitor;
        }
        let link = Link::new(id, caller, browser, outbox);
        if self.draining.is_some() {
            link.end(1001, "the server stops");
        }
        self.connections.add(link);
        self.listen();
        if let Some(token) = token {
            self.ask(id, token, Why::Came);
        }
    }

    pub(super) fn gone(&mut self, id: ConnectionId, going: Going) {
        self.left_all(id, going);
        let Some(link) = self.connections.remove(id) else { return };
        for watching in link.subscriptions.into_values() {
            if let Some(query) = watching.query {
                self.queries.leave(query, watching.key);
            }
        }
        if self.connections.len() == 0 {
            self.handover.rest();
            if self.draining.is_some() {
                self.drained();
            }
        }
    }

    pub(super) fn authenticate(&mut self, id: ConnectionId, name: Option<SubscriptionId>, token: Secret) {
        self.ask(id, token, Why::Sent(name));
    }

    /// Finds out who a token speaks for.
    fn ask(&mut self, id: ConnectionId, token: Secret, why: Why) {
        let ticket = self.ticket();
        let Some(link) = self.connections.get_mut(id) else { return };
        link.asking = Some(Asking::new(ticket, token.clone(), why, link.asking.take()));
        let since = self.tail.position();
        let principals = self.principals.clone();
        self.spawn(async move {
            let outcome = principals.bearer_until(&token).await;
            Mail::Authenticated { connection: id, ticket, since, outcome }
        });
    }

    pub(super) fn authenticated(
        &mut self,
        id: ConnectionId,
        ticket: u64,
        since: Seq,
        outcome: Result<(Principal, Option<Timestamp>)>,
    ) {
        let Some(link) = self.connections.get_mut(id) else { return };
        let Some(asking) = link.asking.take_if(|asking| asking.ticket == ticket) else { return };
        let browser = link.browser;
        let outcome = outcome.and_then(|(principal, until)| match principal {
            Principal::Service(_) if browser => Err(service_in_browser()),
            principal => Ok((principal, until)),
        });
        let (token, why) = (asking.token.clone(), asking.why.clone());
        if outcome.as_ref().is_ok_and(|(principal, _)| self.has_changed(principal, since)) {
            if let Some(link) = self.connections.get_mut(id) {
                link.asking = Some(asking);
            }
            return self.ask(id, token, why);
        }
        match (outcome, why) {
            (Ok((principal, until)), why) => {
                self.is_now(id, principal, token, until);
                if let (Why::Sent(name), Some(link)) = (why, self.connections.get_mut(id)) {
                    link.say(&frames::ok(name.as_deref()));
                }
            }
            (Err(error), Why::Sent(name)) => {
                if let Some(link) = self.connections.get_mut(id) {
                    link.say(&frames::error(name.as_deref(), &error));
                }
                self.ask_again(id);
            }
            (Err(error), Why::Came | Why::Again) if is_final(&error) => self.is_over(id),
            (Err(error), Why::Came | Why::Again) => {
                tracing::warn!(?error, "it can't be found out who speaks over a connection; it is tried again");
                let retry = self.clock.now().plus(TRY_AGAIN);
                self.connections.look_again(id, token, retry);
            }
        }
        for frame in asking.into_waiting() {
            self.obey(id, frame);
        }
    }

    /// Who speaks is known; if he is another than before, or may do something else, so is what he watches.
    fn is_now(&mut self, id: ConnectionId, principal: Principal, token: Secret, until: Option<Timestamp>) {
        let Some(link) = self.connections.get_mut(id) else { return };
        let same = is_same(&link.principal, &principal);
        self.connections.identify(id, principal, Some(token), until);
        if !same {
            self.rights_changed(id);
        }
    }

    /// His session is over: he is a visitor at once, and hears nothing more before that is decided.
    fn is_over(&mut self, id: ConnectionId) {
        self.connections.identify(id, Principal::Visitor, None, None);
        if let Some(link) = self.connections.get_mut(id) {
            link.say(&frames::auth_expired());
        }
        self.leave_all(id);
        self.decide_all(id);
        self.reconsider_channels(id, true);
    }

    /// A connection's caller is another, or may do something else.
    fn rights_changed(&mut self, id: ConnectionId) {
        self.decide_all(id);
        self.reconsider_channels(id, false);
    }

    /// Looks whether the token that a connection goes by still counts.
    fn ask_again(&mut self, id: ConnectionId) {
        let Some(link) = self.connections.get_mut(id) else { return };
        // One that is being looked at is looked at after the change.
        let is_asked = link.asking.as_ref().is_some_and(|asking| !matches!(asking.why, Why::Again));
        if let (false, Some(token)) = (is_asked, link.token.clone()) {
            self.ask(id, token, Why::Again);
        }
    }

    /// Looks again at everybody whom a change concerns.
    pub(super) fn reconsider(&mut self, change: &Change) {
        let concerned = if change.collection == *USERS {
            self.connections.of_user(&change.id)
        } else if change.collection == *SESSIONS {
            self.connections.of_session(&change.id)
        } else if change.collection == *KEYS {
            self.connections.of_services()
        } else if change.collection == *ROLES {
            // Any user may have it, or one that inherits from it.
            self.connections.identified()
        } else {
            return;
        };
        for id in concerned {
            self.ask_again(id);
        }
    }

    pub(super) fn reconsider_all(&mut self) {
        for id in self.connections.identified() {
            self.ask_again(id);
        }
    }

    /// Looks again at those whose time is over by the clock.
    pub(super) fn expire(&mut self) {
        for id in self.connections.over(self.clock.now()) {
            self.ask_again(id);
        }
    }

    /// Whether what a principal was read from has changed meanwhile.
    fn has_changed(&self, principal: &Principal, since: Seq) -> bool {
        let places: Vec<(CollectionName, DocumentId)> = match principal {
            Principal::User(user) => vec![(USERS.clone(), user.id.clone()), (SESSIONS.clone(), user.session.clone())],
            Principal::Service(key) => vec![(KEYS.clone(), key.id.clone())],
            Principal::Visitor | Principal::Operator(_) | Principal::System => Vec::new(),
        };
        let roles = matches!(principal, Principal::User(_)) && self.recent.touched_in(since, &ROLES);
        roles || self.recent.touched(since, places.iter())
    }
}

/// How soon it is tried again to find out who somebody is.
const TRY_AGAIN: Duration = Duration::from_millis(500);

fn is_same(one: &Principal, other: &Principal) -> bool {
    match (one, other) {
        (Principal::Visitor, Principal::Visitor) => true,
        (Principal::User(one), Principal::User(other)) => one == other,
        (Principal::Service(one), Principal::Service(other)) => one == other,
        _ => false,
    }
}

/// Whether the token no longer counts, and not just can't be looked at.
fn is_final(error: &Error) -> bool {
    matches!(error.code().status(), 400..=499)
}

fn service_in_browser() -> Error {
    let detail = "A browser sent this service key: it is public now. Revoke it, and let users sign in instead.";
    Error::new(Code::ServiceKeyInBrowser, detail)
}
