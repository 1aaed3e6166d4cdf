//! The prelude as functions see it, in this process and with a host made up for it.

mod call;
mod data;
mod fetch;
mod streams;
mod support;
mod web;
