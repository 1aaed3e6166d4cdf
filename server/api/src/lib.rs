//! HTTP: routes, extractors, wire types, errors as problem documents, and the OpenAPI document made from all of it.
//!
//! Promises: a handler extracts, calls one use case and maps the answer; who may call stands in its signature; nothing
//! internal leaves in an answer; every body, parameter and wait is bounded. Knows no SQL.

mod boundary;
mod deployer;
mod extract;
pub mod metrics;
pub mod openapi;
mod pages;
mod problem;
mod ringer;
mod routes;
mod server;
mod streams;

pub use boundary::{Cors, Network};
pub use deployer::{DeployFuture, DeployWish, Deployer};
pub use server::{Health, Options, ReadyFuture, Services, metrics_server, server};
