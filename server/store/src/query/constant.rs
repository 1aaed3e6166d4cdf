//! Constants as conditions compare with them.

use basalt_core::filter::{Order, Scalar};
use basalt_core::json::canonical_f64;
use serde_json::Number;

use super::dialect::Kind;
use super::operand::storable;

/// A constant that a document may hold.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Constant<'a> {
    Null,
    Bool(bool),
    /// Canonical.
    Number(Number),
    Text(&'a str),
}

impl<'a> Constant<'a> {
    /// `None` for what equals nothing that is stored: a number that isn't finite, a text with U+0000.
    pub(super) fn of(scalar: &'a Scalar) -> Option<Self> {
        match scalar {
            Scalar::Null => Some(Self::Null),
            Scalar::Bool(value) => Some(Self::Bool(*value)),
            Scalar::Int(value) => Some(Self::Number((*value).into())),
            Scalar::Float(value) => canonical_f64(*value).map(Self::Number),
            Scalar::Text(text) => storable(text).then_some(Self::Text(text)),
        }
    }

    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Null => Kind::Null,
            Self::Bool(_) => Kind::Bool,
            Self::Number(_) => Kind::Number,
            Self::Text(_) => Kind::Text,
        }
    }
}

/// An ordering by a constant, reduced to what can be asked of the engines.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Bound<'a> {
    Number(Order, Number),
    Text(Order, &'a str),
    /// The same for all numbers.
    AnyNumber(bool),
    /// No value has an order with such a constant.
    Unordered,
}

impl<'a> Bound<'a> {
    pub(super) fn of(order: Order, value: &'a Scalar) -> Self {
        match value {
            Scalar::Null | Scalar::Bool(_) => Self::Unordered,
            Scalar::Int(value) => Self::Number(order, (*value).into()),
            Scalar::Float(value) => match canonical_f64(*value) {
                Some(number) => Self::Number(order, number),
                None if value.is_nan() => Self::Unordered,
                None => Self::AnyNumber(compares(0.0, order, *value)),
            },
            Scalar::Text(text) => match text.split_once('\0') {
                None => Self::Text(order, text),
                // Between its beginning and everything longer: stored texts hold no U+0000.
                Some((before, _)) => match order {
                    Order::Lt | Order::Le => Self::Text(Order::Le, before),
                    Order::Gt | Order::Ge => Self::Text(Order::Gt, before),
                },
            },
        }
    }
}

fn compares(left: f64, order: Order, right: f64) -> bool {
    match order {
        Order::Lt => left < right,
        Order::Le => left <= right,
        Order::Gt => left > right,
        Order::Ge => left >= right,
    }
}

pub(super) fn sign(order: Order) -> &'static str {
    match order {
        Order::Lt => "<",
        Order::Le => "<=",
        Order::Gt => ">",
        Order::Ge => ">=",
    }
}

/// What holds where the order doesn't.
pub(super) fn opposite(order: Order) -> Order {
    match order {
        Order::Lt => Order::Ge,
        Order::Le => Order::Gt,
        Order::Gt => Order::Le,
        Order::Ge => Order::Lt,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_stored_is_reduced() {
        let text = |text: &str| Scalar::Text(text.to_owned());
        assert_eq!(Constant::of(&text("a\0")), None);
        assert_eq!(Constant::of(&Scalar::Float(f64::NAN)), None);
        assert_eq!(Constant::of(&Scalar::Float(7.0)), Some(Constant::Number(7.into())));
        assert_eq!(Bound::of(Order::Lt, &text("a\0b")), Bound::Text(Order::Le, "a"));
        assert_eq!(Bound::of(Order::Ge, &text("a\0b")), Bound::Text(Order::Gt, "a"));
        assert_eq!(Bound::of(Order::Lt, &Scalar::Float(f64::INFINITY)), Bound::AnyNumber(true));
        assert_eq!(Bound::of(Order::Ge, &Scalar::Float(f64::NAN)), Bound::Unordered);
        assert_eq!(Bound::of(Order::Lt, &Scalar::Bool(true)), Bound::Unordered);
    }
}
