//! For tests, here and in the store: random expressions with the documents to try them on, and an evaluator of filters
//! that shares no code with the one of expressions.
//!
//! A [`Case`] is made of a sequence of dice; fewer and smaller dice make simpler cases, so proptest shrinks them.

mod dice;
mod filter;
mod generate;
mod world;

use proptest::prelude::*;

pub use filter::{Find, matches};
pub use world::{OTHER_COLLECTIONS, TIME_FIELDS, Times, World};

use dice::Dice;

/// A random expression in a random world.
#[derive(Clone, Debug)]
pub struct Case {
    pub expression: String,
    pub world: World,
}

/// Expressions of which most have an exact SQL form.
pub fn lowerable() -> impl Strategy<Value = Case> {
    cases(generate::Dialect::Lowerable)
}

/// Expressions whose meaning here is that of CEL: without the differences that are listed where they are compared.
pub fn plain_cel() -> impl Strategy<Value = Case> {
    cases(generate::Dialect::Cel)
}

/// How many times as long random tests go on: more in `make test-long`.
#[expect(clippy::disallowed_methods, reason = "tests are the outside: make test-long says so by the environment")]
pub fn longer() -> u32 {
    if std::env::var_os("BASALT_TEST_LONG").is_some() { 60 } else { 1 }
}

fn cases(dialect: generate::Dialect) -> impl Strategy<Value = Case> {
    (prop::collection::vec(any::<u16>(), 0..160), prop::collection::vec(any::<u16>(), 0..600)).prop_map(
        move |(words, values)| {
            let expression = generate::expression(&mut Dice::new(&words), dialect);
            let world = world::world(&mut Dice::new(&values), dialect);
            Case { expression, world }
        },
    )
}
