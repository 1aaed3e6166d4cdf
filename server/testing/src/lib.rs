//! For tests: a whole server in this process or as a process of its own, on either engine, with a clock and a client.

#![expect(clippy::expect_used, reason = "a helper of tests fails them by panicking")]

mod answer;
mod client;
mod collector;
mod engine;
mod form;
pub mod functions;
mod objects;
mod outside;
mod process;
mod raw;
mod receiver;
mod server;
mod socket;
mod waiting;

pub use answer::Answer;
pub use basalt_app::PasswordCost;
pub use client::{Call, Client, Lines};
pub use collector::{CollectedSpan, Collector};
pub use engine::{Database, Engine, cluster_url, is_long, psql};
pub use form::Part;
pub use objects::Store;
pub use outside::{ManualClock, SeededRandom};
pub use process::{Process, binary};
pub use receiver::{Heard, Receiver, Reply};
pub use server::{TestServer, User, run, run_on};
pub use socket::{List, Socket};
pub use waiting::eventually;

/// Makes each of the named `async fn(TestServer)` a test on both engines: `sqlite::NAME` and `postgres::NAME`.
#[macro_export]
macro_rules! on_both_engines {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[test]
            fn $name() {
                $crate::run($crate::Engine::Sqlite, super::$name);
            })+
        }
        mod postgres {
            $(#[test]
            fn $name() {
                $crate::run($crate::Engine::Postgres, super::$name);
            })+
        }
    };
}

/// The same on local disk and on S3: `sqlite::NAME`, `postgres::NAME`, `sqlite_and_s3::NAME` and `postgres_and_s3::NAME`.
#[macro_export]
macro_rules! on_both_stores {
    ($($name:ident),+ $(,)?) => {
        $crate::on_both_engines! { $($name),+ }
        mod sqlite_and_s3 {
            $(#[test]
            fn $name() {
                $crate::run_on($crate::Engine::Sqlite, $crate::Store::S3, super::$name);
            })+
        }
        mod postgres_and_s3 {
            $(#[test]
            fn $name() {
                $crate::run_on($crate::Engine::Postgres, $crate::Store::S3, super::$name);
            })+
        }
    };
}
