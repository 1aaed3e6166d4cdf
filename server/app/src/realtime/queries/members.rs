//! Which documents are in a result, in order, and what a change does to the list that clients hold.
//!
//! Of a result without a limit all members are known. Of one with a limit some more than the limit are, so that one
//! that leaves can be followed by the next; what lies beyond them is not known, and has to be read when they run out.

use std::hash::{Hash, Hasher};

use basalt_core::DocumentId;
use bytes::Bytes;

/// Rows that are known beyond a limit.
pub(crate) const BEYOND: usize = 50;

/// One member.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) id: DocumentId,
    /// Where it stands: the order of the bytes is the order of the rows.
    pub(crate) place: Box<[u8]>,
    /// Tells versions apart, as far as they look different.
    pub(crate) print: u64,
    /// As it is shown, in JSON. Kept within windows only, where a row may come into sight later.
    pub(crate) body: Option<Bytes>,
}

/// What clients do to their lists, one after the other.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    Added {
        index: usize,
        body: Bytes,
    },
    /// Where it now stands; it may have stood elsewhere.
    Modified {
        index: usize,
        body: Bytes,
    },
    /// Where it stood, if that is known.
    Removed {
        index: Option<usize>,
        id: DocumentId,
    },
}

#[derive(Debug)]
pub(crate) struct Members {
    rows: Vec<Row>,
    limit: usize,
    /// Whether nothing comes after the known rows.
    complete: bool,
}

impl Members {
    /// `limit`: none for the whole result.
    pub(crate) fn new(rows: Vec<Row>, limit: Option<usize>, complete: bool) -> Self {
        let mut members = Self { rows, limit: limit.unwrap_or(usize::MAX), complete };
        if limit.is_none() {
            members.rows.iter_mut().for_each(|row| row.body = None);
        }
        members
    }

    /// The rows in sight.
    pub(crate) fn visible(&self) -> &[Row] {
        &self.rows[..self.rows.len().min(self.limit)]
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether rows that would be in sight are not known.
    pub(crate) fn runs_out(&self) -> bool {
        !self.complete && self.rows.len() < self.limit
    }

    /// A document that is in the result, with its body: it may have been there before.
    pub(crate) fn put(&mut self, row: Row, body: &Bytes, steps: &mut Vec<Step>) {
        let Some(old) = self.position(&row.id) else { return self.insert(row, body, None, steps) };
        if self.rows[old].place == row.place {
            if self.rows[old].print != row.print {
                self.rows[old] = self.kept(row, body);
                if old < self.limit {
                    steps.push(Step::Modified { index: old, body: body.clone() });
                }
            }
            return;
        }
        let before = self.rows.remove(old);
        self.insert(row, body, Some((old, before.print)), steps);
    }

    /// `from`: where it was and how it looked, if it was there.
    fn insert(&mut self, row: Row, body: &Bytes, from: Option<(usize, u64)>, steps: &mut Vec<Step>) {
        let index = self.rows.partition_point(|other| other.place < row.place);
        let was_visible = from.filter(|(old, _)| *old < self.limit);
        let is_known = self.complete || index < self.rows.len();
        if !is_known || index >= self.limit {
            let id = row.id.clone();
            if is_known {
                let row = self.kept(row, body);
                self.rows.insert(index, row);
            }
            if let Some((old, _)) = was_visible {
                self.gone(old, id, steps);
            }
            return self.trim();
        }
        let (print, row) = (row.print, self.kept(row, body));
        match was_visible {
            Some((old, before)) if old == index && before == print => {}
            Some(_) => steps.push(Step::Modified { index, body: body.clone() }),
            None => {
                if self.rows.len() >= self.limit {
                    let last = self.limit - 1;
                    steps.push(Step::Removed { index: Some(last), id: self.rows[last].id.clone() });
                }
                steps.push(Step::Added { index, body: body.clone() });
            }
        }
        self.rows.insert(index, row);
        self.trim();
    }

    /// A document that is not in the result; it may have been.
    pub(crate) fn remove(&mut self, id: &DocumentId, steps: &mut Vec<Step>) {
        let Some(old) = self.position(id) else { return };
        self.rows.remove(old);
        if old < self.limit {
            self.gone(old, id.clone(), steps);
        }
    }

    /// A row has left sight (and stands where it now belongs): the next one comes into it.
    fn gone(&self, index: usize, id: DocumentId, steps: &mut Vec<Step>) {
        steps.push(Step::Removed { index: Some(index), id });
        if let Some(Row { body: Some(body), .. }) = self.limit.checked_sub(1).and_then(|last| self.rows.get(last)) {
            steps.push(Step::Added { index: self.limit - 1, body: body.clone() });
        }
    }

    fn kept(&self, row: Row, body: &Bytes) -> Row {
        Row { body: (self.limit != usize::MAX).then(|| body.clone()), ..row }
    }

    fn position(&self, id: &DocumentId) -> Option<usize> {
        self.rows.iter().position(|row| row.id == *id)
    }

    fn trim(&mut self) {
        if self.limit != usize::MAX && self.rows.len() > self.limit + 2 * BEYOND {
            self.rows.truncate(self.limit + BEYOND);
            self.complete = false;
        }
    }
}

/// Tells whole lists apart, as clients see them.
pub(crate) fn print_of_list(rows: &[Row]) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    for row in rows {
        (row.id.as_str(), row.print).hash(&mut hasher);
    }
    hasher.finish()
}

/// The steps from one list to another, whose rows have bodies.
pub(crate) fn difference(from: &[Row], to: &[Row]) -> Vec<Step> {
    let mut steps = Vec::new();
    let stays: std::collections::HashSet<&str> = to.iter().map(|row| row.id.as_str()).collect();
    let mut list: Vec<(&str, u64)> = Vec::with_capacity(from.len());
    for row in from {
        if stays.contains(row.id.as_str()) {
            list.push((row.id.as_str(), row.print));
        } else {
            steps.push(Step::Removed { index: Some(list.len()), id: row.id.clone() });
        }
    }
    for (index, row) in to.iter().enumerate() {
        let body = row.body.clone().unwrap_or_default();
        match list[index.min(list.len())..].iter().position(|(id, _)| *id == row.id.as_str()) {
            Some(0) if list[index].1 == row.print => {}
            Some(0) => steps.push(Step::Modified { index, body }),
            Some(further) => {
                let moved = list.remove(index + further);
                list.insert(index, moved);
                steps.push(Step::Modified { index, body });
            }
            None => {
                list.insert(index, (row.id.as_str(), row.print));
                steps.push(Step::Added { index, body });
            }
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `a3`: the document `a` at place 3; its body says so, too.
    fn row(text: &str) -> Row {
        let (id, place) = text.split_at(1);
        let place: u8 = place.parse().unwrap();
        let body = Bytes::from(text.to_owned());
        Row { id: DocumentId::parse(id).unwrap(), place: [place].into(), print: u64::from(place), body: Some(body) }
    }

    fn rows(texts: &[&str]) -> Vec<Row> {
        texts.iter().map(|text| row(text)).collect()
    }

    /// What a client makes of the steps.
    fn apply(list: &mut Vec<String>, steps: &[Step]) {
        for step in steps {
            match step {
                Step::Added { index, body } => list.insert(*index, String::from_utf8(body.to_vec()).unwrap()),
                Step::Modified { index, body } => {
                    let text = String::from_utf8(body.to_vec()).unwrap();
                    list.retain(|other| other[..1] != text[..1]);
                    list.insert(*index, text);
                }
                Step::Removed { index, id } => {
                    let index = index.unwrap();
                    assert_eq!(list[index][..1], *id.as_str());
                    list.remove(index);
                }
            }
        }
    }

    fn shown(members: &Members) -> Vec<String> {
        members.visible().iter().map(|row| format!("{}{}", row.id, row.place[0])).collect()
    }

    #[test]
    fn clients_that_apply_the_steps_hold_the_window() {
        // A small generator of its own: the steps of any writes lead to the same list.
        let mut state = 7_u32;
        let mut dice = |sides: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) % sides
        };
        for limit in [None, Some(1), Some(3)] {
            let mut members = Members::new(Vec::new(), limit, true);
            let mut client: Vec<String> = Vec::new();
            for _ in 0..3_000 {
                let id = char::from(b'a' + u8::try_from(dice(12)).unwrap());
                let mut steps = Vec::new();
                if dice(3) == 0 {
                    members.remove(&DocumentId::parse(&id.to_string()).unwrap(), &mut steps);
                } else {
                    // Places are unique, as they end with the id.
                    let place = dice(9) * 20 + u32::from(id) - u32::from('a');
                    let row = row(&format!("{id}{place}"));
                    let body = row.body.clone().unwrap();
                    members.put(row, &body, &mut steps);
                }
                apply(&mut client, &steps);
                assert_eq!(client, shown(&members), "limit {limit:?}");
            }
        }
    }

    #[test]
    fn a_window_that_runs_out_says_so() {
        let mut members = Members::new(rows(&["a1", "b2", "c3"]), Some(2), false);
        let mut steps = Vec::new();
        members.remove(&DocumentId::parse("a").unwrap(), &mut steps);
        assert_eq!(steps[1], Step::Added { index: 1, body: Bytes::from_static(b"c3") });
        assert!(!members.runs_out());
        members.remove(&DocumentId::parse("b").unwrap(), &mut steps);
        assert!(members.runs_out());
        let beyond = row("z9");
        members.put(beyond.clone(), &beyond.body.clone().unwrap(), &mut steps);
        assert_eq!(shown(&members), ["c3"], "others may come before it");
    }

    #[test]
    fn a_difference_leads_from_one_list_to_the_other() {
        for (from, to) in [
            (&["a1", "b2", "c3"][..], &["a1", "b2", "c3"][..]),
            (&["a1", "b2", "c3"], &[]),
            (&[], &["a1", "b2"]),
            (&["a1", "b2", "c3", "d4"], &["d0", "a1", "e2", "c9"]),
            (&["a1", "b2", "c3"], &["c0", "b1", "a2"]),
        ] {
            let (from, to) = (rows(from), rows(to));
            let text = |rows: &[Row]| rows.iter().map(|row| format!("{}{}", row.id, row.place[0])).collect::<Vec<_>>();
            let mut client = text(&from);
            apply(&mut client, &difference(&from, &to));
            assert_eq!(client, text(&to));
        }
    }
}
