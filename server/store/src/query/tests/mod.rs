//! Queries on tables made here, on both engines, against what they mean.

mod aggregates;
mod distances;
mod engines;
mod generate;
mod naive;
mod pages;
mod plans;
mod printing;
mod three_valued;
mod world;

/// How many times as long property tests go on.
fn longer() -> u64 {
    basalt_expr::testkit::longer().into()
}
