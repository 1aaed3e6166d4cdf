//! Events that leave for receivers outside, and what becomes of them.

mod deliver;
mod fail;
mod log;
mod manage;
mod rotate;
mod support;
mod trace;
