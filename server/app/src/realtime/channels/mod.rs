//! Channels: what clients say to each other and who is there, kept by nobody.
//!
//! What it promises: nobody hears, says or sees anything without the rule's word, which is asked again whenever what it
//! was decided by changes; who speaks is set by the server; what is shown of a channel is bounded; nodes on one database
//! are one server, and a node that is gone takes its clients with it.
//!
//! Pure state ([`Rooms`], [`Presence`]) that the hub owns; [`rights`] asks the rules, [`between`] goes from node to node.

pub(super) mod between;
pub(super) mod bucket;
pub(super) mod declared;
mod presence;
pub(super) mod rights;
mod rooms;

pub(super) use presence::{Key, Member, Owner, Presence};
pub(super) use rooms::{Membership, Rooms};
