//! What the commands do to a server: one enum, executed by one function, be it here (on a stopped server's database) or
//! in the running server, reached by the socket in its data folder.

mod command;
mod execute;
mod remote;
mod socket;
mod transfer;
mod wire;

pub use command::AdminCommand;
pub use execute::execute;
pub(crate) use execute::session;
pub use remote::send;
pub(crate) use remote::{begin, connect, reply};
pub(crate) use socket::Socket;
pub(crate) use transfer::{LAST, Transfer, transfer};

/// The socket's name in a data folder.
pub(crate) const SOCKET: &str = "admin.sock";
