//! Going on from a place in the log: what a client that held the result then has to do to hold it now.

use std::collections::{HashMap, HashSet};

use basalt_core::change::seq_from_text;
use basalt_core::past::may_have_matched;
use basalt_core::{Change, DocumentId, Seq};
use basalt_data::documents::live::Watched;

use super::members::{Row, Step};

/// Changes that are looked through at most; whoever is further behind gets a snapshot.
pub(crate) const MOST_BEHIND: u32 = 10_000;

/// A place as a client brought it back: where, and of which log, query and rights.
pub(crate) fn parse(place: &str) -> Option<(Seq, &str)> {
    let (seq, binding) = place.split_once('.')?;
    Some((seq_from_text(seq)?, binding))
}

/// The steps from the result at `since` to `rows`, which is the result after all of `changes`. What may have been in it
/// and has changed is taken out first, whether the client holds it or not; then what is in it now is put in, in order:
/// so each index is right when its turn comes.
pub(crate) fn steps(watched: &Watched, since: Seq, changes: &[Change], rows: &[Row]) -> Vec<Step> {
    let later = |change: &&Change| change.seq > since && change.collection == *watched.collection();
    let mut first: HashMap<&DocumentId, &Change> = HashMap::new();
    let mut order: Vec<&DocumentId> = Vec::new();
    for change in changes.iter().filter(later) {
        first.entry(&change.id).or_insert_with(|| {
            order.push(&change.id);
            change
        });
    }
    let left =
        order.iter().filter(|id| first.get(*id).is_some_and(|change| may_have_matched(watched.filter(), change)));
    let mut steps: Vec<Step> = left.map(|id| Step::Removed { index: None, id: (*id).clone() }).collect();
    let touched: HashSet<&DocumentId> = order.into_iter().collect();
    for (index, row) in rows.iter().enumerate().filter(|(_, row)| touched.contains(&row.id)) {
        steps.push(Step::Added { index, body: row.body.clone().unwrap_or_default() });
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_says_what_it_is_of() {
        assert_eq!(parse("0000000000000010.ab"), Some((16, "ab")));
        for bad in ["", "0", "0000000000000010", "x.ab", "10.ab"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
