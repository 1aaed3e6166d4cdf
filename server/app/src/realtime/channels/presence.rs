//! Who is shown in one channel, and what of that changed since it was told last.

use std::collections::HashMap;
use std::sync::Arc;

use basalt_core::{ChannelName, DocumentId, Timestamp};
use serde_json::{Value, json};

use super::super::frames;
use super::super::hub::ConnectionId;

/// Members of one channel that are known to a node.
const MOST: usize = 10_000;
/// Bytes of a frame that tells who is there.
const STATE_BYTES: usize = 512 << 10;

/// Names one who is shown, in one channel.
pub(crate) type Key = Arc<str>;

/// One who is shown.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) user: Option<DocumentId>,
    pub(crate) data: Arc<Value>,
    pub(crate) since: Timestamp,
    pub(crate) owner: Owner,
}

/// Who says that he is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    Connection(ConnectionId),
    /// His connection broke; he may come back until then. `told`: whether other nodes know of him from this one.
    Waiting {
        until: Timestamp,
        told: bool,
    },
    /// Another node. `stale`: it is telling anew who is there, and hasn't named him yet.
    Node {
        node: Arc<str>,
        waiting: bool,
        stale: bool,
    },
}

#[derive(Default)]
pub(crate) struct Presence {
    members: HashMap<Key, Member>,
    /// What was told of those that changed since.
    before: HashMap<Key, Option<Value>>,
}

impl Presence {
    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty() && self.before.is_empty()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.members.len() >= MOST
    }

    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    pub(crate) fn get(&self, key: &Key) -> Option<&Member> {
        self.members.get(key)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Key, &Member)> {
        self.members.iter()
    }

    pub(crate) fn put(&mut self, key: &Key, member: Member) {
        self.note(key);
        self.members.insert(Arc::clone(key), member);
    }

    pub(crate) fn remove(&mut self, key: &Key) -> Option<Member> {
        self.note(key);
        self.members.remove(key)
    }

    /// Whom a connection shows: changes that others don't see.
    pub(crate) fn own(&mut self, key: &Key, owner: Owner) {
        if let Some(member) = self.members.get_mut(key) {
            member.owner = owner;
        }
    }

    /// The place of one who comes back: the longest there of those of this user that wait.
    pub(crate) fn place_of(&self, user: &DocumentId) -> Option<(Key, Timestamp)> {
        let waits = |member: &Member| match &member.owner {
            Owner::Connection(_) => false,
            Owner::Waiting { .. } => true,
            Owner::Node { waiting, .. } => *waiting,
        };
        let places = self.members.iter().filter(|(_, member)| member.user.as_ref() == Some(user) && waits(member));
        places.map(|(key, member)| (Arc::clone(key), member.since)).min_by_key(|(key, since)| (*since, Arc::clone(key)))
    }

    /// Who says of each that he is there.
    pub(crate) fn owners(&mut self) -> impl Iterator<Item = &mut Owner> {
        self.members.values_mut().map(|member| &mut member.owner)
    }

    /// Those of whom this is true.
    pub(crate) fn those(&self, is_meant: impl Fn(&Owner) -> bool) -> Vec<Key> {
        let meant = self.members.iter().filter(|(_, member)| is_meant(&member.owner));
        meant.map(|(key, _)| Arc::clone(key)).collect()
    }

    /// Who is there, the longest first, as far as one frame holds it; and how many there are.
    pub(crate) fn state(&self) -> (Vec<Value>, usize) {
        let mut members: Vec<(&Key, &Member)> = self.members.iter().collect();
        members.sort_unstable_by_key(|(key, member)| (member.since, Arc::clone(key)));
        let mut bytes = 0;
        let shown = members.into_iter().map(|(key, member)| member.shown(key)).take_while(|shown| {
            bytes += shown.to_string().len();
            bytes <= STATE_BYTES
        });
        (shown.collect(), self.members.len())
    }

    /// What changed since the last time; where that is too much for one frame, who is there.
    pub(crate) fn news(&mut self, channel: &ChannelName) -> Option<Vec<u8>> {
        let (mut joined, mut left, mut updated) = (Vec::new(), Vec::new(), Vec::new());
        for (key, before) in std::mem::take(&mut self.before) {
            let now = self.members.get(&key).map(|member| member.shown(&key));
            match (before, now) {
                (None, Some(now)) => joined.push(now),
                (Some(before), None) => left.push(json!({"key": before["key"], "userId": before["userId"]})),
                (Some(before), Some(now)) if before != now => updated.push(now),
                _ => {}
            }
        }
        if joined.is_empty() && left.is_empty() && updated.is_empty() {
            return None;
        }
        let change = frames::presence_change(channel, &joined, &left, &updated);
        if change.len() <= STATE_BYTES {
            return Some(change);
        }
        let (state, count) = self.state();
        Some(frames::presence_state(channel, &state, count))
    }

    fn note(&mut self, key: &Key) {
        if !self.before.contains_key(key) {
            let told = self.members.get(key).map(|member| member.shown(key));
            self.before.insert(Arc::clone(key), told);
        }
    }
}

impl Member {
    /// As everybody in the channel sees him.
    fn shown(&self, key: &Key) -> Value {
        json!({"key": key.as_ref(), "userId": self.user, "data": &*self.data, "since": self.since})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(user: &str, n: i64) -> Member {
        Member {
            user: Some(DocumentId::parse(user).unwrap()),
            data: Arc::new(json!({ "n": n })),
            since: Timestamp::from_millis(n),
            owner: Owner::Connection(ConnectionId(1)),
        }
    }

    fn news(presence: &mut Presence) -> Value {
        let channel = ChannelName::parse("c").unwrap();
        presence.news(&channel).map(|frame| serde_json::from_slice(&frame).unwrap()).unwrap_or_default()
    }

    #[test]
    fn what_comes_to_nothing_is_not_told() {
        let (a, b): (Key, Key) = ("a".into(), "b".into());
        let mut presence = Presence::default();
        presence.put(&a, member("ann", 1));
        presence.put(&b, member("ben", 2));
        presence.remove(&b);
        let told = news(&mut presence);
        assert_eq!(told["joined"][0]["userId"], "ann");
        assert_eq!((told["joined"].as_array().unwrap().len(), &told["left"]), (1, &json!([])));
        presence.put(&a, member("ann", 3));
        assert_eq!(news(&mut presence)["updated"][0]["data"], json!({"n": 3}));
        presence.put(&a, member("ann", 3));
        presence.own(&a, Owner::Waiting { until: Timestamp::from_millis(9), told: true });
        assert_eq!(news(&mut presence), Value::Null);
        assert_eq!(presence.place_of(&DocumentId::parse("ann").unwrap()).unwrap().0, a);
        assert!(presence.place_of(&DocumentId::parse("ben").unwrap()).is_none());
        presence.remove(&a);
        assert_eq!(news(&mut presence)["left"], json!([{"key": "a", "userId": "ann"}]));
        assert!(presence.is_empty());
    }

    #[test]
    fn a_frame_of_who_is_there_is_bounded() {
        let mut presence = Presence::default();
        for n in 0..300_i64 {
            let data = Arc::new(json!({"text": "x".repeat(4_000)}));
            presence.put(&format!("k{n:03}").into(), Member { data, ..member("ann", n) });
        }
        let (shown, count) = presence.state();
        assert_eq!((count, shown[0]["key"].as_str()), (300, Some("k000")));
        assert!((100..135).contains(&shown.len()), "{}", shown.len());
        assert_eq!(news(&mut presence)["count"], 300, "too much for a difference");
    }
}
