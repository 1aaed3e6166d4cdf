//! Queries on tables made here, on both engines, against what they mean.

mod aggregates;
mod engines;
mod generate;
mod naive;
mod pages;
mod plans;
mod printing;
mod three_valued;
mod world;

/// How much longer property tests go on with the feature `long`.
const LONGER: u64 = if cfg!(feature = "long") { 60 } else { 1 };
