//! What a filter may have said of a document before a change, as far as the log tells.
//!
//! Of an update the log holds the old values of the fields that changed; a field that it doesn't name was as it is now,
//! or wasn't there. So a leaf has a set of answers that it may have had, and so has the filter.

use serde_json::{Map, Value};

use crate::change::{Change, ChangeOp};
use crate::document::{CREATED_AT, ID};
use crate::filter::{Filter, Leaf, Place, Root};
use crate::truth::{self, NothingKnown, Truth};

/// Whether the document may have matched before this change. `false` is certain.
pub fn may_have_matched(filter: &Filter, change: &Change) -> bool {
    match (change.op, &change.before, &change.after) {
        (ChangeOp::Create, _, _) => false,
        (ChangeOp::Delete, Some(before), _) => truth::of(filter, before, &NothingKnown) == Truth::True,
        (ChangeOp::Update, Some(before), Some(after)) => Past::new(before, after).answers(filter).0 & TRUE.0 != 0,
        // Nothing is told of it.
        (ChangeOp::Update | ChangeOp::Delete, _, _) => true,
    }
}

/// A set of truth values.
#[derive(Clone, Copy, PartialEq)]
struct Answers(u8);

const TRUE: Answers = Answers(1);
const FALSE: Answers = Answers(2);
const ERROR: Answers = Answers(4);
const ANY: Answers = Answers(7);

struct Past<'c> {
    before: &'c Map<String, Value>,
    /// With every field that isn't named as it is now, and with none of them.
    fullest: Map<String, Value>,
    barest: Map<String, Value>,
}

impl<'c> Past<'c> {
    fn new(before: &'c Map<String, Value>, after: &Map<String, Value>) -> Self {
        let mut fullest = after.clone();
        fullest.extend(before.clone());
        let mut barest = before.clone();
        // These are from the beginning.
        for own in [ID, CREATED_AT] {
            barest.extend(after.get(own).map(|value| (own.to_owned(), value.clone())));
        }
        Self { before, fullest, barest }
    }

    fn answers(&self, filter: &Filter) -> Answers {
        match filter {
            Filter::True => TRUE,
            Filter::False => FALSE,
            Filter::Error => ERROR,
            Filter::And(parts) => {
                negated(parts.iter().fold(FALSE, |sum, part| either(sum, negated(self.answers(part)))))
            }
            Filter::Or(parts) => parts.iter().fold(FALSE, |sum, part| either(sum, self.answers(part))),
            Filter::Not(inner) => negated(self.answers(inner)),
            Filter::Leaf(leaf) => self.leaf(leaf),
        }
    }

    fn leaf(&self, leaf: &Leaf) -> Answers {
        let Some(place) = place(leaf) else { return ANY };
        let of = |document| match truth::of(&Filter::Leaf(leaf.clone()), document, &NothingKnown) {
            Truth::True => TRUE,
            Truth::False => FALSE,
            Truth::Error => ERROR,
            Truth::Open => ANY,
        };
        let top = place.path.top();
        if self.before.contains_key(top) || !self.fullest.contains_key(top) {
            return of(&self.fullest);
        }
        Answers(of(&self.fullest).0 | of(&self.barest).0)
    }
}

/// The one place of the document that a leaf asks about; `None` where there may be more.
fn place(leaf: &Leaf) -> Option<&Place> {
    let (Leaf::Equal { place, .. }
    | Leaf::Order { place, .. }
    | Leaf::In { place, .. }
    | Leaf::Contains { place, .. }
    | Leaf::Has { place }
    | Leaf::IsTrue { place }
    | Leaf::Text { place, .. }
    | Leaf::Size { place, .. }
    | Leaf::Distance { place, .. }) = leaf
    else {
        return None;
    };
    (place.root == Root::Document && !place.path.names().is_empty()).then_some(place)
}

fn negated(of: Answers) -> Answers {
    let swapped = |from: Answers, to: Answers| if of.0 & from.0 == 0 { 0 } else { to.0 };
    Answers(swapped(TRUE, FALSE) | swapped(FALSE, TRUE) | (of.0 & ERROR.0))
}

/// `a || b` for each a and b of the two.
fn either(left: Answers, right: Answers) -> Answers {
    let settled = (left.0 | right.0) & TRUE.0;
    let is_open = |side: Answers| side.0 & !TRUE.0 != 0;
    let error = if is_open(left) && is_open(right) { (left.0 | right.0) & ERROR.0 } else { 0 };
    Answers(settled | error | (left.0 & right.0 & FALSE.0))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::change::Actor;
    use crate::filter::Scalar;
    use crate::ids::{CollectionName, DocumentId, FieldPath};
    use crate::time::Timestamp;

    fn update(before: &Value, after: &Value) -> Change {
        Change {
            seq: 1,
            collection: CollectionName::parse("notes").unwrap(),
            id: DocumentId::parse("a").unwrap(),
            op: ChangeOp::Update,
            after: after.as_object().cloned().map(Into::into),
            before: before.as_object().cloned().map(Into::into),
            actor: Actor::SYSTEM,
            request_id: String::new(),
            trace: None,
            depth: 0,
            at: Timestamp::from_millis(0),
        }
    }

    fn place(path: &str) -> Place {
        Place::document(FieldPath::parse(path).unwrap())
    }

    fn equal(path: &str, value: i64) -> Filter {
        Filter::Leaf(Leaf::Equal { place: place(path), value: Scalar::Int(value) })
    }

    fn has(path: &str) -> Filter {
        Filter::Leaf(Leaf::Has { place: place(path) })
    }

    #[test]
    fn the_past_is_what_changed_and_what_may_not_have_been_there() {
        let may = |filter: &Filter, before: Value, after: Value| may_have_matched(filter, &update(&before, &after));
        assert!(may(&equal("a", 1), json!({"a": 1}), json!({"a": 2})));
        assert!(!may(&equal("a", 2), json!({"a": 1}), json!({"a": 2})));
        assert!(may(&equal("a", 2), json!({"b": 1}), json!({"a": 2, "b": 2})), "unchanged");
        assert!(!may(&equal("a", 3), json!({"b": 1}), json!({"a": 2, "b": 2})), "other, or not there");
        // a was there and b wasn't: neither all fields nor none.
        let mixed = Filter::and([has("a"), !has("b")]);
        assert!(may(&mixed, json!({"c": 1}), json!({"a": 1, "b": 1, "c": 2})));
        assert!(!may(&Filter::and([mixed, equal("c", 9)]), json!({"c": 1}), json!({"a": 1, "b": 1, "c": 2})));
    }

    #[test]
    fn what_is_created_was_not_there_and_what_is_deleted_is_known() {
        let mut change = update(&json!({"a": 1}), &json!({"a": 1}));
        change.op = ChangeOp::Create;
        assert!(!may_have_matched(&Filter::True, &change));
        (change.op, change.after) = (ChangeOp::Delete, None);
        assert!(may_have_matched(&equal("a", 1), &change));
        assert!(!may_have_matched(&equal("a", 2), &change));
    }
}
