//! From node to node: what is said, and who is there. On SQLite there is no other node.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use basalt_core::{ChannelName, DocumentId, Timestamp};
use basalt_store::signals::Signals;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::{Key, Member};

/// News that wait to be sent; more are dropped, and who is there is told anew.
pub(crate) const QUEUE: usize = 10_000;
/// How long news are gathered.
const GATHER: Duration = Duration::from_millis(10);
/// Bytes of one row, but for the last of its news.
const ROW_BYTES: usize = 1 << 20;
/// A node says so often that it is there.
const BEAT: Duration = Duration::from_secs(2);
/// A node that wasn't heard for so long is gone.
const LEASE: Duration = Duration::from_secs(10);
/// Such nodes that are remembered.
const MOST_GONE: usize = 1_000;
/// NOTIFY is a hint: it is looked for news by itself.
const POLL: Duration = Duration::from_millis(500);

/// What one node tells the others.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub(crate) enum News {
    /// Who is there? Every node answers with `Anew`, its members, and `Whole`.
    Ask,
    Anew,
    Whole,
    Put {
        channel: ChannelName,
        key: Key,
        user: Option<DocumentId>,
        data: Arc<Value>,
        since: Timestamp,
        waiting: bool,
    },
    Out {
        channel: ChannelName,
        key: Key,
    },
    /// A frame, as clients get it.
    Said {
        channel: ChannelName,
        frame: String,
    },
    /// It stops; its clients may come back elsewhere.
    Bye,
}

impl News {
    pub(crate) fn put(channel: &ChannelName, key: &Key, member: &Member, waiting: bool) -> Self {
        let Member { user, data, since, .. } = member.clone();
        Self::Put { channel: channel.clone(), key: Arc::clone(key), user, data, since, waiting }
    }
}

/// What the hub hears of other nodes.
pub(crate) enum Word {
    News(Arc<str>, Vec<News>),
    /// Its lease is over.
    Gone(Arc<str>),
    /// Something was lost: who is there has to be asked for, and told.
    Lost,
}

/// Sends what comes until the sender is dropped, and then says goodbye.
pub(crate) async fn send(signals: Signals, node: Arc<str>, mut news: mpsc::Receiver<Vec<News>>, hub: impl Fn(Word)) {
    let mut beat = tokio::time::interval(BEAT);
    let (mut waiting, mut open, mut farewell) = (VecDeque::new(), true, false);
    while open || !waiting.is_empty() {
        if waiting.is_empty() {
            tokio::select! {
                first = news.recv() => match first {
                    Some(first) => waiting.extend(first),
                    None => open = false,
                },
                _ = beat.tick() => {
                    if let Err(error) = signals.trim().await {
                        tracing::warn!(?error, "old signals can't be removed; they are in a moment");
                    }
                }
            }
        }
        if !waiting.is_empty() && open {
            open = gather(&mut waiting, &mut news).await;
        }
        if !open && !farewell {
            waiting.push_back(News::Bye);
            farewell = true;
        }
        if let Err(error) = signals.send(&node, row(&mut waiting)).await {
            tracing::warn!(?error, "other nodes can't be told what goes on in channels");
            hub(Word::Lost);
        }
    }
}

/// Waits a moment for more. `false`: there is no more.
async fn gather(waiting: &mut VecDeque<News>, news: &mut mpsc::Receiver<Vec<News>>) -> bool {
    let until = Instant::now() + GATHER;
    loop {
        match tokio::time::timeout_at(until, news.recv()).await {
            Ok(Some(more)) => waiting.extend(more),
            Ok(None) => return false,
            Err(_) => return true,
        }
    }
}

/// As many as one row holds.
fn row(waiting: &mut VecDeque<News>) -> String {
    let mut row = String::from("[");
    while row.len() < ROW_BYTES
        && let Some(news) = waiting.pop_front()
    {
        // What has no JSON form isn't told.
        if let Ok(text) = serde_json::to_string(&news) {
            if row.len() > 1 {
                row.push(',');
            }
            row.push_str(&text);
        }
    }
    row.push(']');
    row
}

/// Hears what others send.
pub(crate) async fn hear(signals: Signals, node: Arc<str>, hub: impl Fn(Word)) {
    let mut hints = signals.hints();
    let mut place = None;
    let mut nodes = Nodes::default();
    loop {
        match look(&signals, &node, &mut place, &mut nodes, &hub).await {
            Ok(true) => continue,
            Ok(false) => nodes.expire(Instant::now(), &hub),
            Err(error) => {
                tracing::warn!(?error, "other nodes can't be heard; they are in a moment");
                // Nobody is gone because we were deaf.
                nodes.heard.values_mut().for_each(|heard| *heard = Instant::now());
                tokio::time::sleep(POLL).await;
            }
        }
        // A hint that comes late is made up for by the next look.
        let _ = tokio::time::timeout(POLL, hints.changed()).await;
    }
}

/// Whether there is more.
async fn look(
    signals: &Signals,
    node: &str,
    place: &mut Option<i64>,
    nodes: &mut Nodes,
    hub: &impl Fn(Word),
) -> basalt_core::Result<bool> {
    let Some(from) = *place else {
        *place = Some(signals.end().await?);
        hub(Word::Lost);
        return Ok(true);
    };
    let heard = signals.read(node, from).await?;
    *place = Some(heard.place);
    if heard.missed {
        hub(Word::Lost);
    }
    for signal in heard.signals {
        let sender: Arc<str> = signal.node.into();
        nodes.hear(&sender, Instant::now(), hub);
        match serde_json::from_str::<Vec<News>>(&signal.body) {
            Ok(news) if news.is_empty() => {}
            Ok(news) => hub(Word::News(sender, news)),
            Err(error) => tracing::warn!(%error, "another node's signal can't be read; is it of another version?"),
        }
    }
    Ok(heard.more)
}

/// The other nodes, and when each was heard last.
#[derive(Default)]
struct Nodes {
    heard: HashMap<Arc<str>, Instant>,
    /// Whose lease was over.
    gone: HashSet<Arc<str>>,
}

impl Nodes {
    fn hear(&mut self, node: &Arc<str>, now: Instant, hub: &impl Fn(Word)) {
        self.heard.insert(Arc::clone(node), now);
        if self.gone.remove(node) {
            // It was only slow, and its clients were forgotten.
            hub(Word::Lost);
        }
    }

    fn expire(&mut self, now: Instant, hub: &impl Fn(Word)) {
        let silent = self
            .heard
            .iter()
            .filter(|(_, heard)| now.duration_since(**heard) > LEASE)
            .map(|(node, _)| Arc::clone(node));
        for node in silent.collect::<Vec<_>>() {
            self.heard.remove(&node);
            if self.gone.len() >= MOST_GONE {
                self.gone.clear();
            }
            self.gone.insert(Arc::clone(&node));
            hub(Word::Gone(node));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_bounded_and_hold_everything_in_order() {
        let said = |n: usize| News::Said {
            channel: ChannelName::parse("c").unwrap(),
            frame: format!("{n}{}", "x".repeat(400_000)),
        };
        let mut waiting: VecDeque<News> = (0..7).map(said).collect();
        let mut firsts = Vec::new();
        while !waiting.is_empty() {
            let news: Vec<News> = serde_json::from_str(&row(&mut waiting)).unwrap();
            assert!((1..=3).contains(&news.len()));
            for news in news {
                let News::Said { frame, .. } = news else { panic!("said") };
                firsts.push(frame.chars().next().unwrap());
            }
        }
        assert_eq!(firsts, ['0', '1', '2', '3', '4', '5', '6']);
        assert_eq!(row(&mut VecDeque::new()), "[]");
    }

    #[test]
    fn a_node_that_is_silent_is_gone_and_one_that_comes_back_is_asked() {
        let words = std::cell::RefCell::new(Vec::new());
        let hub = |word: Word| {
            words.borrow_mut().push(match word {
                Word::Gone(node) => node.to_string(),
                Word::Lost => "lost".to_owned(),
                Word::News(..) => "news".to_owned(),
            });
        };
        let (mut nodes, node) = (Nodes::default(), Arc::from("b"));
        let now = Instant::now();
        nodes.hear(&node, now, &hub);
        nodes.expire(now + LEASE, &hub);
        assert!(words.borrow().is_empty());
        nodes.expire(now + LEASE + Duration::from_millis(1), &hub);
        nodes.hear(&node, now, &hub);
        assert_eq!(*words.borrow(), ["b", "lost"]);
    }
}
