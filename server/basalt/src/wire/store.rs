//! The database.

use basalt_core::Result;
use basalt_store::{Engine, LogLimits, Options, Store};

use crate::configuration::Configuration;
use crate::outside::Outside;

pub(crate) fn engine(configuration: &Configuration) -> Engine {
    match &configuration.database_url {
        Some(url) => {
            Engine::Postgres { url: url.expose().to_owned(), max_connections: configuration.database_connections }
        }
        None => Engine::Sqlite { folder: configuration.data.clone() },
    }
}

pub(super) async fn open(configuration: &Configuration, outside: &Outside) -> Result<Store> {
    let options = Options {
        engine: engine(configuration),
        clock: outside.clock.clone(),
        random: outside.random.clone(),
        log_limits: LogLimits {
            max_age: configuration.changes.max_age,
            max_bytes: configuration.changes.max_bytes,
            hard_max_bytes: configuration.hard_max_bytes(),
            reader_idle: configuration.changes.consumer_idle,
        },
    };
    Store::open(options).await
}
