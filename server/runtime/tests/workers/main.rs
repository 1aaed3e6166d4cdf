//! Scripts in worker processes, from the sources to the report.

mod attacks;
mod calls;
mod http;
mod isolation;
mod preparing;
mod supervision;
mod support;
