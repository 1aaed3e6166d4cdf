//! Conditions on documents, as `expr` lowers them and the store prints them as SQL.
//!
//! Three-valued: on a document each condition is true, false or an *error*. The store selects where a filter is
//! true. Every leaf has to be printed in two two-valued forms, T (is true) and F (is false), so that `Not` swaps them
//! and neither depends on SQL's NULL; T(a ∨ b) = T(a) ∨ T(b), F(a ∨ b) = F(a) ∧ F(b), and dually for ∧.
//! Wherever a leaf says *error*, both forms are false.

use crate::geo::Point;
use crate::ids::{CollectionName, FieldPath};

#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    True,
    False,
    /// Neither true nor false on any document.
    Error,
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Not(Box<Filter>),
    Leaf(Leaf),
}

/// What a place begins at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Root {
    /// The document (or, within [`Leaf::Lookup`], the document that was looked up).
    Document,
    /// The element of the n-th enclosing [`Leaf::Any`] or [`Leaf::All`], 0 being the outermost.
    Element(usize),
}

/// A place in the document or in a list's element. Own fields (`id`, `rev`, `createdAt`, `updatedAt`) are reached by
/// their names under `Root::Document`. An empty path under `Root::Element` is the element itself.
/// A place is *missing* when a name is absent, or when what should hold it isn't a map.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    pub root: Root,
    pub path: FieldPath,
}

/// A constant. Numbers compare by their mathematical value (an `i64` and an `f64` exactly).
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Lt,
    Le,
    Gt,
    Ge,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextTest {
    StartsWith,
    EndsWith,
    Contains,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Leaf {
    /// `place == value`. Missing: error. Another type (lists and maps too): false. A stored null equals `Null` only.
    Equal { place: Place, value: Scalar },
    /// `place < value`; `value` is a number or a text (code-point order). Missing or another type: error.
    Order { place: Place, order: Order, value: Scalar },
    /// `place in values`: equal to one of them. Missing: error, also for no values.
    In { place: Place, values: Vec<Scalar> },
    /// `value in place`: a list with an equal element, or a map with that key (false where `value` is no text).
    /// Missing or another type: error.
    Contains { place: Place, value: Scalar },
    /// `has(place)`: whether the last name is present. Missing holder, or a holder that isn't a map: error.
    /// A present null is present.
    Has { place: Place },
    /// The place itself as a condition: true, false; missing or no boolean: error.
    IsTrue { place: Place },
    /// On texts, case-sensitive. Missing or no text: error.
    Text { place: Place, test: TextTest, value: String },
    /// `size(place) <order> value`: code points of a text, elements of a list, keys of a map. Missing or another type:
    /// error.
    Size { place: Place, test: SizeTest, value: i64 },
    /// `geo.distance(place, point) < metres`. No point at the place: error. The place is one of the document's own, with a
    /// geo index: a database can't compute the distance otherwise.
    Distance { place: Place, point: Point, order: Order, metres: f64 },
    /// `place.exists(e, filter)`: true if true for an element; else error if an error for one; else false (also for
    /// none). Missing or no list: error.
    Any { place: Place, filter: Box<Filter> },
    /// `place.all(e, filter)`: false if false for an element; else error if an error for one; else true.
    All { place: Place, filter: Box<Filter> },
    /// `exists(collection, id)`: whether the document is there. An id that isn't a text: error.
    Exists { collection: CollectionName, id: LookupId },
    /// A condition on `get(collection, id)`; within `filter`, `Root::Document` is that document. Not there, or an id
    /// that isn't a text: error.
    Lookup { collection: CollectionName, id: LookupId, filter: Box<Filter> },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SizeTest {
    Equal,
    Order(Order),
}

/// The id of a look-up: the concatenation of its parts. A place that isn't a text is an error.
#[derive(Clone, Debug, PartialEq)]
pub struct LookupId(pub Vec<IdPart>);

#[derive(Clone, Debug, PartialEq)]
pub enum IdPart {
    Text(String),
    Place(Place),
}

impl Place {
    pub fn document(path: FieldPath) -> Self {
        Self { root: Root::Document, path }
    }
}

impl std::ops::Not for Filter {
    type Output = Self;

    fn not(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            Self::Error => Self::Error,
            Self::Not(inner) => *inner,
            other => Self::Not(Box::new(other)),
        }
    }
}

impl Filter {
    /// Whether it is plainly true of no document, so that there is nothing to ask the database for.
    pub fn is_never_true(&self) -> bool {
        match self {
            Self::False | Self::Error => true,
            Self::And(parts) => parts.iter().any(Self::is_never_true),
            Self::Or(parts) => parts.iter().all(Self::is_never_true),
            Self::True | Self::Not(_) | Self::Leaf(_) => false,
        }
    }

    /// Conjunction, flattened, with constants folded (`false` wins over an error).
    pub fn and(filters: impl IntoIterator<Item = Self>) -> Self {
        let mut parts = Vec::new();
        for filter in filters {
            match filter {
                Self::True => {}
                Self::False => return Self::False,
                Self::And(inner) => parts.extend(inner),
                other => parts.push(other),
            }
        }
        match parts.len() {
            0 => Self::True,
            1 => parts.remove(0),
            _ => Self::And(parts),
        }
    }

    /// Disjunction, flattened, with constants folded (`true` wins over an error).
    pub fn or(filters: impl IntoIterator<Item = Self>) -> Self {
        let mut parts = Vec::new();
        for filter in filters {
            match filter {
                Self::False => {}
                Self::True => return Self::True,
                Self::Or(inner) => parts.extend(inner),
                other => parts.push(other),
            }
        }
        match parts.len() {
            0 => Self::False,
            1 => parts.remove(0),
            _ => Self::Or(parts),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_an_error_or_a_falsehood_in_a_conjunction_is_never_true() {
        let place = || Place::document(FieldPath::from_names(vec!["a".to_owned()]));
        let open = || Filter::Leaf(Leaf::Has { place: place() });
        assert!(Filter::and([open(), Filter::Error]).is_never_true());
        assert!(Filter::or([Filter::Error, Filter::and([Filter::Error, open()])]).is_never_true());
        assert!(!Filter::or([Filter::Error, open()]).is_never_true());
        assert!(!(!open()).is_never_true() && !Filter::True.is_never_true());
    }
}
