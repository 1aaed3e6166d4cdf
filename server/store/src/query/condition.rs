//! Filters in negation normal form: what is left of a filter is conjunctions and disjunctions of leaves, each asked for
//! in one of its two forms.

use std::borrow::Cow;

use basalt_core::filter::{Filter, Leaf};

/// Which of a leaf's two answers is asked for; where the leaf is an error neither holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    True,
    False,
}

impl Form {
    pub(super) fn negated(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Condition<'a> {
    True,
    False,
    All(Vec<Self>),
    Any(Vec<Self>),
    Leaf(Cow<'a, Leaf>, Form),
}

impl<'a> Condition<'a> {
    /// Where the filter is true, or where it is false.
    pub(super) fn of(filter: &'a Filter, form: Form) -> Self {
        match (filter, form) {
            (Filter::True, Form::True) | (Filter::False, Form::False) => Self::True,
            (Filter::True, Form::False) | (Filter::False, Form::True) | (Filter::Error, _) => Self::False,
            (Filter::And(parts), Form::True) | (Filter::Or(parts), Form::False) => {
                Self::all(parts.iter().map(|part| Self::of(part, form)))
            }
            (Filter::Or(parts), Form::True) | (Filter::And(parts), Form::False) => {
                Self::any(parts.iter().map(|part| Self::of(part, form)))
            }
            (Filter::Not(inner), form) => Self::of(inner, form.negated()),
            (Filter::Leaf(leaf), form) => Self::Leaf(Cow::Borrowed(leaf), form),
        }
    }

    pub(super) fn all(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut flat = Vec::new();
        for part in parts {
            match part {
                Self::True => {}
                Self::False => return Self::False,
                Self::All(inner) => flat.extend(inner),
                other => flat.push(other),
            }
        }
        match flat.len() {
            0 => Self::True,
            1 => flat.remove(0),
            _ => Self::All(flat),
        }
    }

    pub(super) fn any(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut flat = Vec::new();
        for part in parts {
            match part {
                Self::False => {}
                Self::True => return Self::True,
                Self::Any(inner) => flat.extend(inner),
                other => flat.push(other),
            }
        }
        match flat.len() {
            0 => Self::False,
            1 => flat.remove(0),
            _ => Self::Any(flat),
        }
    }

    /// The conditions that all have to hold.
    pub(super) fn conjuncts(&self) -> &[Self] {
        match self {
            Self::All(parts) => parts,
            other => std::slice::from_ref(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use basalt_core::FieldPath;
    use basalt_core::filter::Place;

    #[test]
    fn not_swaps_forms_and_errors_are_neither() {
        let leaf = Filter::Leaf(Leaf::IsTrue { place: Place::document(FieldPath::parse("a").unwrap()) });
        let both = Filter::Not(Box::new(Filter::Or(vec![leaf.clone(), Filter::False])));
        let Filter::Leaf(inner) = &leaf else { unreachable!() };
        assert_eq!(Condition::of(&both, Form::True), Condition::Leaf(Cow::Borrowed(inner), Form::False));
        assert_eq!(Condition::of(&Filter::Error, Form::True), Condition::False);
        assert_eq!(Condition::of(&Filter::Error, Form::False), Condition::False);
        let or_error = Filter::Or(vec![leaf, Filter::Error]);
        assert_eq!(Condition::of(&or_error, Form::False), Condition::False);
    }
}
