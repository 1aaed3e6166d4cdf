//! All channels that somebody is in: who hears what is said, who is shown, and by what right.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use basalt_core::{ChannelName, Code, CollectionName, DocumentId, Error, Result, Timestamp};
use serde_json::Value;

use super::super::frames::{Publish, SubscriptionId};
use super::super::hub::ConnectionId;
use super::super::outbox::{Outbox, Pushed};
use super::super::transport::Transport;
use super::bucket::{Bucket, OF_CHANNEL};
use super::{Key, Owner, Presence};

/// Channels of one connection.
const MOST: usize = 100;

/// A document that was looked up.
pub(crate) type Place = (CollectionName, DocumentId);

#[derive(Default)]
pub(crate) struct Rooms {
    by_name: HashMap<ChannelName, Room>,
    memberships: HashMap<ConnectionId, HashMap<ChannelName, Membership>>,
    /// By what they were decided.
    decided: HashMap<Place, HashSet<(ConnectionId, ChannelName)>>,
    /// Those whose connections broke, by when they are given up.
    waiting: BTreeSet<(Timestamp, ChannelName, Key)>,
    /// Messages under way, of each connection in its order.
    outgoing: HashMap<ConnectionId, Outgoing>,
}

/// One channel.
pub(crate) struct Room {
    hearers: HashMap<ConnectionId, Arc<Outbox>>,
    pub(crate) presence: Presence,
    said: Bucket,
}

/// One connection in one channel.
pub(crate) struct Membership {
    /// The client's own name for the join.
    pub(crate) id: Option<SubscriptionId>,
    /// What he wants to be shown.
    pub(crate) presence: Option<Value>,
    /// Under which he is shown.
    pub(crate) key: Option<Key>,
    /// He is in, and not just asking.
    pub(crate) is_in: bool,
    /// The decision that is under way.
    pub(crate) ticket: Option<u64>,
    /// When it is to be made again.
    pub(crate) renew: Option<Timestamp>,
    depends: Vec<Place>,
}

/// What a connection says, and how much it may.
pub(crate) struct Outgoing {
    pub(crate) queue: VecDeque<Publish>,
    pub(crate) bucket: Bucket,
    /// The front is being decided.
    pub(crate) ticket: Option<u64>,
}

impl Room {
    fn new() -> Self {
        Self { hearers: HashMap::new(), presence: Presence::default(), said: Bucket::new() }
    }

    /// Gives a frame to all but one; those whose queue ran over are told.
    pub(crate) fn tell(&self, json: &[u8], but: Option<ConnectionId>) -> Vec<ConnectionId> {
        let mut frames: HashMap<Transport, bytes::Bytes> = HashMap::new();
        let mut over = Vec::new();
        for (id, outbox) in self.hearers.iter().filter(|(id, _)| Some(**id) != but) {
            let transport = outbox.transport();
            let frame = frames.entry(transport).or_insert_with(|| transport.frame(json, None)).clone();
            if outbox.push(frame) == Pushed::Overflowed {
                over.push(*id);
            }
        }
        over
    }

    pub(crate) fn take_token(&mut self, now: Timestamp) -> Result<()> {
        self.said.take(OF_CHANNEL, now)
    }
}

impl Membership {
    pub(crate) fn new(id: Option<SubscriptionId>, presence: Option<Value>) -> Self {
        Self { id, presence, key: None, is_in: false, ticket: None, renew: None, depends: Vec::new() }
    }
}

impl Rooms {
    pub(crate) fn len(&self) -> usize {
        self.by_name.len()
    }

    pub(crate) fn members(&self) -> usize {
        self.by_name.values().map(|room| room.presence.len()).sum()
    }

    pub(crate) fn room(&mut self, channel: &ChannelName) -> &mut Room {
        self.by_name.entry(channel.clone()).or_insert_with(Room::new)
    }

    pub(crate) fn find(&self, channel: &ChannelName) -> Option<&Room> {
        self.by_name.get(channel)
    }

    pub(crate) fn all(&mut self) -> impl Iterator<Item = (&ChannelName, &mut Room)> {
        self.by_name.iter_mut()
    }

    /// Forgets channels that nobody is in.
    pub(crate) fn sweep(&mut self, now: Timestamp) {
        self.by_name.retain(|_, room| !room.hearers.is_empty() || !room.presence.is_empty() || !room.said.is_full(now));
        self.outgoing.retain(|_, outgoing| !outgoing.queue.is_empty() || !outgoing.bucket.is_full(now));
    }

    /// Takes one up who asks to be in.
    pub(crate) fn ask(&mut self, id: ConnectionId, channel: &ChannelName, membership: Membership) -> Result<()> {
        let own = self.memberships.entry(id).or_default();
        if own.contains_key(channel) {
            return Err(Error::new(Code::BadRequest, "You are in this channel already."));
        }
        if own.len() >= MOST {
            return Err(Error::new(Code::QuotaExceeded, format!("A connection is in at most {MOST} channels.")));
        }
        own.insert(channel.clone(), membership);
        Ok(())
    }

    pub(crate) fn membership(&mut self, id: ConnectionId, channel: &ChannelName) -> Option<&mut Membership> {
        self.memberships.get_mut(&id)?.get_mut(channel)
    }

    /// The channels that a connection is in, or asks to be in.
    pub(crate) fn of(&self, id: ConnectionId) -> Vec<ChannelName> {
        self.memberships.get(&id).into_iter().flat_map(HashMap::keys).cloned().collect()
    }

    /// Every connection in every channel.
    pub(crate) fn everybody(&self) -> Vec<(ConnectionId, ChannelName)> {
        let each = |(id, own): (&ConnectionId, &HashMap<ChannelName, Membership>)| {
            let id = *id;
            own.keys().map(move |channel| (id, channel.clone())).collect::<Vec<_>>()
        };
        self.memberships.iter().flat_map(each).collect()
    }

    /// Those who are to be asked about again by now; each is given out once.
    pub(crate) fn over(&mut self, now: Timestamp) -> Vec<(ConnectionId, ChannelName)> {
        let mut over = Vec::new();
        for (id, own) in &mut self.memberships {
            for (channel, membership) in own {
                if membership.renew.take_if(|renew| *renew <= now).is_some() {
                    over.push((*id, channel.clone()));
                }
            }
        }
        over
    }

    /// Those who were let in by the word of a document.
    pub(crate) fn decided_by(&self, place: &Place) -> Vec<(ConnectionId, ChannelName)> {
        self.decided.get(place).into_iter().flatten().cloned().collect()
    }

    /// Notes by which documents one was let in.
    pub(crate) fn depends(&mut self, id: ConnectionId, channel: &ChannelName, places: Vec<Place>) {
        let Some(membership) = self.memberships.get_mut(&id).and_then(|own| own.get_mut(channel)) else { return };
        let former = std::mem::replace(&mut membership.depends, places.clone());
        self.forget(id, channel, &former);
        for place in places {
            self.decided.entry(place).or_default().insert((id, channel.clone()));
        }
    }

    /// Lets one hear.
    pub(crate) fn hear(&mut self, id: ConnectionId, channel: &ChannelName, outbox: &Arc<Outbox>) {
        self.room(channel).hearers.insert(id, Arc::clone(outbox));
    }

    /// One hears no more, but stays.
    pub(crate) fn hush(&mut self, id: ConnectionId, channel: &ChannelName) {
        if let Some(room) = self.by_name.get_mut(channel) {
            room.hearers.remove(&id);
        }
    }

    /// Takes one out; what is shown of him is the caller's.
    pub(crate) fn leave(&mut self, id: ConnectionId, channel: &ChannelName) -> Option<Membership> {
        let own = self.memberships.get_mut(&id)?;
        let membership = own.remove(channel)?;
        if own.is_empty() {
            self.memberships.remove(&id);
        }
        self.forget(id, channel, &membership.depends);
        self.hush(id, channel);
        Some(membership)
    }

    fn forget(&mut self, id: ConnectionId, channel: &ChannelName, places: &[Place]) {
        for place in places {
            if let Some(decided) = self.decided.get_mut(place) {
                decided.remove(&(id, channel.clone()));
                if decided.is_empty() {
                    self.decided.remove(place);
                }
            }
        }
    }

    /// One whose connection broke, or whose node stopped, is given up at that time unless he comes back.
    pub(crate) fn wait_for(&mut self, channel: &ChannelName, key: &Key, until: Timestamp, told: bool) {
        self.room(channel).presence.own(key, Owner::Waiting { until, told });
        self.waiting.insert((until, channel.clone(), Arc::clone(key)));
    }

    /// Takes out those who didn't come back; those of whom other nodes know are handed out.
    pub(crate) fn give_up(&mut self, now: Timestamp) -> Vec<(ChannelName, Key)> {
        let mut given_up = Vec::new();
        while self.waiting.first().is_some_and(|(until, _, _)| *until <= now) {
            let Some((until, channel, key)) = self.waiting.pop_first() else { break };
            let Some(room) = self.by_name.get_mut(&channel) else { continue };
            match room.presence.get(&key).map(|member| &member.owner) {
                Some(Owner::Waiting { until: own, told }) if *own == until => {
                    let told = *told;
                    room.presence.remove(&key);
                    if told {
                        given_up.push((channel, key));
                    }
                }
                // He is back.
                _ => {}
            }
        }
        given_up
    }

    pub(crate) fn outgoing(&mut self, id: ConnectionId) -> &mut Outgoing {
        self.outgoing.entry(id).or_insert_with(|| Outgoing {
            queue: VecDeque::new(),
            bucket: Bucket::new(),
            ticket: None,
        })
    }

    pub(crate) fn gone(&mut self, id: ConnectionId) {
        self.outgoing.remove(&id);
    }
}
