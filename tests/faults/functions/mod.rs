//! Functions while servers and workers are killed, and over two nodes.

mod kills;
mod nodes;
mod support;
mod workers;
