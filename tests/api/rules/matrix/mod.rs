//! Every read and write path × callers × rules, against an evaluator of the test's own: `oracle` knows the rules as
//! Rust functions and shares no code with the server's expressions. A later read path is one more entry in `reads`.

mod around;
mod oracle;
mod reads;
mod world;
mod writes;
