//! `basalt worker`: the process in which functions run. The server starts it, with a socket as its standard input; it is
//! in no list of commands.

use std::io::IsTerminal as _;
use std::process::ExitCode;

/// Whether this process is one. Nobody else calls the binary so: from a terminal there is no such command.
pub(super) fn is_asked_for() -> bool {
    let mut arguments = std::env::args_os().skip(1);
    let worker = arguments.next().is_some_and(|first| first == "worker") && arguments.next().is_none();
    worker && !std::io::stdin().is_terminal()
}

pub(super) fn run() -> ExitCode {
    basalt_runtime::worker::main()
}
