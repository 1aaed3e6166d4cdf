//! Channels: clients come in, are shown, and go; what the rules say of it is asked again and again.

use std::sync::Arc;
use std::time::Duration;

use basalt_core::{Change, ChannelName, Code, Error, Result, random};

use super::super::channels::between::News;
use super::super::channels::rights::{self, Granted, Wish};
use super::super::channels::{Member, Membership, Owner};
use super::super::frames::{self, Join, SubscriptionId, Track};
use super::connections::ConnectionId;
use super::{Hub, Mail};
use crate::common::names::CHANNELS;

/// How long one whose connection broke is waited for.
const COME_BACK: Duration = Duration::from_secs(10);
/// How long the time of a request counts in the right to be in a channel.
const TIME_COUNTS: Duration = Duration::from_secs(30);
/// How soon it is asked again what couldn't be found out.
const TRY_AGAIN: Duration = Duration::from_millis(500);

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Going {
    /// The client said goodbye.
    Clean,
    Broken,
}

impl Hub {
    pub(super) fn join(&mut self, id: ConnectionId, join: Join) {
        let Join { id: name, channel, presence } = join;
        match self.rooms.ask(id, &channel, Membership::new(name.clone(), presence)) {
            Ok(()) => self.decide_membership(id, &channel),
            Err(error) => self.answer(id, name.as_ref(), Err(error)),
        }
    }

    pub(super) fn leave(&mut self, id: ConnectionId, name: Option<&SubscriptionId>, channel: &ChannelName) {
        let outcome = if self.take_out(id, channel) { Ok(()) } else { Err(not_in()) };
        self.answer(id, name, outcome);
    }

    pub(super) fn track(&mut self, id: ConnectionId, track: Track) {
        let Track { id: name, channel, presence } = track;
        let outcome = match self.rooms.membership(id, &channel) {
            None => Err(not_in()),
            Some(membership) => {
                membership.presence = presence;
                if membership.is_in { self.show(id, &channel) } else { Ok(()) }
            }
        };
        self.answer(id, name.as_ref(), outcome);
    }

    /// Says what came of a frame; that it is done only to who gave it an id.
    pub(super) fn answer(&mut self, id: ConnectionId, name: Option<&SubscriptionId>, outcome: Result<()>) {
        let Some(link) = self.connections.get_mut(id) else { return };
        match (outcome, name) {
            (Ok(()), Some(name)) => link.say(&frames::ok(Some(name))),
            (Ok(()), None) => {}
            (Err(error), name) => link.say(&frames::error(name.map(AsRef::as_ref), &error)),
        }
    }

    /// Asks whether one may be in a channel, with his rights as they are now. Who is in stays in meanwhile.
    pub(super) fn decide_membership(&mut self, id: ConnectionId, channel: &ChannelName) {
        let (ticket, now) = (self.ticket(), self.clock.now());
        let Some(link) = self.connections.get_mut(id) else { return };
        let caller = link.caller(now);
        let Some(membership) = self.rooms.membership(id, channel) else { return };
        membership.ticket = Some(ticket);
        let declared = self.declared.get();
        if let Some(outcome) = rights::at_once(&declared, &caller, channel, &Wish::Join) {
            return self.membership_decided(id, channel, ticket, outcome);
        }
        let (db, channel) = (self.db.clone(), channel.clone());
        self.spawn(async move {
            let outcome = rights::ask(&db, &declared, &caller, &channel, Wish::Join).await;
            Mail::MembershipDecided { connection: id, channel, ticket, outcome }
        });
    }

    pub(super) fn membership_decided(
        &mut self,
        id: ConnectionId,
        channel: &ChannelName,
        ticket: u64,
        outcome: Result<Granted>,
    ) {
        let now = self.clock.now();
        let Some(membership) = self.rooms.membership(id, channel).filter(|found| found.ticket == Some(ticket)) else {
            return;
        };
        membership.ticket = None;
        let granted = match outcome {
            Ok(granted) => granted,
            // What can't be found out now takes nobody's place.
            Err(error) if error.code().status() >= 500 && membership.is_in => {
                membership.renew = Some(now.plus(TRY_AGAIN));
                return;
            }
            Err(error) => return self.expel(id, channel, &error),
        };
        let declared = self.declared.get();
        if granted.declared != declared.since || self.recent.touched(granted.since, granted.by.iter()) {
            return self.decide_membership(id, channel);
        }
        let (rules, _) = declared.channels.of(channel);
        membership.renew = rules.join_is_of_its_time().then(|| now.plus(TIME_COUNTS));
        self.rooms.depends(id, channel, granted.by);
        self.admit(id, channel);
    }

    fn admit(&mut self, id: ConnectionId, channel: &ChannelName) {
        let Some(link) = self.connections.get_mut(id) else { return };
        self.rooms.hear(id, channel, &link.outbox);
        let Some(membership) = self.rooms.membership(id, channel) else { return };
        let is_new = !std::mem::replace(&mut membership.is_in, true);
        if let Err(error) = self.show(id, channel) {
            return self.expel(id, channel, &error);
        }
        if !is_new {
            return;
        }
        let Some(membership) = self.rooms.membership(id, channel) else { return };
        let (name, key) = (membership.id.clone(), membership.key.clone());
        let (state, count) = self.rooms.room(channel).presence.state();
        if let Some(link) = self.connections.get_mut(id) {
            link.say(&frames::joined(name.as_deref(), key.as_deref()));
            link.say(&frames::presence_state(channel, &state, count));
        }
    }

    /// Brings what others are shown of a client to what he wants.
    fn show(&mut self, id: ConnectionId, channel: &ChannelName) -> Result<()> {
        let now = self.clock.now();
        let user = self.connections.get_mut(id).and_then(|link| link.caller(now).user().map(|user| user.id.clone()));
        let Some(membership) = self.rooms.membership(id, channel) else { return Ok(()) };
        let (wanted, key) = (membership.presence.clone(), membership.key.clone());
        let Some(data) = wanted else {
            membership.key = None;
            if let Some(key) = key {
                self.rooms.room(channel).presence.remove(&key);
                self.tell_nodes(News::Out { channel: channel.clone(), key });
            }
            return Ok(());
        };
        let presence = &mut self.rooms.room(channel).presence;
        let known = key.and_then(|key| presence.get(&key).map(|member| (key.clone(), member.since)));
        let place = known.or_else(|| presence.place_of(user.as_ref()?));
        let (key, since) = match place {
            Some(place) => place,
            None if presence.is_full() => {
                return Err(Error::new(
                    Code::QuotaExceeded,
                    "No more can be shown in this channel; join without presence.",
                ));
            }
            None => (random::base32hex(&random::bytes::<10>(&*self.random)).into(), now),
        };
        let member = Member { user, data: Arc::new(data), since, owner: Owner::Connection(id) };
        self.tell_nodes(News::put(channel, &key, &member, false));
        self.rooms.room(channel).presence.put(&key, member);
        if let Some(membership) = self.rooms.membership(id, channel) {
            membership.key = Some(key);
        }
        Ok(())
    }

    /// Tells why, and takes him out.
    fn expel(&mut self, id: ConnectionId, channel: &ChannelName, error: &Error) {
        if let Some(cause) = error.cause().filter(|_| error.code() == Code::Internal) {
            tracing::error!(cause, "asking the rule of a channel failed");
        }
        let name = self.rooms.membership(id, channel).and_then(|membership| membership.id.clone());
        self.take_out(id, channel);
        if let Some(link) = self.connections.get_mut(id) {
            link.say(&frames::expelled(name.as_deref(), channel, error));
        }
    }

    /// Whether he was in.
    fn take_out(&mut self, id: ConnectionId, channel: &ChannelName) -> bool {
        let Some(membership) = self.rooms.leave(id, channel) else { return false };
        if let Some(key) = membership.key {
            self.rooms.room(channel).presence.remove(&key);
            self.tell_nodes(News::Out { channel: channel.clone(), key });
        }
        true
    }

    /// A connection ended: who said goodbye has left, who broke off may come back.
    pub(super) fn left_all(&mut self, id: ConnectionId, going: Going) {
        let until = self.clock.now().plus(COME_BACK);
        self.rooms.gone(id);
        for channel in self.rooms.of(id) {
            if going == Going::Clean {
                self.take_out(id, &channel);
                continue;
            }
            let Some(key) = self.rooms.leave(id, &channel).and_then(|membership| membership.key) else { continue };
            self.rooms.wait_for(&channel, &key, until, true);
            if let Some(member) = self.rooms.room(&channel).presence.get(&key) {
                let news = News::put(&channel, &key, member, true);
                self.tell_nodes(news);
            }
        }
    }

    /// He may be somebody else now: what he may is asked again, and what he says, too. `hush`: he hears nothing before
    /// that is known.
    pub(super) fn reconsider_channels(&mut self, id: ConnectionId, hush: bool) {
        for channel in self.rooms.of(id) {
            if hush {
                self.rooms.hush(id, &channel);
            }
            self.decide_membership(id, &channel);
        }
        self.publish_again(id);
    }

    /// Rules, or what they stand on, may be others now.
    pub(super) fn reconsider_everybody(&mut self) {
        for (id, channel) in self.rooms.everybody() {
            self.decide_membership(id, &channel);
        }
    }

    /// A change that rights may depend on.
    pub(super) fn follow_in_channels(&mut self, change: &Change) {
        if change.collection == *CHANNELS {
            return self.reload_declared(Duration::ZERO);
        }
        for (id, channel) in self.rooms.decided_by(&(change.collection.clone(), change.id.clone())) {
            self.decide_membership(id, &channel);
        }
    }

    pub(super) fn reload_declared(&mut self, after: Duration) {
        let (known, store) = (self.declared.clone(), self.store.clone());
        self.spawn(async move {
            tokio::time::sleep(after).await;
            Mail::Declared(known.reload(&store).await)
        });
    }

    pub(super) fn declared(&mut self, outcome: Result<()>) {
        match outcome {
            Ok(()) => self.reconsider_everybody(),
            Err(error) => {
                tracing::warn!(?error, "the declared channels can't be read; they are in a moment");
                self.reload_declared(TRY_AGAIN);
            }
        }
    }

    /// What is due by the clock: rights that are of their time, clients that didn't come back, news of who is there.
    pub(super) fn tick_channels(&mut self) {
        let now = self.clock.now();
        for (id, channel) in self.rooms.over(now) {
            self.decide_membership(id, &channel);
        }
        for (channel, key) in self.rooms.give_up(now) {
            self.tell_nodes(News::Out { channel, key });
        }
        let mut over = Vec::new();
        for (channel, room) in self.rooms.all() {
            if let Some(news) = room.presence.news(channel) {
                over.extend(room.tell(&news, None));
            }
        }
        for id in over {
            self.stall(id);
        }
        self.rooms.sweep(now);
    }

    /// A client reads again after messages were dropped: he is told who is there now.
    pub(super) fn resume_channels(&mut self, id: ConnectionId) {
        for channel in self.rooms.of(id) {
            let (state, count) = self.rooms.room(&channel).presence.state();
            let Some(link) = self.connections.get_mut(id) else { return };
            link.say(&frames::resync_channel(&channel));
            link.say(&frames::presence_state(&channel, &state, count));
        }
    }
}

fn not_in() -> Error {
    Error::new(Code::ChannelNotFound, "You are not in this channel.")
}
