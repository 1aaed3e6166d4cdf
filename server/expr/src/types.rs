//! What is known of a value's type before it is computed, and which operations are possible at all.

use std::fmt;

use crate::tree::Operator;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    /// Nothing is known.
    Any,
    /// Out of a document or another JSON value: anything but a time, a duration or a type.
    Json,
    Null,
    Bool,
    Number,
    Text,
    List,
    Map,
    Time,
    Duration,
    /// A type itself, as `type(x)` gives it.
    Kind,
}

/// The types' names, as `type(x)` gives them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TypeName {
    Null,
    Bool,
    Int,
    Double,
    String,
    List,
    Map,
    Timestamp,
    Duration,
    Type,
}

impl TypeName {
    pub(crate) const ALL: [Self; 10] = [
        Self::Null,
        Self::Bool,
        Self::Int,
        Self::Double,
        Self::String,
        Self::List,
        Self::Map,
        Self::Timestamp,
        Self::Duration,
        Self::Type,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Null => "null_type",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Double => "double",
            Self::String => "string",
            Self::List => "list",
            Self::Map => "map",
            Self::Timestamp => "timestamp",
            Self::Duration => "duration",
            Self::Type => "type",
        }
    }

    /// For messages.
    pub(crate) fn phrase(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool => "a boolean",
            Self::Int | Self::Double => "a number",
            Self::String => "a text",
            Self::List => "a list",
            Self::Map => "a map",
            Self::Timestamp => "a timestamp",
            Self::Duration => "a duration",
            Self::Type => "a type",
        }
    }
}

impl Type {
    /// Whether a value of this type may be of the other.
    pub(crate) fn may_be(self, other: Self) -> bool {
        match (self, other) {
            (Self::Any, _) | (_, Self::Any) => true,
            (Self::Json, other) | (other, Self::Json) => !other.is_beyond_json(),
            (own, other) => own == other,
        }
    }

    /// Types that no JSON value has.
    pub(crate) fn is_beyond_json(self) -> bool {
        matches!(self, Self::Time | Self::Duration | Self::Kind)
    }

    /// What is known of a value that is one of the two.
    pub(crate) fn either(self, other: Self) -> Self {
        match (self, other) {
            (own, other) if own == other => own,
            (own, other)
                if own != Self::Any && other != Self::Any && !own.is_beyond_json() && !other.is_beyond_json() =>
            {
                Self::Json
            }
            _ => Self::Any,
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Any | Self::Json => "a value",
            Self::Null => "null",
            Self::Bool => "a boolean",
            Self::Number => "a number",
            Self::Text => "a text",
            Self::List => "a list",
            Self::Map => "a map",
            Self::Time => "a timestamp",
            Self::Duration => "a duration",
            Self::Kind => "a type",
        })
    }
}

/// (left, right, result)
type Overload = (Type, Type, Type);

const ADD: &[Overload] = &[
    (Type::Number, Type::Number, Type::Number),
    (Type::Text, Type::Text, Type::Text),
    (Type::List, Type::List, Type::List),
    (Type::Time, Type::Duration, Type::Time),
    (Type::Duration, Type::Time, Type::Time),
    (Type::Duration, Type::Duration, Type::Duration),
];
const SUBTRACT: &[Overload] = &[
    (Type::Number, Type::Number, Type::Number),
    (Type::Time, Type::Time, Type::Duration),
    (Type::Time, Type::Duration, Type::Time),
    (Type::Duration, Type::Duration, Type::Duration),
];
const NUMBERS: &[Overload] = &[(Type::Number, Type::Number, Type::Number)];

/// What the operator makes of two types; `None` where it is an error whatever the values are.
pub(crate) fn arithmetic(operator: Operator, left: Type, right: Type) -> Option<Type> {
    let overloads = match operator {
        Operator::Add => ADD,
        Operator::Subtract => SUBTRACT,
        Operator::Multiply | Operator::Divide | Operator::Modulo => NUMBERS,
    };
    let fitting = overloads.iter().filter(|(own, other, _)| left.may_be(*own) && right.may_be(*other));
    fitting.map(|(_, _, result)| *result).reduce(Type::either)
}

/// Whether two types can have an order: numbers, texts, timestamps, durations, each among themselves.
pub(crate) fn are_ordered(left: Type, right: Type) -> bool {
    [Type::Number, Type::Text, Type::Time, Type::Duration]
        .into_iter()
        .any(|ordered| left.may_be(ordered) && right.may_be(ordered))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_knows_what_is_impossible() {
        assert_eq!(arithmetic(Operator::Add, Type::Number, Type::Text), None);
        assert_eq!(arithmetic(Operator::Add, Type::Json, Type::Text), Some(Type::Text));
        assert_eq!(arithmetic(Operator::Add, Type::Json, Type::Duration), None);
        assert_eq!(arithmetic(Operator::Add, Type::Any, Type::Duration), Some(Type::Any));
        assert_eq!(arithmetic(Operator::Add, Type::Json, Type::Json), Some(Type::Json));
        assert_eq!(arithmetic(Operator::Subtract, Type::Time, Type::Time), Some(Type::Duration));
        assert_eq!(arithmetic(Operator::Modulo, Type::Null, Type::Any), None);
    }

    #[test]
    fn order_is_within_a_type() {
        assert!(are_ordered(Type::Json, Type::Number));
        assert!(!are_ordered(Type::Json, Type::Time));
        assert!(!are_ordered(Type::Bool, Type::Bool));
        assert!(!are_ordered(Type::Text, Type::Number));
    }
}
