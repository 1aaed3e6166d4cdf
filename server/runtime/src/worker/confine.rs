//! What the process gives up before it reads a byte: files, children, privileges, a life longer than the server's.
//!
//! These are for the day on which the engine itself is broken out of; code that isn't has no way to any of them.

use rustix::process::{DumpableBehavior, Resource, Rlimit, Signal};

/// Of the whole process; the server watches what is really used.
const ADDRESS_SPACE: u64 = 8 << 30;

pub(super) fn confine() -> std::io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    rustix::thread::set_no_new_privs(true)?;
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    // What is open stays open; the waiting for the socket asks for one.
    limit(Resource::Nofile, 1)?;
    limit(Resource::Fsize, 0)?;
    limit(Resource::Core, 0)?;
    limit(Resource::Nproc, 0)?;
    limit(Resource::Memlock, 0)?;
    limit(Resource::Msgqueue, 0)?;
    limit(Resource::As, ADDRESS_SPACE)
}

fn limit(resource: Resource, value: u64) -> std::io::Result<()> {
    rustix::process::setrlimit(resource, Rlimit { current: Some(value), maximum: Some(value) })?;
    Ok(())
}
