//! The open connections: who speaks over each, and what he watches.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use basalt_core::principal::Request;
use basalt_core::{Caller, DocumentId, Principal, Timestamp};

use super::super::frames::{ClientFrame, Subscription, SubscriptionId};
use super::super::outbox::{Outbox, Pushed};
use super::super::queries::{QueryId, SubscriptionKey};
use crate::common::Secret;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ConnectionId(pub(crate) u64);

/// One client.
pub(crate) struct Link {
    pub(super) id: ConnectionId,
    pub(super) principal: Principal,
    /// The request that opened the connection.
    request: Request,
    pub(super) token: Option<Secret>,
    pub(super) browser: bool,
    pub(super) outbox: Arc<Outbox>,
    pub(super) asking: Option<Asking>,
    /// Apart, since a map has room for several and most clients have one.
    pub(super) subscriptions: HashMap<SubscriptionId, Box<Watching>>,
    /// Its queue ran over: nothing is sent until it reads again.
    pub(super) stalled: bool,
    until: Option<Timestamp>,
}

/// It is being found out who a token speaks for; frames wait meanwhile.
pub(super) struct Asking {
    pub(super) ticket: u64,
    pub(super) token: Secret,
    pub(super) why: Why,
    waiting: VecDeque<ClientFrame>,
}

/// Why a token is looked at.
#[derive(Clone, Debug)]
pub(super) enum Why {
    /// The client sent it, under this id.
    Sent(Option<SubscriptionId>),
    /// It came with the request, and was good then.
    Came,
    /// Something changed that it depends on, or its time is over.
    Again,
}

/// One subscription.
pub(super) struct Watching {
    pub(super) key: SubscriptionKey,
    pub(super) subscription: Subscription,
    /// The query that it is in, if it is in one.
    pub(super) query: Option<QueryId>,
    /// The decision that is under way.
    pub(super) ticket: Option<u64>,
    /// The list that the client holds, once it had one.
    pub(super) holds: Option<u64>,
    /// Of a query with the time in it: when that is over.
    pub(super) renew: Option<Timestamp>,
}

impl Link {
    pub(super) fn new(id: ConnectionId, caller: Caller, browser: bool, outbox: Arc<Outbox>) -> Self {
        Self {
            id,
            principal: caller.principal,
            request: caller.request,
            token: None,
            browser,
            outbox,
            asking: None,
            subscriptions: HashMap::new(),
            stalled: false,
            until: None,
        }
    }

    /// The frames that wait until it is known who the client is, if that is so.
    pub(super) fn waits(&mut self) -> Option<&mut VecDeque<ClientFrame>> {
        self.asking.as_mut().filter(|asking| !matches!(asking.why, Why::Again)).map(|asking| &mut asking.waiting)
    }

    /// He, now.
    pub(super) fn caller(&self, now: Timestamp) -> Caller {
        let request = Request { time: now, ..self.request.clone() };
        Caller { principal: self.principal.clone(), request }
    }

    pub(super) fn say(&self, json: &[u8]) {
        // What runs over here is told by the connection's own frames or its queries.
        let _: Pushed = self.outbox.push_json(json);
    }

    pub(super) fn end(&self, code: u16, reason: &str) {
        self.outbox.close(self.outbox.transport().close(code, reason));
    }
}

impl Asking {
    pub(super) fn new(ticket: u64, token: Secret, why: Why, before: Option<Self>) -> Self {
        Self { ticket, token, why, waiting: before.map(|before| before.waiting).unwrap_or_default() }
    }

    pub(super) fn into_waiting(self) -> VecDeque<ClientFrame> {
        self.waiting
    }
}

/// All of them, found by what concerns them.
#[derive(Default)]
pub(super) struct Connections {
    /// Apart, since a map has up to twice as many places as it holds.
    links: HashMap<ConnectionId, Box<Link>>,
    by_user: HashMap<DocumentId, HashSet<ConnectionId>>,
    by_session: HashMap<DocumentId, HashSet<ConnectionId>>,
    services: HashSet<ConnectionId>,
    ends: BTreeSet<(Timestamp, ConnectionId)>,
    /// When the time in a subscription is over.
    renewals: BTreeSet<(Timestamp, SubscriptionKey)>,
    keys: HashMap<SubscriptionKey, (ConnectionId, SubscriptionId)>,
    next: u64,
}

impl Connections {
    pub(super) fn len(&self) -> usize {
        self.links.len()
    }

    pub(super) fn subscriptions(&self) -> usize {
        self.keys.len()
    }

    pub(super) fn waiting_frames(&self) -> usize {
        self.links.values().map(|link| link.outbox.depth()).sum()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Link> {
        self.links.values().map(Box::as_ref)
    }

    pub(super) fn get_mut(&mut self, id: ConnectionId) -> Option<&mut Link> {
        self.links.get_mut(&id).map(Box::as_mut)
    }

    pub(super) fn add(&mut self, link: Link) {
        self.links.insert(link.id, Box::new(link));
    }

    pub(super) fn remove(&mut self, id: ConnectionId) -> Option<Box<Link>> {
        self.unlist(id);
        let link = self.links.remove(&id)?;
        for watching in link.subscriptions.values() {
            self.forget(watching);
        }
        Some(link)
    }

    /// Sets who speaks over a connection, and until when that is known.
    pub(super) fn identify(
        &mut self,
        id: ConnectionId,
        principal: Principal,
        token: Option<Secret>,
        until: Option<Timestamp>,
    ) {
        self.unlist(id);
        match &principal {
            Principal::User(user) => {
                self.by_user.entry(user.id.clone()).or_default().insert(id);
                self.by_session.entry(user.session.clone()).or_default().insert(id);
            }
            Principal::Service(_) => {
                self.services.insert(id);
            }
            Principal::Visitor | Principal::Operator(_) | Principal::System => {}
        }
        self.ends.extend(until.map(|until| (until, id)));
        if let Some(link) = self.links.get_mut(&id) {
            (link.principal, link.token, link.until) = (principal, token, until);
        }
    }

    /// It is to be asked about this token again, at that time.
    pub(super) fn look_again(&mut self, id: ConnectionId, token: Secret, at: Timestamp) {
        let Some(link) = self.links.get_mut(&id) else { return };
        link.token = Some(token);
        if let Some(until) = link.until.replace(at) {
            self.ends.remove(&(until, id));
        }
        self.ends.insert((at, id));
    }

    fn unlist(&mut self, id: ConnectionId) {
        let Some(link) = self.links.get(&id) else { return };
        if let Some(until) = link.until {
            self.ends.remove(&(until, id));
        }
        match &link.principal {
            Principal::User(user) => {
                take_out(&mut self.by_user, &user.id, id);
                take_out(&mut self.by_session, &user.session, id);
            }
            Principal::Service(_) => {
                self.services.remove(&id);
            }
            Principal::Visitor | Principal::Operator(_) | Principal::System => {}
        }
    }

    pub(super) fn of_user(&self, user: &DocumentId) -> Vec<ConnectionId> {
        self.by_user.get(user).into_iter().flatten().copied().collect()
    }

    pub(super) fn of_session(&self, session: &DocumentId) -> Vec<ConnectionId> {
        self.by_session.get(session).into_iter().flatten().copied().collect()
    }

    pub(super) fn of_services(&self) -> Vec<ConnectionId> {
        self.services.iter().copied().collect()
    }

    /// Everybody who isn't a visitor.
    pub(super) fn identified(&self) -> Vec<ConnectionId> {
        self.links.values().filter(|link| link.token.is_some()).map(|link| link.id).collect()
    }

    /// Those whose time is over; each is given out once.
    pub(super) fn over(&mut self, now: Timestamp) -> Vec<ConnectionId> {
        let mut over = Vec::new();
        while let Some((until, id)) = self.ends.first().copied().filter(|(until, _)| *until <= now) {
            self.ends.remove(&(until, id));
            over.push(id);
        }
        over
    }

    /// Until when the time in a subscription counts, if it has the time in it.
    pub(super) fn renew_at(&mut self, id: ConnectionId, name: &SubscriptionId, renew: Option<Timestamp>) {
        let found = self.links.get_mut(&id).and_then(|link| link.subscriptions.get_mut(name));
        let Some(watching) = found else { return };
        if let Some(former) = std::mem::replace(&mut watching.renew, renew) {
            self.renewals.remove(&(former, watching.key));
        }
        self.renewals.extend(renew.map(|renew| (renew, watching.key)));
    }

    /// Subscriptions whose time is over; each is given out once.
    pub(super) fn over_in_time(&mut self, now: Timestamp) -> Vec<(ConnectionId, SubscriptionId)> {
        let mut over = Vec::new();
        while let Some((time, key)) = self.renewals.first().copied().filter(|(time, _)| *time <= now) {
            self.renewals.remove(&(time, key));
            over.extend(self.find(key));
        }
        over
    }

    /// A key for a new subscription.
    pub(super) fn key(&mut self, connection: ConnectionId, subscription: &SubscriptionId) -> SubscriptionKey {
        self.next += 1;
        let key = SubscriptionKey(self.next);
        self.keys.insert(key, (connection, Arc::clone(subscription)));
        key
    }

    pub(super) fn forget(&mut self, watching: &Watching) {
        self.keys.remove(&watching.key);
        if let Some(renew) = watching.renew {
            self.renewals.remove(&(renew, watching.key));
        }
    }

    pub(super) fn find(&self, key: SubscriptionKey) -> Option<(ConnectionId, SubscriptionId)> {
        self.keys.get(&key).cloned()
    }
}

fn take_out(map: &mut HashMap<DocumentId, HashSet<ConnectionId>>, key: &DocumentId, id: ConnectionId) {
    if let Some(ids) = map.get_mut(key) {
        ids.remove(&id);
        if ids.is_empty() {
            map.remove(key);
        }
    }
}
