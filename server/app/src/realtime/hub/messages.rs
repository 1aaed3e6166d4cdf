//! What is said in channels, and what other nodes tell.

use std::sync::Arc;
use std::time::Duration;

use basalt_core::change::ActorKind;
use basalt_core::{Actor, Caller, ChannelName, Code, DocumentId, Error, Result, random};
use basalt_data::events::ChannelMessage;
use tokio::sync::mpsc;

use super::super::channels::between::{self, News, Word};
use super::super::channels::rights::{self, Granted, Wish};
use super::super::channels::{Key, Member, Owner, bucket};
use super::super::frames::{self, Publish, Said};
use super::super::metrics;
use super::connections::ConnectionId;
use super::{Hub, Mail};

/// Messages of one connection that wait to be allowed.
const MOST_WAITING: usize = 64;
/// How long clients of a node that stopped are waited for.
const COME_BACK: Duration = Duration::from_secs(10);

impl Hub {
    /// Messages of one connection are said in its order, however long it takes to find out whether they may be.
    pub(super) fn publish(&mut self, id: ConnectionId, publish: Publish) {
        let now = self.clock.now();
        let outgoing = self.rooms.outgoing(id);
        let refused = if outgoing.queue.len() >= MOST_WAITING {
            Err(Error::new(Code::Overloaded, "Too many messages are under way; wait for their answers."))
        } else {
            outgoing.bucket.take(bucket::OF_CONNECTION, now)
        };
        if let Err(error) = refused {
            return self.answer(id, publish.id.as_ref(), Err(error));
        }
        outgoing.queue.push_back(publish);
        if outgoing.ticket.is_none() {
            self.publish_next(id);
        }
    }

    fn publish_next(&mut self, id: ConnectionId) {
        let now = self.clock.now();
        loop {
            let Some(link) = self.connections.get_mut(id) else { return };
            let caller = link.caller(now);
            let Some(front) = self.rooms.outgoing(id).queue.front() else { return };
            let (channel, wish) = (front.channel.clone(), Wish::Publish(front.said.clone()));
            let declared = self.declared.get();
            if let Some(outcome) = rights::at_once(&declared, &caller, &channel, &wish) {
                self.published(id, outcome);
                continue;
            }
            let ticket = self.ticket();
            self.rooms.outgoing(id).ticket = Some(ticket);
            let db = self.db.clone();
            self.spawn(async move {
                let outcome = rights::ask(&db, &declared, &caller, &channel, wish).await;
                Mail::PublishDecided { connection: id, ticket, outcome }
            });
            return;
        }
    }

    pub(super) fn publish_decided(&mut self, id: ConnectionId, ticket: u64, outcome: Result<Granted>) {
        if self.rooms.outgoing(id).ticket.take_if(|waited| *waited == ticket).is_some() {
            self.published(id, outcome);
            self.publish_next(id);
        }
    }

    /// What is being decided is decided anew.
    pub(super) fn publish_again(&mut self, id: ConnectionId) {
        if self.rooms.outgoing(id).ticket.take().is_some() {
            self.publish_next(id);
        }
    }

    fn published(&mut self, id: ConnectionId, outcome: Result<Granted>) {
        let Some(Publish { id: name, channel, said }) = self.rooms.outgoing(id).queue.pop_front() else { return };
        let now = self.clock.now();
        let caller = self.connections.get_mut(id).map(|link| link.caller(now));
        let outcome = outcome.and_then(|_| self.say(&channel, &said, caller.as_ref(), Some(id)));
        self.answer(id, name.as_ref(), outcome);
    }

    /// Gives a message to everybody who hears, but to him who says it (`None`: he is gone).
    pub(super) fn say(
        &mut self,
        channel: &ChannelName,
        said: &Said,
        caller: Option<&Caller>,
        from: Option<ConnectionId>,
    ) -> Result<()> {
        let now = self.clock.now();
        self.rooms.room(channel).take_token(now)?;
        let id = DocumentId::generate(now, &*self.random);
        let user = caller.and_then(Caller::user).map(|user| &user.id);
        let frame = frames::message(channel, said, user, (&id, now));
        self.tell_listener(channel, said, caller, id);
        self.hand_out(channel, &frame, from);
        // A frame is a text.
        let frame = String::from_utf8_lossy(&frame).into_owned();
        self.tell_nodes(News::Said { channel: channel.clone(), frame });
        Ok(())
    }

    /// On the node where it is said alone.
    fn tell_listener(&self, channel: &ChannelName, said: &Said, caller: Option<&Caller>, id: DocumentId) {
        let Some(listener) = self.listener.as_ref().filter(|listener| listener.listens()) else { return };
        let now = self.clock.now();
        let nobody = Actor { kind: ActorKind::Visitor, id: None };
        listener.heard(ChannelMessage {
            channel: channel.clone(),
            id: id.into(),
            event: said.event.as_str().unwrap_or_default().to_owned(),
            data: said.data.clone(),
            user: caller.and_then(Caller::user).map(|user| user.id.to_string()),
            actor: caller.map_or(nobody, Caller::actor),
            request_id: caller.map(|caller| caller.request.id.clone()).unwrap_or_default(),
            trace: caller.and_then(|caller| caller.request.trace),
            depth: caller.map_or(0, |caller| caller.request.depth),
            at: now,
        });
    }

    fn hand_out(&mut self, channel: &ChannelName, frame: &[u8], from: Option<ConnectionId>) {
        let Some(room) = self.rooms.find(channel) else { return };
        metrics::said();
        for id in room.tell(frame, from) {
            self.stall(id);
        }
    }

    /// Where there can be other nodes, talks with them.
    pub(super) fn meet(&mut self) {
        let Some(signals) = self.store.signals() else { return };
        let node: Arc<str> = random::base32hex(&random::bytes::<10>(&*self.random)).into();
        let (news, waiting) = mpsc::channel(between::QUEUE);
        let told = |mail: &mpsc::UnboundedSender<Mail>| {
            let mail = mail.clone();
            // A hub that is gone needs to hear nothing.
            move |word| drop(mail.send(Mail::Word(word)))
        };
        self.between.spawn(between::send(signals.clone(), Arc::clone(&node), waiting, told(&self.mail)));
        self.tasks.spawn(between::hear(signals, node, told(&self.mail)));
        self.nodes = Some(news);
    }

    pub(super) fn tell_nodes(&mut self, news: News) {
        if let Some(nodes) = &self.nodes
            && nodes.try_send(vec![news]).is_err()
        {
            metrics::untold();
            self.tell_all = true;
        }
    }

    /// Tells other nodes who is here, if they have to be told anew.
    pub(super) fn tell_all_nodes(&mut self) {
        let Some(nodes) = self.nodes.as_ref().filter(|_| self.tell_all) else { return };
        let mut all = vec![News::Anew];
        for (channel, room) in self.rooms.all() {
            let here = room.presence.iter().filter_map(|(key, member)| match member.owner {
                Owner::Connection(_) => Some(News::put(channel, key, member, false)),
                Owner::Waiting { told: true, .. } => Some(News::put(channel, key, member, true)),
                Owner::Waiting { told: false, .. } | Owner::Node { .. } => None,
            });
            all.extend(here);
        }
        all.push(News::Whole);
        self.tell_all = nodes.try_send(all).is_err();
    }

    /// What is heard of other nodes.
    pub(super) fn heard(&mut self, word: Word) {
        match word {
            Word::News(node, news) => news.into_iter().for_each(|news| self.heard_of(&node, news)),
            Word::Gone(node) => self.forget_members(|owner| is_of(owner, &node)),
            Word::Lost => {
                self.tell_nodes(News::Ask);
                self.tell_all = true;
            }
        }
    }

    fn heard_of(&mut self, node: &Arc<str>, news: News) {
        match news {
            News::Ask => self.tell_all = true,
            News::Anew => {
                let owners = self.rooms.all().flat_map(|(_, room)| room.presence.owners());
                for owner in owners {
                    if let Owner::Node { node: other, stale, .. } = owner {
                        *stale |= other == node;
                    }
                }
            }
            News::Whole => self
                .forget_members(|owner| matches!(owner, Owner::Node { node: other, stale: true, .. } if other == node)),
            News::Put { channel, key, user, data, since, waiting } => {
                let owner = Owner::Node { node: Arc::clone(node), waiting, stale: false };
                self.put_member(&channel, &key, Member { user, data, since, owner });
            }
            News::Out { channel, key } => {
                let presence = &mut self.rooms.room(&channel).presence;
                if presence.get(&key).is_some_and(|member| is_of(&member.owner, node)) {
                    presence.remove(&key);
                }
            }
            News::Said { channel, frame } => self.hand_out(&channel, frame.as_bytes(), None),
            News::Bye => self.wait_for_members_of(node),
        }
    }

    fn put_member(&mut self, channel: &ChannelName, key: &Key, member: Member) {
        let presence = &mut self.rooms.room(channel).presence;
        let is_taken = match presence.get(key).map(|known| &known.owner) {
            // He is here.
            Some(Owner::Connection(_)) => true,
            Some(Owner::Waiting { .. } | Owner::Node { .. }) => false,
            None => presence.is_full(),
        };
        if !is_taken {
            presence.put(key, member);
        }
    }

    fn forget_members(&mut self, is_meant: impl Fn(&Owner) -> bool) {
        for (_, room) in self.rooms.all() {
            for key in room.presence.those(&is_meant) {
                room.presence.remove(&key);
            }
        }
    }

    /// A node stopped: its clients come back elsewhere, perhaps.
    fn wait_for_members_of(&mut self, node: &Arc<str>) {
        let until = self.clock.now().plus(COME_BACK);
        let there = self.rooms.all().flat_map(|(channel, room)| {
            let keys = room.presence.those(|owner| is_of(owner, node));
            keys.into_iter().map(|key| (channel.clone(), key)).collect::<Vec<_>>()
        });
        for (channel, key) in there.collect::<Vec<_>>() {
            self.rooms.wait_for(&channel, &key, until, false);
        }
    }
}

fn is_of(owner: &Owner, node: &Arc<str>) -> bool {
    matches!(owner, Owner::Node { node: other, .. } if other == node)
}
