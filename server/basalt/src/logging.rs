//! Logs go to standard error: one JSON object a line, or text for people.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use crate::configuration::{Log, LogFormat};

/// Installs the process's logger and lets panics be logged like everything else. A second call changes nothing.
pub(crate) fn install(log: &Log) {
    let filter = EnvFilter::try_new(&log.level).unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let installed = match log.format {
        LogFormat::Json => builder.json().flatten_event(true).with_current_span(false).try_init(),
        LogFormat::Text => builder.try_init(),
    };
    if installed.is_ok() {
        std::panic::set_hook(Box::new(|panic| {
            let place = panic.location().map(ToString::to_string);
            let message = panic.payload_as_str().unwrap_or("without a message");
            tracing::error!(place, panic = message, "a panic");
        }));
    }
}
